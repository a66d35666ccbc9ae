//! The server around the engine: its turns, the jobs of its store, and its end.

use std::time::Duration;

use postroom_engine::ListenerOptions;
use postroom_store::{Job as _, Timestamp};

use crate::clients::What;
use crate::link::Link;
use crate::person::{Manners, Speaks};
use crate::world::{Event, TroubledDisk, UnderWay, World};

/// Turns in which a polite client is served, where nothing is in its way.
const TURNS_MAX: u32 = 400;

/// Bytes of the longest answer, but for the pages of a timeline.
const ANSWER_BYTES_MAX: usize = 4 << 10;

/// How long an operator waits for a server to stop.
const STOP_LIMIT: Duration = Duration::from_secs(5);

impl<D: TroubledDisk> World<D> {
    /// Opens the listeners of a process that starts.
    pub(crate) fn add_listeners(&mut self) {
        let options = ListenerOptions::default();
        let names = Speaks::ALL.map(Speaks::name);
        self.listeners =
            names.into_iter().map(|name| self.driver.add_listener(name, options)).collect();
        let on_thread = self.scenario.store.job_micros.is_some();
        self.driver.held = on_thread.then(Vec::new);
    }

    /// One turn of the server.
    pub(crate) fn turn(&mut self) {
        self.is_woken = false;
        self.turns += 1;
        self.tell_time();
        self.give_up_dead();
        if self.driver.failure.is_none() {
            self.driver.turn();
        }
        for line in std::mem::take(&mut self.driver.log) {
            self.note(|| format!("log: {line:?}"));
        }
        self.driver.reports.clear();
        if let Some(failure) = self.driver.failure.take() {
            self.note(|| format!("the store has failed: {}", failure.cause));
            self.tally.failures += 1;
            return self.kill();
        }
        self.accept();
        self.collect();
        self.begin_jobs();
        self.begin_dials();
        self.driver.disk.keep_house();
        self.check_limits();
        self.check_waiting();
        self.check_before_login();
        self.check_prompt();
        self.count_turn();
        self.driver.now += self.random.micros(200);
        if !self.is_calm() {
            self.trouble_process();
        }
        if self.is_stopping && self.driver.engine.is_running() && self.driver.engine.has_stopped() {
            self.stopped();
        }
    }

    fn tell_time(&mut self) {
        let since = self.driver.now - self.began;
        let millis = u64::try_from(since.as_millis()).unwrap_or(0);
        self.driver.wall = Timestamp(self.wall_offset.saturating_add(millis));
    }

    /// Accepts clients from the backlogs, as long as there are places.
    fn accept(&mut self) {
        let now = self.driver.now;
        if self.is_stopping {
            return;
        }
        if !self.backlog.is_empty() {
            self.driver.engine.make_places(now, true);
            self.driver.perform();
            while !self.backlog.is_empty() && self.driver.engine.has_place() {
                let client = self.backlog.remove(0);
                self.connected(client);
            }
            self.driver.perform();
        }
        let waits = !self.backlog.is_empty();
        self.driver.engine.make_places(now, waits);
    }

    /// Jobs that the engine has given out run for a while.
    fn begin_jobs(&mut self) {
        let most = self.scenario.store.job_micros.unwrap_or(0);
        let jobs = self.driver.held.as_mut().map(std::mem::take).unwrap_or_default();
        for job in jobs {
            let number = self.next_number();
            self.jobs.insert(number, UnderWay::Waiting(job));
            let wait = if self.is_calm() { Duration::ZERO } else { self.random.micros(most) };
            self.plan(wait, Event::Run(number));
        }
    }

    /// A job runs; its result comes back later.
    pub(crate) fn run_job(&mut self, number: u64) {
        if let Some(UnderWay::Waiting(job)) = self.jobs.remove(&number) {
            let done = job.run();
            let number = self.next_number();
            self.jobs.insert(number, UnderWay::Done(done));
            let wait = self.random.micros(500);
            self.plan(wait, Event::Finish(number));
        }
    }

    /// The result of a job comes back.
    pub(crate) fn finish_job(&mut self, number: u64) {
        if let Some(UnderWay::Done(done)) = self.jobs.remove(&number)
            && self.driver.engine.is_running()
        {
            self.driver.finish(done);
            self.is_woken = true;
        }
    }

