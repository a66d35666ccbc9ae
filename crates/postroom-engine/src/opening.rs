//! New connections, and those that give way to them.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use postroom_model::{Fault, Peer, SessionKey, faulty};
use postroom_protocol::{Close, DropReason, Input, Outputs, Stream, Timer};
use postroom_store::Store;

use crate::Engine;
use crate::backlog::Backlog;
use crate::connection::{Connection, Ending, Phase};
use crate::key::ConnectionKey;
use crate::listener::{Listener, ListenerKey, Proof};
use crate::session::Session;
use crate::timers::{Deadline, Slot};

const EVICTED: Close = Close::Dropped(DropReason::Evicted);

/// A connection is to be closed at once: its peer has met a limit, or is banned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refused {
    /// What it is told before, if anything.
    pub farewell: &'static str,
}

/// Whose address a new connection has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AddressOf {
    /// The client's, as the socket has it.
    Socket,
    /// The client's, as a proxy has told.
    Client,
    /// A proxy's, behind which are any number of clients.
    Proxy,
}

/// A connection that is to have a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Newcomer {
    pub(crate) listener: ListenerKey,
    pub(crate) peer: SocketAddr,
    pub(crate) address_of: AddressOf,
}

impl Newcomer {
    fn origin(&self) -> Peer {
        let address = self.peer.ip().to_canonical();
        let is_shared = address.is_loopback() || self.address_of == AddressOf::Proxy;
        let is_local = address.is_loopback() && self.address_of == AddressOf::Socket;
        Peer { network: address.into(), is_shared, is_local }
    }
}

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
    ) -> Result<ConnectionKey, Refused> {
        self.now = now;
        let options = self.listeners.get(listener).options;
        if options.proxy_header {
            return self.await_header(listener, peer);
        }
        let address_of = match options.proof {
            Proof::Tcp => AddressOf::Socket,
            Proof::Command => AddressOf::Proxy,
        };
        let newcomer = Newcomer { listener, peer, address_of };
        let is_counted = self.admit(newcomer)?;
        let connection = Connection::new(None, Stream::Front, Phase::Open);
        let front = ConnectionKey::from_index(self.connections.insert(connection));
        self.begin(front, newcomer, is_counted);
        Ok(front)
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

    /// Begins the session of a connection.
    pub(crate) fn begin(&mut self, front: ConnectionKey, newcomer: Newcomer, is_counted: bool) {
        let Newcomer { listener, peer, .. } = newcomer;
        let of = *self.listeners.get(listener);
        let (Listener { protocol, options }, listener_name) = (of, of.name());
        let key = self.office.enter(newcomer.origin(), options.access);
        let mut outputs = Outputs::default();
        let state = (protocol.begin)(&self.settings.session, options.access, &mut outputs);
        let connection = &mut self.connections[front.index()];
        (connection.session, connection.phase) = (Some(key), Phase::Open);
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
        });
        self.counts.accepted(listener);
        self.log_connected(key);
        if options.tls {
            let (drain, limit) = (
                &mut self.connections[front.index()].drain,
                self.now + self.settings.handshake_limit,
            );
            self.timers.set(drain, Deadline::Drain(front), Some(limit));
        }
        std::mem::swap(&mut self.connections[front.index()].output, &mut outputs.front);
        self.held_bytes += self.connections[front.index()].held();
        self.apply(key, front, &mut outputs);
        self.will_transmit(front);
        let until = self.rates.wait_of_newcomer(peer.ip().into(), protocol.has_posts(), self.now);
        if let Some(until) = until {
            let waits = &mut self.connections[front.index()].waits;
            self.timers.set(waits, Deadline::Rate(front), Some(until));
        }
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

    /// Delays after failed logins and what may be created depend on it.
    #[test]
    fn an_address_that_a_proxy_tells_is_one_client_unless_it_is_loopback() {
        let of = |peer: &str, address_of| {
            let listener = crate::ListenerKey(0);
            let Peer { is_shared, is_local, .. } =
                Newcomer { listener, peer: peer.parse().unwrap(), address_of }.origin();
            (is_shared, is_local)
        };
        for (address_of, remote, loopback) in [
            (AddressOf::Socket, (false, false), (true, true)),
            (AddressOf::Client, (false, false), (true, false)),
            (AddressOf::Proxy, (true, false), (true, false)),
        ] {
            assert_eq!(of("192.0.2.1:1", address_of), remote, "{address_of:?}");
            assert_eq!(of("[2001:db8::1]:1", address_of), remote, "{address_of:?}");
            assert_eq!(of("127.0.0.1:1", address_of), loopback, "{address_of:?}");
            assert_eq!(of("[::1]:1", address_of), loopback, "{address_of:?}");
        }
    }

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
