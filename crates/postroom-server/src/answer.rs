//! Committing what was asked, and writing the answers.

use std::time::{SystemTime, UNIX_EPOCH};

use postroom_protocol::{Close, Input};
use postroom_store::{Store, StoreFailure, Timestamp};

use crate::connection::{Peer, Phase};
use crate::event_loop::Server;
use crate::timers::Deadline;

impl<S: Store> Server<S> {
    /// Commits what all sessions have asked for as one group, and takes the
    /// replies to them.
    pub(crate) fn settle(&mut self) -> Result<(), StoreFailure> {
        if !self.office.is_unsettled() {
            return Ok(());
        }
        let mut replies = std::mem::take(&mut self.replies);
        self.office.settle(timestamp(), &mut replies)?;
        for (session, reply) in replies.drain(..) {
            let key = self.owners[session.key()];
            let Some(connection) = self.connections.get(key) else {
                continue;
            };
            if connection.visit == session {
                let waits = connection.readable;
                self.feed(key, Input::Reply(reply));
                if waits {
                    self.will_take(key);
                }
            }
        }
        self.replies = replies;
        for check in self.office.take_checks() {
            self.threads.check(check);
        }
        Ok(())
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

    fn flush_one(&mut self, key: usize) {
        let connection = &mut self.connections[key];
        if connection.flush().is_err() {
            self.remove(key);
            return;
        }
        if !connection.output.is_empty() {
            // Goes on when the socket is told to be writable.
            return;
        }
        self.spare.put(std::mem::take(&mut connection.output));
        match connection.phase {
            Phase::Open => {
                let (stalled, readable) = (!connection.session.takes_bytes(), connection.readable);
                if stalled {
                    self.feed(key, Input::Written);
                }
                if readable {
                    self.will_take(key);
                }
            }
            Phase::Draining(_) => {}
            Phase::Closing(close) => self.end(key, close),
        }
    }

    /// Ends our side, and waits a little for the peer to end its own, so that
    /// no answer is lost to a reset.
    fn end(&mut self, key: usize, close: Close) {
        let connection = &mut self.connections[key];
        connection.end();
        if connection.peer == Peer::Ended {
            self.remove(key);
            return;
        }
        connection.phase = Phase::Draining(close);
        connection.readable = true;
        let limit = self.now + self.settings.drain_limit;
        self.timers.set(key, &mut connection.deadlines, Deadline::Drain, Some(limit));
        self.will_take(key);
    }

    /// Tells all sessions that the server stops.
    pub(crate) fn stop_sessions(&mut self) {
        for key in 0..self.connections.capacity() {
            if self.connections.get(key).is_some_and(|connection| connection.phase == Phase::Open) {
                self.feed(key, Input::Stop);
            }
        }
    }

    /// Forgets a connection; what it was handed and did not confirm is unread
    /// again.
    pub(crate) fn remove(&mut self, key: usize) {
        let mut connection = self.connections.remove(key);
        self.timers.clear(key, &mut connection.deadlines);
        self.office.leave(connection.visit);
        // A place is free: whoever waits in a listener's queue may come in.
        for listening in &mut self.listeners {
            listening.waiting = true;
        }
    }
}

fn timestamp() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
