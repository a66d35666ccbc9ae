//! The ends of connections and sessions.

use postroom_model::SessionKey;
use postroom_protocol::{Category, Close, Input, Report, Stream, Timer};
use postroom_store::Store;

use crate::connection::{Cause, Connection, Ending, Phase};
use crate::key::ConnectionKey;
use crate::session::Session;
use crate::timers::Deadline;
use crate::{Engine, Output};

impl<S: Store> Engine<S> {
    /// Half-closes a session whose last bytes are transmitted, the connection that the
    /// server opened before the one that the client did.
    pub(crate) fn end_session(&mut self, front: ConnectionKey, close: Close) {
        let session = self.connections[front.index()].session;
        let back = session.and_then(|session| self.sessions.get(session)?.back);
        if let Some(back) = back {
            let connection = &mut self.connections[back.index()];
            if connection.phase == Phase::Open {
                connection.phase = Phase::Closing(close);
                if connection.waiting() == 0 {
                    self.end(back, close);
                } else {
                    self.outputs.push_back(Output::Transmit(back));
                }
            }
        }
        self.end(front, close);
    }

    /// Half-closes a connection, and waits a little for the peer to close its own side,
    /// so that no answer is lost to a reset.
    pub(crate) fn end(&mut self, key: ConnectionKey, close: Close) {
        let Some(connection) = self.connections.get_mut(key.index()) else {
            return;
        };
        connection.phase = Phase::Draining(close);
        if connection.has_half_closed {
            self.remove(key, Ending::AsItsPhase);
            return;
        }
        self.outputs.push_back(Output::HalfClose(key));
        if !connection.drain.is_set() {
            let limit = self.now + self.settings.drain_limit;
            self.timers.set(&mut connection.drain, Deadline::Drain(key), Some(limit));
        }
        self.list_rest(key);
    }

    /// Forgets a connection, and its session if that was the client's own: what it
    /// was handed and did not confirm is unread again.
    pub(crate) fn remove(&mut self, key: ConnectionKey, ending: Ending) {
        let connection = self.forget(key);
        self.outputs.push_back(Output::Close(key));
        if let Some(session) = connection.session {
            match connection.stream {
                Stream::Front => self.remove_session(session, ending.reason(connection.phase)),
                Stream::Back => self.remove_back(session, connection.phase),
            }
        }
        debug_assert!(!self.connections.is_empty() || self.held_bytes == 0, "nobody is left");
    }

    /// Forgets a connection, without a word to the driver or its session.
    pub(crate) fn forget(&mut self, key: ConnectionKey) -> Connection {
        let mut connection = self.connections.remove(key.index());
        self.held_bytes -= connection.held();
        self.timers.set(&mut connection.drain, Deadline::Drain(key), None);
        self.timers.set(&mut connection.waits, Deadline::Rate(key), None);
        if connection.phase == Phase::Header {
            self.headers.remove(key);
        }
        connection
    }

    pub(crate) fn remove_session(
        &mut self,
        key: SessionKey,
        (reason, cause): (&'static str, Cause),
    ) {
        self.give_up_dial(key);
        self.before_login.remove(key);
        self.drop_queued(key);
        let Some(mut session) = self.sessions.remove(key) else {
            return;
        };
        self.held_bytes -= session.queued_bytes;
        if session.is_counted {
            self.peers.leave(session.peer.ip.into());
        }
        self.stop_timers(&mut session);
        self.recent.leave_all(std::mem::take(&mut session.positions));
        self.office.leave(key);
        self.log_disconnected(&session, reason, cause);
        if session.protocol.reports {
            let report = Report::new(Category::Connection, "a client is gone");
            self.outputs.push_back(Output::Report(report));
        }
        if let Some(back) = session.back {
            let connection = &mut self.connections[back.index()];
            connection.session = None;
            // Bytes that wait for it are still transmitted.
            if !matches!(connection.phase, Phase::Closing(_) | Phase::Draining(_)) {
                self.remove(back, Ending::AsItsPhase);
            }
        }
    }

    fn remove_back(&mut self, key: SessionKey, phase: Phase) {
        if let Some(session) = self.sessions.get_mut(key) {
            session.back = None;
            if phase == Phase::Open {
                self.feed(key, Input::End { stream: Stream::Back, proof: false });
            }
        }
    }

    fn stop_timers(&mut self, session: &mut Session) {
        for timer in Timer::ALL {
            let deadline = Deadline::Session(session.key, timer);
            self.timers.set(&mut session.timers[timer.index()], deadline, None);
        }
    }
}
