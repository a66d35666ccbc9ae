//! New connections, and those that give way to them.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use postroom_model::{Fault, SessionKey, faulty};
use postroom_protocol::{Close, DropReason, Input, Outputs, Stream, Timer};
use postroom_store::Store;

use crate::Engine;
use crate::backlog::Backlog;
use crate::connection::{Connection, Ending, Phase};
use crate::key::{ConnectionKey, HttpConnection, HttpSession};
use crate::listener::{Listener, ListenerKey, Proof};
use crate::newcomer::{AddressOf, Newcomer, Opened, Refused};
use crate::session::Session;
use crate::timers::{Deadline, Slot};

const EVICTED: Close = Close::Dropped(DropReason::Evicted);

/// Connections that have not logged in may be this share of all: a quarter.
const BEFORE_LOGIN_SHARE: usize = 4;

impl<S: Store> Engine<S> {
    /// A connection was accepted by a listener. All outputs must have been
    /// taken before, or the key may be one that is still to be closed.
    ///
    /// # Errors
    ///
    /// Its peer has met a limit, or is banned: the driver closes it, and nothing is kept of it.
    pub fn open(
        &mut self,
        now: Instant,
        listener: ListenerKey,
        peer: SocketAddr,
    ) -> Result<Opened, Refused> {
        self.now = now;
        let options = self.listeners.get(listener).options;
        if options.proxy_header {
            return self.await_header(listener, peer).map(Opened::Here);
        }
        let address_of = match options.proof {
            Proof::Tcp => AddressOf::Socket,
            Proof::Command => AddressOf::Proxy,
        };
        let newcomer = Newcomer { listener, peer, address_of };
        let is_counted = self.admit(newcomer)?;
        let connection = Connection::new(None, Stream::Front, Phase::Open);
        let front = ConnectionKey::from_index(self.connections.insert(connection));
        Ok(self.begin(front, newcomer, is_counted))
    }

    /// Whether a connection counts for the limits of its peer, if it has met none and is not
    /// banned. The address of a proxy stands for many clients, which have no limit together.
    pub(crate) fn admit(&mut self, newcomer: Newcomer) -> Result<bool, Refused> {
        let Newcomer { listener, peer, address_of } = newcomer;
        if let Some(ban) = self.office.banned_with(peer.ip())
            && !faulty(Fault::BannedAddressLetIn)
        {
            self.log_banned(listener, peer, ban);
            return Err(Refused { farewell: "" });
        }
        if address_of == AddressOf::Proxy || !self.peers.counts(peer.ip()) {
            return Ok(false);
        }
        self.peers.enter(peer.ip().into(), self.now).map_err(|refusal| {
            self.log_refused(listener, peer, refusal);
            let Listener { protocol, options } = self.listeners.get(listener);
            // It would need a handshake first.
            Refused { farewell: if options.tls { "" } else { protocol.refusal } }
        })?;
        Ok(true)
    }

    /// Begins what a connection is for: a session, or what another driver makes of it.
    pub(crate) fn begin(
        &mut self,
        front: ConnectionKey,
        newcomer: Newcomer,
        is_counted: bool,
    ) -> Opened {
        let Newcomer { listener, peer, .. } = newcomer;
        let Listener { protocol, options } = *self.listeners.get(listener);
        if protocol.is_handed_over {
            return Opened::HandedOver(self.hand_over(front, newcomer, is_counted));
        }
        let key = self.begin_session(front, newcomer, None, is_counted);
        self.connections[front.index()].session = Some(key);
        self.counts.accepted(listener);
        if options.tls {
            let (drain, limit) = (
                &mut self.connections[front.index()].drain,
                self.now + self.settings.handshake_limit,
            );
            self.timers.set(drain, Deadline::Drain(front), Some(limit));
        }
        self.will_transmit(front);
        let until = self.rates.wait_of_newcomer(peer.ip().into(), protocol.has_posts(), self.now);
        if let Some(until) = until {
            let waits = &mut self.connections[front.index()].waits;
            self.timers.set(waits, Deadline::Rate(front), Some(until));
        }
        Opened::Here(front)
    }

