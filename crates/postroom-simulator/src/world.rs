//! One simulation: an engine, its clients, and what is between them.
//!
//! Everything that happens is an event at a time, and the events of a seed are always the
//! same. The server has a turn whenever something happened that it would be woken by.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use postroom_engine::ListenerKey;
use postroom_store::{Job, Limits, Store, Timestamp};

use crate::clients::Talk;
use crate::copied::Copied;
use crate::disk::Disk;
use crate::driver::Driver;
use crate::judge::{Excuses, Judge};
use crate::link::Link;
use crate::operator::Operator;
use crate::peer::{HeldDial, PeerKey};
use crate::person::Person;
use crate::random::Random;
use crate::reader::Reader;
use crate::scenario::{Network, Scenario, StoreTroubles};
use crate::tally::Tally;

/// A disk whose troubles a simulation decides.
pub(crate) trait TroubledDisk: Disk {
    /// Registers accounts before the first start.
    fn prepare(&mut self, scenario: &Scenario);

    /// From now on calls and the disk fail so often.
    fn trouble(&mut self, troubles: StoreTroubles, random: Random);

    /// From now on nothing fails.
    fn calm(&mut self);

    /// The disk becomes full, or has room again.
    fn set_full(&mut self, is_full: bool);

    /// The process is killed, or the power is cut. Then the store is dropped.
    fn cut(&mut self);

    /// The store was dropped in order.
    fn close(&mut self);

    /// Flips a bit of what is kept, where bits can flip. The store is closed.
    fn flip_bit(&mut self) -> bool;

    /// Opens the store of a disk with a flipped bit, which may refuse it.
    fn open_damaged(&mut self, limits: Limits) -> Option<Self::Store>;

    /// Reads all of a backup, at this time of day.
    fn read_backup(&self, copy: &[u8], limits: Limits, wall: Timestamp) -> Copied;

    /// Writes that were lost so far.
    fn writes_lost(&self) -> u64;

    /// Housekeeping of the store that is due and that another thread would do.
    fn keep_house(&mut self);
}

/// How far a simulation is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    /// Clients do what they do, and everything fails that may.
    Storm,
    /// Nothing fails any more; clients wait for their answers.
    Calm,
    /// They leave.
    Farewell,
}

/// Something that will happen.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// A client does something.
    Act(usize),
    /// What a client has sent reaches the server.
    Up(PeerKey),
    /// What the server has sent reaches a client's machine.
    Down(PeerKey),
    /// A job runs, and later its result comes back.
    Run(u64),
    Finish(u64),
    /// A dial has a result.
    Dialled(u64),
    /// The process starts.
    Start,
    /// The operator does something.
    Operate,
    /// A page of a channel's history is read.
    ReadHistory,
    /// The operator has waited long enough for the process to stop.
    StopLimit,
}

/// A job of the store on another thread.
pub(crate) enum UnderWay<D: Disk> {
    Waiting(<D::Store as Store>::Job),
    Done(<<D::Store as Store>::Job as Job>::Done),
}

/// Somebody, and what they do at the time.
pub(crate) struct Client {
    pub(crate) person: Person,
    pub(crate) random: Random,
    pub(crate) talk: Option<Talk>,
    /// It waits in the listener's backlog.
    pub(crate) is_connecting: bool,
}

/// A simulation.
pub(crate) struct World<D: Disk> {
    pub(crate) scenario: Scenario,
    pub(crate) driver: Driver<D>,
    pub(crate) judge: Judge,
    pub(crate) random: Random,
    pub(crate) network: Network,
    pub(crate) clients: Vec<Client>,
    pub(crate) operator: Operator,
    pub(crate) reader: Reader,
    pub(crate) links: BTreeMap<PeerKey, Link>,
    pub(crate) jobs: BTreeMap<u64, UnderWay<D>>,
    pub(crate) dials: BTreeMap<u64, HeldDial>,
    pub(crate) listeners: Vec<ListenerKey>,
    agenda: BTreeMap<(Instant, u64), Event>,
    last_event: u64,
    /// Clients in the listeners' backlogs, the first to come first.
    pub(crate) backlog: Vec<usize>,
    pub(crate) visits: usize,
    /// What clients may still do.
    pub(crate) actions: usize,
    pub(crate) phase: Phase,
    /// The engine has been asked to stop.
    pub(crate) is_stopping: bool,
    /// The server has something to look at.
    pub(crate) is_woken: bool,
    pub(crate) is_full: bool,
    pub(crate) turns: usize,
    /// Connections that clients had opened at the end of the last turn.
    pub(crate) fronts: usize,
    /// The turn in which an operator has changed the settings last.
    pub(crate) rules_since: Option<usize>,
    /// Bytes that waited for each connection at the end of the last turn.
    pub(crate) waited: BTreeMap<PeerKey, usize>,
    /// When the wall clock was set, by so many milliseconds.
    pub(crate) wall_offset: u64,
    pub(crate) began: Instant,
    pub(crate) tally: Tally,
    /// What happened, for people.
    pub(crate) trace: Option<Vec<String>>,
}

