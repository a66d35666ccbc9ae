//! The store: what must stay true even when several servers share it.
//!
//! Each [`Call`] is atomic. Calls are asynchronous in the plainest way: they go
//! in with a [`Ticket`], and what they came to comes out with the same ticket,
//! wrapped in a [`Committed`] that only a finished commit can make. A store on
//! this machine completes them within [`Store::settle`]; one across a network
//! may let several calls to `settle` pass.

mod call;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod memory;

use postroom_model::{Committed, MAILBOX_CAPACITY_DEFAULT};
use thiserror::Error;

pub use memory::{MemoryDisk, MemoryStore};

pub use call::{AccountId, AccountSummary, Call, Key, Lease, Outcome, PasswordHash, Presence};

/// Entries of a page of a timeline, at most.
pub const PAGE_ENTRIES_MAX: usize = 64;

/// Bytes of text after which a page of a timeline ends.
pub const PAGE_BYTES: usize = 64 << 10;

/// Durable accounts, mailboxes and channels, and who is present.
pub trait Store {
    /// Adds a call to the group that the next [`settle`](Self::settle) commits.
    ///
    /// Calls take effect in the order in which they are submitted.
    fn submit(&mut self, ticket: Ticket, call: Call);

    /// Commits what was submitted as one group and appends what has been
    /// completed, in the order of submission, to `completed`.
    ///
    /// `now` is kept with new messages and decides nothing. After an error
    /// nothing more is acknowledged: the store can no longer say what is on
    /// disk, and the process must end.
    fn settle(
        &mut self,
        now: Timestamp,
        completed: &mut Vec<Completion>,
    ) -> Result<(), StoreFailure>;

    /// The records found to be damaged since the last call, each named once.
    ///
    /// The store has set them aside and goes on without them.
    fn take_damaged(&mut self) -> Vec<Damaged>;
}

/// A record that cannot be read as what it should be. It stays on disk as it is.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{table} {key}: {what}")]
pub struct Damaged {
    /// The table, or whatever the store keeps its records in.
    pub table: &'static str,
    /// The key of the record there.
    pub key: i64,
    /// What is wrong with it. Holds nothing of its content.
    pub what: String,
}

/// What a call came to, and which call it was.
#[derive(Debug)]
pub struct Completion {
    /// The ticket that the call was submitted with.
    pub ticket: Ticket,
    /// Proof that it is on disk, where it changed anything there.
    pub outcome: Committed<Outcome>,
}

/// Tells the completions of a store apart; means something to its caller alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ticket(pub u64);

/// Milliseconds since 1970-01-01 00:00 UTC.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(pub u64);

/// How much a store takes in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Messages that a mailbox holds, those handed out included.
    pub mailbox_capacity: u32,
    /// Accounts in all.
    pub accounts_max: u32,
    /// Channels in all.
    pub channels_max: u32,
    /// Posts that a channel keeps, the latest.
    pub channel_posts: u32,
    /// Bytes of free disk below which messages and posts are refused.
    pub disk_reserve_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            mailbox_capacity: MAILBOX_CAPACITY_DEFAULT,
            accounts_max: 2_000_000,
            channels_max: 10_000,
            channel_posts: 1_000,
            disk_reserve_bytes: 16 << 20,
        }
    }
}

/// The store has lost track of its disk.
#[derive(Debug, Error)]
#[error("{what}: {cause}; nothing more was acknowledged; {advice}, then start again")]
pub struct StoreFailure {
    /// What was being done, to what.
    pub what: String,
    /// What to do about it.
    pub advice: &'static str,
    /// What the disk or the database said.
    pub cause: Box<dyn std::error::Error + Send + Sync>,
}
