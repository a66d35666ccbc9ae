//! A session and the connections that it has.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use postroom_office::SessionKey;
use postroom_protocol::{Protocol, Session, Timer};
use smol_str::SmolStr;

use crate::audit::Origin;
use crate::dial::Dialling;

pub(crate) struct Seat {
    pub(crate) session: Box<dyn Session>,
    pub(crate) visit: SessionKey,
    pub(crate) protocol: &'static Protocol,
    pub(crate) peer: PeerAddress,
    /// The account that it has logged in as, or else tried last; for the log.
    pub(crate) account: Option<SmolStr>,
    /// The connection that the client opened.
    pub(crate) front: usize,
    /// The connection that the server opened.
    pub(crate) back: Option<usize>,
    pub(crate) deadlines: SeatDeadlines,
    /// Set where the session waits for a connection back.
    pub(crate) dialling: Option<Box<Dialling>>,
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

impl Seat {
    pub(crate) fn origin(&self) -> Origin<'_> {
        Origin {
            peer: SocketAddr::new(self.peer.ip, self.peer.port),
            listener: self.protocol.name,
            account: self.account.as_deref(),
        }
    }
}

/// The deadlines that a session has set.
#[derive(Debug, Default)]
pub(crate) struct SeatDeadlines([Option<Instant>; Timer::ALL.len()]);

impl SeatDeadlines {
    pub(crate) fn timer(&mut self, timer: Timer) -> &mut Option<Instant> {
        &mut self.0[timer.index()]
    }
}

/// All seats, by the keys of their sessions in the office.
#[derive(Default)]
pub(crate) struct Seats(Vec<Option<Seat>>);

impl Seats {
    pub(crate) fn insert(&mut self, seat: Seat) {
        let key = seat.visit.key();
        if self.0.len() <= key {
            self.0.resize_with(key + 1, || None);
        }
        self.0[key] = Some(seat);
    }

    pub(crate) fn get(&self, key: usize) -> Option<&Seat> {
        self.0.get(key)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, key: usize) -> Option<&mut Seat> {
        self.0.get_mut(key)?.as_mut()
    }

    /// The seat of a session, which may have left.
    pub(crate) fn find(&self, session: SessionKey) -> Option<&Seat> {
        self.get(session.key()).filter(|seat| seat.visit == session)
    }

    pub(crate) fn remove(&mut self, key: usize) -> Option<Seat> {
        self.0.get_mut(key)?.take()
    }

    /// All keys that may be in use.
    pub(crate) fn keys(&self) -> std::ops::Range<usize> {
        0..self.0.len()
    }
}
