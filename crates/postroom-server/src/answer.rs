//! Committing what was asked, and writing the answers.

use std::time::{SystemTime, UNIX_EPOCH};

use postroom_protocol::{Category, Close, Input, Stream, Timer};
use postroom_store::{Store, StoreFailure, Timestamp};

use crate::connection::{Ending, Peer, Phase};
use crate::event_loop::Server;
use crate::seat::Seat;
use crate::timers::Deadline;

impl<S: Store> Server<S> {
    /// Commits what all sessions have asked for as one group, and takes the
    /// replies to them.
    pub(crate) fn settle(&mut self) -> Result<(), StoreFailure> {
        if !self.office.is_unsettled() {
            return Ok(());
        }
        let mut news = std::mem::take(&mut self.news);
        self.office.settle(timestamp(), &mut news)?;
        self.tell(&mut news);
        self.news = news;
        Ok(())
    }

    /// Begins the password checks for which there is a thread.
    pub(crate) fn check_passwords(&mut self) {
        while self.threads.can_check()
            && let Some(check) = self.office.take_check()
        {
            self.threads.check(check);
        }
    }

    /// Notes that a connection has answers to be written, or is to be ended.
    pub(crate) fn will_flush(&mut self, key: usize) {
        let connection = &mut self.connections[key];
        if !std::mem::replace(&mut connection.in_unflushed, true) {
            self.unflushed.push(key);
        }
    }

    /// Writes the answers of all connections that have any.
    pub(crate) fn flush(&mut self) {
        let mut keys = std::mem::take(&mut self.unflushed);
        for key in keys.drain(..) {
            if let Some(connection) = self.connections.get_mut(key) {
                connection.in_unflushed = false;
                self.flush_one(key);
            }
        }
        // Those that have more to say are in the new list already.
        keys.append(&mut self.unflushed);
        self.unflushed = keys;
    }

    pub(crate) fn flush_one(&mut self, key: usize) {
        let connection = &mut self.connections[key];
        if connection.phase == Phase::Dialling {
            return;
        }
        if let Err(error) = connection.flush() {
            self.remove(key, Ending::Broken(error.kind()));
            return;
        }
        if !connection.output.is_empty() {
            // Goes on when the socket is told to be writable.
            return;
        }
        self.spare.put(std::mem::take(&mut connection.output));
        match (connection.phase, connection.stream) {
            (Phase::Open, Stream::Front) => self.written(key),
            (Phase::Open, Stream::Back) | (Phase::Draining(_) | Phase::Dialling, _) => {}
            (Phase::Closing(close), Stream::Front) => self.end_session(key, close),
            (Phase::Closing(close), Stream::Back) => self.end(key, close),
        }
    }

    fn written(&mut self, key: usize) {
        let connection = &self.connections[key];
        let Some(session) = connection.session else {
            return;
        };
        let readable = connection.readable;
        if self.seats.get(session).is_some_and(|seat| !seat.session.takes_bytes()) {
            self.feed(session, Input::Written);
        }
        if readable {
            self.will_take(key);
        }
    }

    /// Ends our side of a session whose last answers are written, the connection
    /// that the server opened before the one that the client did.
    fn end_session(&mut self, front: usize, close: Close) {
        let seat = self.connections[front].session.and_then(|session| self.seats.get(session));
        if let Some(back) = seat.and_then(|seat| seat.back) {
            let connection = &mut self.connections[back];
            if connection.phase == Phase::Open {
                connection.phase = Phase::Closing(close);
                self.flush_one(back);
            }
        }
        self.end(front, close);
    }

    /// Ends our side of a connection, and waits a little for the peer to end its
    /// own, so that no answer is lost to a reset.
    fn end(&mut self, key: usize, close: Close) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        connection.end();
        connection.phase = Phase::Draining(close);
        if connection.peer == Peer::Ended {
            self.remove(key, Ending::AsItsPhase);
            return;
        }
        connection.readable = true;
        if connection.drain.is_none() {
            let limit = self.now + self.settings.drain_limit;
            self.timers.set(&mut connection.drain, Deadline::Drain(key), Some(limit));
        }
        self.will_take(key);
    }

    /// Tells all sessions that the server stops.
    pub(crate) fn stop_sessions(&mut self) {
        for session in self.seats.keys() {
            let front = self.seats.get(session).map(|seat| seat.front);
            if front.is_some_and(|front| self.connections[front].phase == Phase::Open) {
                self.feed(session, Input::Stop);
            }
        }
    }

    /// Forgets a connection, and its session if that was the client's own: what it
    /// was handed and did not confirm is unread again.
    pub(crate) fn remove(&mut self, key: usize, ending: Ending) {
        let mut connection = self.connections.remove(key);
        self.timers.set(&mut connection.drain, Deadline::Drain(key), None);
        self.watches.retain(|watch| watch.connection != key);
        if let Some(session) = connection.session {
            match connection.stream {
                Stream::Front => self.remove_seat(session, ending.reason(connection.phase)),
                Stream::Back => self.remove_back(session, connection.phase),
            }
        }
        // A place is free for a connection in a listener's queue.
        self.connections_may_wait();
    }

    fn remove_seat(&mut self, session: usize, (reason, is_a_limit): (&'static str, bool)) {
        self.give_up_dial(session);
        self.before_login.remove(session);
        let Some(mut seat) = self.seats.remove(session) else {
            return;
        };
        self.clear_deadlines(session, &mut seat);
        self.office.leave(seat.visit);
        self.log_disconnected(&seat, reason, is_a_limit);
        if seat.protocol.reports {
            self.report(Category::Connection, "a client is gone");
        }
        if let Some(back) = seat.back {
            let connection = &mut self.connections[back];
            connection.session = None;
            // What is still to be said over it is said.
            if !matches!(connection.phase, Phase::Closing(_) | Phase::Draining(_)) {
                self.remove(back, Ending::AsItsPhase);
            }
        }
    }

    fn remove_back(&mut self, session: usize, phase: Phase) {
        if let Some(seat) = self.seats.get_mut(session) {
            seat.back = None;
            if phase == Phase::Open {
                self.feed(session, Input::End { stream: Stream::Back, proof: false });
            }
        }
    }

    fn clear_deadlines(&mut self, session: usize, seat: &mut Seat) {
        for timer in Timer::ALL {
            let deadline = Deadline::Session(session, timer);
            self.timers.set(seat.deadlines.timer(timer), deadline, None);
        }
    }
}

fn timestamp() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