    /// Begins a session of a connection.
    pub(crate) fn begin_session(
        &mut self,
        front: ConnectionKey,
        newcomer: Newcomer,
        http: Option<(HttpConnection, HttpSession)>,
        is_counted: bool,
    ) -> SessionKey {
        let Newcomer { listener, peer, .. } = newcomer;
        let of = *self.listeners.get(listener);
        let (Listener { protocol, options }, listener_name) = (of, of.name());
        let key = self.office.enter(newcomer.origin(), options.access, protocol.guest);
        let mut outputs = Outputs::default();
        let state = (protocol.begin)(&self.settings.session, options.access, &mut outputs);
        self.connections[front.index()].phase = Phase::Open;
        self.sessions.insert(Session {
            protocol,
            listener,
            listener_name,
            state,
            key,
            peer: peer.into(),
            since: self.now,
            is_counted,
            account: None,
            front,
            back: None,
            timers: [Slot::default(); Timer::ALL.len()],
            buckets: self.rates.buckets(peer.ip().into()),
            positions: Vec::new(),
            backlog: Backlog::default(),
            is_catching_up: false,
            queued_requests: VecDeque::new(),
            abandons: false,
            queued_bytes: 0,
            missed_lines: 0,
            dialling: None,
            http,
        });
        self.log_connected(key);
        std::mem::swap(&mut self.connections[front.index()].output, &mut outputs.front);
        self.held_bytes += self.connections[front.index()].held();
        self.apply(key, front, &mut outputs);
        key
    }

    /// Whether there may be one more connection.
    pub fn has_place(&self) -> bool {
        let most = self.settings.connections_max;
        self.connections.len() < most + usize::from(faulty(Fault::ConnectionsExceeded))
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
            if self.is_being_evicted(key) {
                self.remove(key, Ending::AsItsPhase);
            }
        }
    }

    fn is_being_evicted(&self, key: ConnectionKey) -> bool {
        let phase = self.connections.get(key.index()).map(|connection| connection.phase);
        matches!(phase, Some(Phase::Closing(EVICTED) | Phase::Draining(EVICTED)))
    }

    /// Ends connections that wait to log in where they are too many. To be called when
    /// the input of a turn has been taken and answered. One whose login may have come is
    /// not ended before that was taken, in this turn or a later one.
    pub fn evict_before_login(&mut self, now: Instant) {
        self.now = now;
        let most = self.before_login_max();
        self.evict_before_header(most);
        while self.before_login.len() > most
            && !faulty(Fault::WaitingUnlimited)
            && let Some(session) = self.before_login.longest_of_most()
            && !self.has_untaken_input(session)
        {
            self.before_login.remove(session);
            self.feed(session, Input::Ended(DropReason::Evicted));
            if let Some(front) = self.sessions.get(session).map(|session| session.front) {
                self.limit_end(front);
            }
        }
    }

    /// Connections that may wait for their login.
    pub(crate) fn before_login_max(&self) -> usize {
        (self.settings.connections_max / BEFORE_LOGIN_SHARE).max(1)
    }

    /// Whether the input of a connection that is to give way must be taken first.
    fn has_untaken_input(&mut self, session: SessionKey) -> bool {
        let Some(front) = self.sessions.get(session).map(|session| session.front) else {
            return false;
        };
        let connection = &mut self.connections[front.index()];
        let before = *connection.gives_way.get_or_insert(self.turns.last_listed());
        connection.listed.is_some_and(|listed| listed <= before)
    }

    /// Gives an evicted connection no more than the drain limit in all: a peer that
    /// reads nothing must not keep its place.
    fn limit_end(&mut self, key: ConnectionKey) {
        let limit = self.now + self.settings.drain_limit;
        let connection = &mut self.connections[key.index()];
        self.timers.set(&mut connection.drain, Deadline::Drain(key), Some(limit));
        // They end in the order of their evictions, or earlier.
        while self.evicted.front().is_some_and(|first| !self.is_being_evicted(*first)) {
            self.evicted.pop_front();
        }
        self.evicted.push_back(key);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use postroom_protocol::Protocol;
    use postroom_store::{Limits, MemoryDisk};

    use super::*;
    use crate::{EngineSettings, Listener, ListenerOptions};

    #[test]
    fn connections_evicted_long_ago_are_forgotten() {
        let mut now = crate::tests::any_time();
        let settings = EngineSettings { connections_max: 40, ..EngineSettings::default() };
        let store = MemoryDisk::default().open(Limits::default());
        let mut engine = Engine::new(now, settings, store);
        let protocol = Protocol::find("mailbox").unwrap();
        let listener = Listener { protocol, options: ListenerOptions::default() };
        let (listener, peer) = (engine.add_listener(listener), ([192, 0, 2, 1], 1).into());
        for _ in 0..1_000 {
            assert!(engine.open(now, listener, peer).is_ok());
            engine.evict_before_login(now);
            while engine.next_output(now).is_some() {}
            now += Duration::from_secs(2);
            engine.time_passed(now);
            while engine.next_output(now).is_some() {}
        }
        assert!(engine.evicted.len() <= engine.settings.connections_max);
    }
}