    fn begin_dials(&mut self) {
        let dials = self.driver.held_dials.as_mut().map(std::mem::take).unwrap_or_default();
        for dial in dials {
            assert!(dial.port >= 1_024, "port {} is dialled", dial.port);
            let number = self.next_number();
            self.dials.insert(number, dial);
            let wait = self.random.micros(20_000);
            self.plan(wait, Event::Dialled(number));
        }
    }

    /// A dial has a result.
    pub(crate) fn dialled(&mut self, number: u64) {
        let Some(dial) = self.dials.remove(&number) else {
            return;
        };
        let back = dial.back;
        let front = self.driver.front(back);
        let front = front.and_then(|front| self.links.get(&front)).filter(|link| !link.is_dead);
        let refused = self.random.chance(self.network.unanswered_dials);
        let Some(link) = front.filter(|link| !link.is_left && !refused) else {
            self.driver.answer_dial(&dial, false);
            self.is_woken = true;
            return;
        };
        let link = Link::new(link.client, link.visit, true, self.driver.now);
        if !self.driver.is_gone(back) {
            self.driver.answer_dial(&dial, true);
            self.links.insert(back, link);
        }
        self.is_woken = true;
    }

    /// The process ends at once, and is started again later.
    pub(crate) fn kill(&mut self) {
        self.tally.kills += 1;
        self.driver.disk.cut();
        self.end();
    }

    /// The process has stopped in order, and is started again later.
    fn stopped(&mut self) {
        // A job that is under way is waited for.
        let jobs: Vec<u64> = self.jobs.keys().copied().collect();
        for job in jobs {
            self.run_job(job);
        }
        self.end();
        self.driver.disk.close();
    }

    fn end(&mut self) {
        self.note(|| "the process ends".to_owned());
        self.collect();
        self.jobs.clear();
        self.driver.stop_abruptly();
        self.dials.clear();
        self.is_stopping = false;
        // Clients learn of it once what was sent before has arrived.
        self.collect();
        let at = self.judge.tick();
        self.judge.presences.all_gone(at);
        let wait = self.random.micros(2_000_000);
        self.plan(wait, Event::Start);
    }

    /// The process starts.
    pub(crate) fn start(&mut self) {
        if !self.driver.engine.is_running() {
            self.note(|| "the process starts".to_owned());
            self.driver.start();
            self.judge.usage.started(self.driver.now - self.began);
            self.add_listeners();
            self.is_woken = true;
        }
    }

    /// Clients that have not left by now are cut off.
    pub(crate) fn end_stop(&mut self) {
        if self.is_stopping {
            self.stopped();
        }
    }

    fn trouble_process(&mut self) {
        let troubles = self.scenario.process;
        if self.random.chance(self.scenario.store.full) {
            self.is_full = !self.is_full;
            let is_full = self.is_full;
            self.note(|| format!("the disk is full: {is_full}"));
            self.driver.disk.set_full(is_full);
        }
        if self.random.chance(troubles.clock_sets) {
            let years = 1_000 * 60 * 60 * 24 * 366 * self.random.below(50) as u64;
            self.wall_offset = years;
        }
        if self.random.chance(troubles.sleeps) {
            self.driver.now += self.random.micros(20_000_000) * 600;
            self.is_woken = true;
        }
        if self.random.chance(troubles.kills) {
            self.kill();
        } else if self.random.chance(troubles.stops) && !self.is_stopping {
            self.note(|| "the operator stops the process".to_owned());
            self.driver.engine.stop(self.driver.now);
            (self.is_stopping, self.is_woken) = (true, true);
            self.plan(STOP_LIMIT, Event::StopLimit);
        }
    }

    /// Limits of the engine that can be seen from outside.
    fn check_limits(&mut self) {
        let settings = &self.scenario.settings;
        let connections = self.driver.engine.connections();
        let backs = self.links.values().filter(|link| link.is_back).count() + self.dials.len();
        assert!(
            connections <= settings.connections_max + backs,
            "{connections} connections of {}",
            settings.connections_max
        );
    }