impl<D: TroubledDisk> World<D> {
    /// The beginning of a simulation.
    pub(crate) fn new(seed: u64, scenario: Scenario, mut disk: D, is_traced: bool) -> Self {
        disk.prepare(&scenario);
        let mut driver = Driver::on(disk, scenario.rules.settings.clone(), scenario.rules.limits);
        driver.held_dials = Some(Vec::new());
        driver.disk.trouble(scenario.store, Random::new(seed, 1));
        let people = scenario.people.iter().cloned().enumerate();
        let clients: Vec<_> = people
            .map(|(number, person)| Client {
                person,
                random: Random::new(seed, 100 + number as u64),
                talk: None,
                is_connecting: false,
            })
            .collect();
        let mut judge = Judge::default();
        judge.mailboxes.set_store(scenario.store);
        judge.set_rules(&scenario.rules, 0, Duration::ZERO);
        judge.mailboxes.set_retention(scenario.rules.limits.retention.messages_ms);
        judge.presences.set_certain(scenario.store);
        let may_evict = scenario.limits_accounts();
        let may_be_busy = scenario.limits_checks();
        let may_fail = !scenario.store.is_sound();
        judge.locks.begin(scenario.accounts(), Excuses { may_evict, may_be_busy, may_fail });
        judge.is_punctual = scenario.is_punctual();
        judge.has_aside = scenario.has_aside;
        judge.is_store_sound = scenario.store.is_sound();
        let (now, operator) = (driver.now, Operator::new(seed, &scenario));
        let mut world = Self {
            network: scenario.network,
            actions: scenario.actions,
            scenario,
            driver,
            judge,
            random: Random::new(seed, 2),
            operator,
            reader: Reader::new(seed),
            clients,
            links: BTreeMap::new(),
            jobs: BTreeMap::new(),
            dials: BTreeMap::new(),
            listeners: Vec::new(),
            agenda: BTreeMap::new(),
            last_event: 0,
            backlog: Vec::new(),
            visits: 0,
            phase: Phase::Storm,
            is_stopping: false,
            is_woken: false,
            is_full: false,
            turns: 0,
            fronts: 0,
            rules_since: None,
            waited: BTreeMap::new(),
            wall_offset: 1_700_000_000_000,
            began: now,
            tally: Tally::default(),
            trace: is_traced.then(Vec::new),
        };
        world.add_listeners();
        world.tell_time();
        for client in 0..world.clients.len() {
            let wait = world.random.micros(50_000);
            world.plan(wait, Event::Act(client));
        }
        world.plan(Duration::from_micros(1), Event::Operate);
        world.plan_reading();
        world
    }

    /// Notes what happens, if somebody wants to know.
    pub(crate) fn note(&mut self, what: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let at = self.driver.now - self.began;
            trace.push(format!("{:>12.6} {}", at.as_secs_f64(), what()));
        }
    }

    /// Something will happen after a while; returns its number.
    pub(crate) fn plan(&mut self, wait: Duration, event: Event) -> u64 {
        self.plan_at(self.driver.now + wait, event)
    }

    /// Something will happen at this time; returns its number.
    pub(crate) fn plan_at(&mut self, at: Instant, event: Event) -> u64 {
        self.last_event += 1;
        self.agenda.insert((at, self.last_event), event);
        self.last_event
    }

    /// The number that the next planned event will have.
    pub(crate) fn next_number(&self) -> u64 {
        self.last_event + 1
    }

    /// These clients do nothing; the operator has the number after the last one.
    pub(crate) fn leave_out(&mut self, clients: &[usize]) {
        let operator = self.clients.len();
        let is_out = |event: &Event| match event {
            Event::Act(client) => clients.contains(client),
            Event::Operate => clients.contains(&operator),
            _ => false,
        };
        self.agenda.retain(|_, event| !is_out(event));
    }

    /// Whether nothing fails any more.
    pub(crate) fn is_calm(&self) -> bool {
        self.phase != Phase::Storm
    }

    /// Does what is next, until `end`; returns whether there was anything.
    pub(crate) fn step(&mut self, end: Instant) -> bool {
        if self.driver.engine.is_running() && (self.is_woken || self.driver.engine.has_work()) {
            self.turn();
            return true;
        }
        let event = self.agenda.keys().next().map(|(at, _)| *at);
        let running = self.driver.engine.is_running();
        let deadline = running.then(|| self.driver.engine.next_deadline()).flatten();
        let Some(next) = event.into_iter().chain(deadline).min().filter(|next| *next <= end) else {
            self.driver.now = self.driver.now.max(end);
            return false;
        };
        self.driver.now = self.driver.now.max(next);
        let due = (self.driver.now, u64::MAX);
        while let Some(entry) = self.agenda.first_entry()
            && *entry.key() <= due
        {
            let event = entry.remove();
            self.happen(event);
        }
        self.is_woken |= deadline.is_some_and(|deadline| deadline <= self.driver.now);
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Act(client) => self.act(client),
            Event::Up(peer) => self.arrive_up(peer),
            Event::Down(peer) => self.arrive_down(peer),
            Event::Run(job) => self.run_job(job),
            Event::Finish(job) => self.finish_job(job),
            Event::Dialled(dial) => self.dialled(dial),
            Event::Start => self.start(),
            Event::Operate => self.operate(),
            Event::ReadHistory => self.read_some_history(),
            Event::StopLimit => self.end_stop(),
        }
    }
}
