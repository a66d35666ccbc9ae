//! New connections, and those that give way to them.

use std::net::SocketAddr;
use std::time::Instant;

use postroom_protocol::{Close, DropReason, Input, Outputs, Stream, Timer};
use postroom_store::Store;

use crate::Engine;
use crate::connection::{Connection, Ending, Phase};
use crate::key::ConnectionKey;
use crate::listener::ListenerKey;
use crate::session::Session;
use crate::timers::{Deadline, Slot};

const EVICTED: Close = Close::Dropped(DropReason::Evicted);

/// Connections that have not logged in may be this share of all: a quarter.
const BEFORE_LOGIN_SHARE: usize = 4;

impl<S: Store> Engine<S> {
    /// A connection was accepted by a listener. All outputs must have been
    /// taken before, or the key may be one that is still to be closed.
    pub fn open(&mut self, now: Instant, listener: ListenerKey, peer: SocketAddr) -> ConnectionKey {
        self.now = now;
        let protocol = self.listeners.get(listener).protocol;
        let key = self.office.enter();
        let mut outputs = Outputs::default();
        let state = (protocol.begin)(&self.settings.session, &mut outputs);
        let connection = Connection::new(key, Stream::Front, Phase::Open);
        let front = ConnectionKey::from_index(self.connections.insert(connection));
        self.sessions.insert(Session {
            protocol,
            listener,
            state,
            key,
            peer: peer.into(),
            account: None,
            front,
            back: None,
            timers: [Slot::default(); Timer::ALL.len()],
            dialling: None,
        });
        self.log_connected(key);
        std::mem::swap(&mut self.connections[front.index()].output, &mut outputs.front);
        self.apply(key, &mut outputs);
        self.will_transmit_of(key);
        front
    }

    /// Whether there may be one more connection.
    pub fn has_place(&self) -> bool {
        self.connections.len() < self.settings.connections_max
    }

    /// Makes places for connections that wait, or says that there is none.
    pub fn make_places(&mut self, now: Instant, connections_wait: bool) {
        self.now = now;
        if connections_wait {
            self.end_drains_of_evicted();
        }
        let is_full = connections_wait && !self.has_place();
        if is_full && !std::mem::replace(&mut self.is_full, is_full) {
            self.log_full();
        }
        self.is_full = is_full;
    }

    /// Where connections wait and there is no place, those that were evicted before
    /// their login are not drained any longer.
    fn end_drains_of_evicted(&mut self) {
        while !self.has_place()
            && let Some(key) = self.evicted.pop_front()
        {
            let phase = self.connections.get(key.index()).map(|connection| connection.phase);
            if let Some(Phase::Closing(EVICTED) | Phase::Draining(EVICTED)) = phase {
                self.remove(key, Ending::AsItsPhase);
            }
        }
        if self.has_place() {
            self.evicted.clear();
        }
    }

    /// Ends connections that wait to log in where they are too many. To be called when
    /// all input has been taken and answered: none is ended whose login has come.
    pub fn evict_before_login(&mut self, now: Instant) {
        self.now = now;
        let most = (self.settings.connections_max / BEFORE_LOGIN_SHARE).max(1);
        while self.before_login.len() > most
            && let Some(session) = self.before_login.take_longest_of_most()
        {
            self.feed(session, Input::Evicted);
            if let Some(front) = self.sessions.get(session).map(|session| session.front) {
                self.limit_end(front);
            }
        }
    }

    /// Gives an evicted connection no more than the drain limit in all: a peer that
    /// reads nothing must not keep its place.
    fn limit_end(&mut self, key: ConnectionKey) {
        let limit = self.now + self.settings.drain_limit;
        let connection = &mut self.connections[key.index()];
        self.timers.set(&mut connection.drain, Deadline::Drain(key), Some(limit));
        self.evicted.push_back(key);
    }
}
