//! The server around the engine: its turns, the jobs of its store, and its end.

use std::time::Duration;

use postroom_engine::ListenerOptions;
use postroom_store::{Job as _, Timestamp};

use crate::link::Link;
use crate::person::Speaks;
use crate::world::{Event, TroubledDisk, UnderWay, World};

/// How long an operator waits for a server to stop.
const STOP_LIMIT: Duration = Duration::from_secs(5);

impl<D: TroubledDisk> World<D> {
    /// Opens the listeners of a process that starts.
    pub(crate) fn add_listeners(&mut self) {
        let listeners = Speaks::ALL.into_iter().zip(self.scenario.rules.access);
        let add = |(speaks, access): (Speaks, _)| {
            let options = ListenerOptions { access, ..ListenerOptions::default() };
            self.driver.add_listener(speaks.name(), options)
        };
        self.listeners = listeners.map(add).collect();
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
        self.take_administered();
        self.begin_jobs();
        self.begin_dials();
        self.driver.disk.keep_house();
        self.check_turn();
        self.driver.now += self.random.micros(200);
        if !self.is_calm() {
            self.trouble_process();
        }
        if self.is_stopping && self.driver.engine.is_running() && self.driver.engine.has_stopped() {
            self.stopped();
        }
    }

    pub(crate) fn tell_time(&mut self) {
        let since = self.driver.now - self.began;
        let millis = u64::try_from(since.as_millis()).unwrap_or(0);
        self.driver.wall = Timestamp(self.wall_offset.saturating_add(millis));
        self.judge.time_is(self.driver.wall);
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
                self.clients[client].is_connecting = false;
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
        self.take_administered();
        self.operator_is_cut_off();
        let at = self.judge.tick();
        self.judge.all_gone(at);
        let wait = self.random.micros(2_000_000);
        self.plan(wait, Event::Start);
    }

    /// The process starts.
    pub(crate) fn start(&mut self) {
        if !self.driver.engine.is_running() {
            self.note(|| "the process starts".to_owned());
            self.driver.start();
            self.judge.usage.started(self.driver.now - self.began);
            self.judge.peers.started();
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
}