    /// The bytes that wait are no more than may wait.
    fn check_waiting(&mut self) {
        let settings = &self.scenario.settings;
        let most = settings.session.output_bytes_max + ANSWER_BYTES_MAX;
        let mut before = std::mem::take(&mut self.waited);
        let mut in_all = 0;
        for peer in self.driver.live() {
            let waiting = self.driver.waiting(peer);
            // Pages of a timeline are longer.
            let link = self.links.get(&peer);
            let has_pages =
                link.is_none_or(|link| self.clients[link.client].person.speaks == Speaks::Board);
            assert!(has_pages || waiting <= most, "{waiting} bytes of {most} wait for {peer:?}");
            // The limit in all holds when a turn begins.
            in_all += waiting.min(before.remove(&peer).unwrap_or(0));
            self.waited.insert(peer, waiting);
        }
        let most = settings.output_bytes_in_all;
        assert!(in_all <= most, "{in_all} bytes of {most} wait in all");
    }

    /// No more connections that say nothing than may wait for their login.
    fn check_before_login(&self) {
        let turns = self.turns;
        let is_mute = |link: &&Link| {
            let talk = self.clients[link.client].talk.as_ref();
            talk.is_some_and(|talk| talk.visit == link.visit && talk.is_mute)
        };
        // One that has just come is looked at in the next turn, and ended after it.
        let waits = |link: &&Link| !link.has_end && !link.is_dead && link.opened + 2 < turns;
        let waiting = self.links.values().filter(is_mute).filter(waits).count();
        let most = (self.scenario.settings.connections_max / 4).max(1);
        assert!(waiting <= most, "{waiting} connections wait for their login, of {most}");
    }

    /// What waits for nothing but the server is answered when that has nothing to do, though
    /// a commit is under way.
    fn check_prompt(&self) {
        let is_idle = !self.is_woken && !self.driver.engine.has_work();
        let rates = self.scenario.settings.rates != postroom_engine::RateLimits::default();
        if !is_idle || rates || !self.scenario.store.is_prompt() || self.is_stopping {
            return;
        }
        for client in &self.clients {
            let is_polite = client.person.manners == Manners::Polite;
            let talk = client.talk.as_ref().filter(|talk| is_polite && !talk.has_ended);
            // What was read may have to be removed first.
            let Some(talk) = talk.filter(|talk| talk.speaks() == Speaks::Chat && !talk.has_read)
            else {
                continue;
            };
            let waits = talk.outbox.is_empty()
                && !talk.asked.is_empty()
                && talk.asked.iter().all(|asked| asked.what.is_live());
            let is_quiet = self.links.get(&talk.front).is_some_and(Link::is_quiet);
            assert!(!waits || !is_quiet, "{} waits for {:?}", client.person.name, talk.asked);
        }
    }

    /// A polite client whose lines have all arrived is served within a number of turns.
    fn count_turn(&mut self) {
        let store_waits =
            !self.jobs.is_empty() || (self.scenario.store.late > 0 && !self.is_calm());
        for client in &mut self.clients {
            let is_polite = client.person.manners == Manners::Polite;
            // A request on the board may end with a pause.
            let pauses = client.person.speaks == Speaks::Board;
            let Some(talk) =
                client.talk.as_mut().filter(|talk| is_polite && talk.has_ended == pauses)
            else {
                continue;
            };
            let link = self.links.get(&talk.front);
            let is_quiet = link.is_some_and(Link::is_quiet);
            // On im some wait for others, or a message that is being pushed is read or removed
            // first; on the board all wait for the store.
            let speaks = client.person.speaks;
            let may_wait = speaks == Speaks::Im || store_waits;
            let own_waits = speaks == Speaks::Board || speaks == Speaks::Im && store_waits;
            let waits_for_server = |what: &What| {
                what.is_live() && !own_waits || !may_wait && !matches!(what, What::Posts)
            };
            let rates = self.scenario.settings.rates != postroom_engine::RateLimits::default();
            if is_quiet
                && !rates
                && talk.outbox.is_empty()
                && !talk.asked.is_empty()
                && talk.asked.iter().all(|asked| waits_for_server(&asked.what))
            {
                talk.turns_waited += 1;
                assert!(
                    talk.turns_waited <= TURNS_MAX,
                    "{} waits for {:?} since {TURNS_MAX} turns",
                    client.person.name,
                    talk.asked
                );
            }
        }
    }
}
