//! A session and the connections that it has.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use postroom_model::{Request, SessionKey};
use postroom_protocol::{Protocol, Timer};
use smol_str::SmolStr;

use crate::backlog::Backlog;
use crate::dial::Dialling;
use crate::key::{ConnectionKey, HttpConnection, HttpSession};
use crate::listener::{ListenerKey, ListenerName};
use crate::origin::Origin;
use crate::rates::Buckets;
use crate::recent::Position;
use crate::timers::Slot;

/// A session, as far as the engine knows it.
pub(crate) struct Session {
    pub(crate) protocol: &'static Protocol,
    pub(crate) listener: ListenerKey,
    /// The name of the listener, for the log.
    pub(crate) listener_name: ListenerName,
    /// What the protocol makes of the client's bytes.
    pub(crate) state: Box<dyn postroom_protocol::Session>,
    pub(crate) key: SessionKey,
    pub(crate) peer: PeerAddress,
    /// When it began.
    pub(crate) since: Instant,
    /// Whether it counts for the limits of its peer.
    pub(crate) is_counted: bool,
    /// The account that it has logged in as, or else tried last; for the log.
    pub(crate) account: Option<SmolStr>,
    /// The connection that the client opened.
    pub(crate) front: ConnectionKey,
    /// The connection that the server opened.
    pub(crate) back: Option<ConnectionKey>,
    pub(crate) timers: [Slot; Timer::ALL.len()],
    /// How much it may say.
    pub(crate) buckets: Buckets,
    /// How far it has been told of its channels.
    pub(crate) positions: Vec<Position>,
    /// The posts of its channels that it has not been told.
    pub(crate) backlog: Backlog,
    /// It is listed among the sessions that catch up. It stays listed until its turn comes,
    /// even if its backlog is gone before.
    pub(crate) is_catching_up: bool,
    /// Its requests that the office has not been asked yet.
    pub(crate) queued_requests: VecDeque<Request>,
    /// It waits no more for the delivery receipts of the one of them that awaits some.
    pub(crate) abandons: bool,
    /// Bytes that it queues for its client itself.
    pub(crate) queued_bytes: usize,
    /// Live lines for which there was no room.
    pub(crate) missed_lines: u64,
    /// Set where the session waits for a connection back.
    pub(crate) dialling: Option<Box<Dialling>>,
    /// Set where another driver has opened it.
    pub(crate) http: Option<(HttpConnection, HttpSession)>,
}

/// Where a connection comes from, in fewer bytes than a [`SocketAddr`] has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerAddress {
    pub(crate) ip: IpAddr,
    port: u16,
}

impl From<SocketAddr> for PeerAddress {
    fn from(address: SocketAddr) -> Self {
        Self { ip: address.ip().to_canonical(), port: address.port() }
    }
}

impl Session {
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            peer: SocketAddr::new(self.peer.ip, self.peer.port),
            listener: self.listener_name,
            account: self.account.clone(),
        }
    }
}

/// All sessions, by the places of their keys.
#[derive(Default)]
pub(crate) struct Sessions(Vec<Option<Session>>);

impl Sessions {
    pub(crate) fn insert(&mut self, session: Session) {
        let index = session.key.index();
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        self.0[index] = Some(session);
    }

    /// A session, which may have ended.
    pub(crate) fn get(&self, key: SessionKey) -> Option<&Session> {
        self.0.get(key.index())?.as_ref().filter(|session| session.key == key)
    }

    pub(crate) fn get_mut(&mut self, key: SessionKey) -> Option<&mut Session> {
        self.0.get_mut(key.index())?.as_mut().filter(|session| session.key == key)
    }

    pub(crate) fn remove(&mut self, key: SessionKey) -> Option<Session> {
        self.0.get_mut(key.index())?.take_if(|session| session.key == key)
    }

    /// At most so many sessions from a place on, and the place of the next ones.
    pub(crate) fn page(
        &self,
        from: usize,
        most: usize,
    ) -> (impl Iterator<Item = &Session>, Option<usize>) {
        let end = self.0.len().min(from.saturating_add(most));
        let next = (end < self.0.len()).then_some(end);
        (self.0[from.min(end)..end].iter().flatten(), next)
    }

    /// The keys of all sessions.
    pub(crate) fn keys(&self) -> Vec<SessionKey> {
        self.0.iter().flatten().map(|session| session.key).collect()
    }
}
