//! What the office knows of one session.

use postroom_model::{Name, Password};
use postroom_store::{AccountId, Lease, Ticket};

/// A session within its office; never used for another one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SessionId(u64);

impl SessionId {
    pub(crate) fn new(key: usize, generation: u32) -> Self {
        // The table cannot have more places than the process has descriptors.
        let key = u32::try_from(key).unwrap_or(u32::MAX);
        Self(u64::from(generation) << 32 | u64::from(key))
    }

    /// A small number that no other session has at the same time.
    #[must_use]
    pub fn key(self) -> usize {
        // Made of a `usize` in `new`.
        usize::try_from(self.0 & u64::from(u32::MAX)).unwrap_or(usize::MAX)
    }

    pub(crate) fn generation(self) -> u32 {
        u32::try_from(self.0 >> 32).unwrap_or(u32::MAX)
    }
}

impl From<SessionId> for Ticket {
    fn from(session: SessionId) -> Self {
        Self(session.0)
    }
}

impl From<Ticket> for SessionId {
    fn from(ticket: Ticket) -> Self {
        Self(ticket.0)
    }
}

/// A session and what it holds.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) generation: u32,
    pub(crate) standing: Standing,
    /// Messages handed out and not confirmed.
    pub(crate) leases: Vec<Lease>,
}

/// Whom a session acts for.
#[derive(Debug)]
pub(crate) enum Standing {
    Stranger,
    Entering(Box<Entrance>),
    Member(AccountId),
}

/// A login under way.
#[derive(Debug)]
pub(crate) struct Entrance {
    pub(crate) name: Name,
    pub(crate) password: Option<Password>,
}

impl Visit {
    pub(crate) fn new(generation: u32) -> Self {
        Self { generation, standing: Standing::Stranger, leases: Vec::new() }
    }
}
