//! What the office knows of one session.
//!
//! ```text
//!  Stranger ──LogIn──▶ Entering ──opened──▶ Member
//!                               ──opened, claimed──▶ Attending
//!                               ──refused──▶ Stranger
//! ```

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use postroom_model::{
    Author, Channel, Committed, Mark, Name, Password, Post, PresenceTerms, Terms, Text,
};
use postroom_store::{AccountId, Lease, Presence, Ticket};

use crate::news::Audience;

/// A session within its office; never used for another one.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionKey(u64);

impl SessionKey {
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

    pub(crate) fn mark(self, number: u32) -> Mark {
        Mark { session: self.0, number }
    }
}

impl From<Mark> for SessionKey {
    fn from(mark: Mark) -> Self {
        Self(mark.session)
    }
}

impl From<SessionKey> for Ticket {
    fn from(session: SessionKey) -> Self {
        Self(session.0)
    }
}

impl From<Ticket> for SessionKey {
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
    /// Channels joined, `#lobby` left out.
    pub(crate) channels: Vec<Channel>,
}

/// Whom a session acts for.
#[derive(Debug)]
pub(crate) enum Standing {
    Stranger,
    Entering(Box<Entrance>),
    Member(AccountId),
    Attending(Box<Attendance>),
}

/// A login under way.
#[derive(Debug)]
pub(crate) struct Entrance {
    pub(crate) name: Name,
    pub(crate) password: Option<Password>,
    pub(crate) terms: Terms,
    /// Set while the login waits for the password file to be read.
    pub(crate) waits_since: Option<Instant>,
    /// The client has ended its side: it is answered, and does not become present.
    pub(crate) is_ending: bool,
    /// What is left is to become present.
    pub(crate) opened: Option<Opened>,
}

/// An account that has been opened for a login.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) account: AccountId,
    pub(crate) name: Name,
    pub(crate) registered: bool,
    pub(crate) unread: u32,
}

/// The presence of an account in a session.
#[derive(Debug)]
pub(crate) struct Attendance {
    pub(crate) account: AccountId,
    pub(crate) name: Name,
    pub(crate) presence: Presence,
    pub(crate) interests: PresenceTerms,
    pub(crate) awaited: Option<Awaited>,
    pub(crate) last_mark: u32,
}

/// Something that is to be heard before its request is answered.
#[derive(Debug)]
pub(crate) struct Awaited {
    pub(crate) mark: Mark,
    pub(crate) what: Waiting,
}

#[derive(Debug)]
pub(crate) enum Waiting {
    /// The post is not on disk yet.
    ToBeStored,
    /// The post is not on disk yet, and no one waits any more until it is heard.
    ToBeStoredOnly,
    /// These sessions have not heard the post.
    ToBeDelivered { receipt: Committed<()>, missing: HashSet<SessionKey>, audience: Audience },
    /// The words were passed on to an account.
    Reply { recipient: AccountId },
}

impl Visit {
    pub(crate) fn new(generation: u32) -> Self {
        Self { generation, standing: Standing::Stranger, leases: Vec::new(), channels: Vec::new() }
    }

    /// The account that the session acts for.
    pub(crate) fn account(&self) -> Option<AccountId> {
        match &self.standing {
            Standing::Member(account) => Some(*account),
            Standing::Attending(attendance) => Some(attendance.account),
            Standing::Stranger | Standing::Entering(_) => None,
        }
    }

    pub(crate) fn attendance(&mut self) -> Option<&mut Attendance> {
        match &mut self.standing {
            Standing::Attending(attendance) => Some(attendance),
            _ => None,
        }
    }
}

impl Attendance {
    /// The next mark of this session.
    pub(crate) fn next_mark(&mut self, session: SessionKey) -> Mark {
        self.last_mark = self.last_mark.wrapping_add(1);
        session.mark(self.last_mark)
    }
}

/// A post of one account, or of the board.
pub(crate) fn post(author: Option<&Attendance>, channels: Vec<Channel>, text: Text) -> Arc<Post> {
    let author =
        author.map_or(Author::Board, |attendance| Author::Account(attendance.name.clone()));
    Arc::new(Post { author, channels, text })
}
