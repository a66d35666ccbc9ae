//! The store: what must stay true even when several servers share it.
//!
//! Each [`Call`] is atomic. The store does no work of its own accord: it hands out
//! groups of calls as [jobs](Store::next_job), which its driver runs where it likes,
//! and takes their results back. So a slow disk, or a network, delays what it stores
//! and nothing else.
//!
//! What changes the disk comes out [committed](Committed), which only a finished commit
//! can make. The other calls are answered from what is committed; nothing uncommitted
//! is ever shown.

mod account;
mod backup;
mod ban;
mod call;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod history;
mod kept;
mod memory;
mod once;
mod outcome;
mod page;
mod retention;

use std::net::IpAddr;
use std::time::Duration;

use postroom_model::{Channel, Committed, MAILBOX_CAPACITY_DEFAULT, Name, Prefix};
use thiserror::Error;

pub use memory::{Fate, MemoryDisk, MemoryHistory, MemoryJob, MemoryJobDone, MemoryStore};

pub use account::{AccountId, AccountSummary, PasswordHash, Sender, Standing};
pub use backup::{Backup, BackupGuard, BackupToken, NotBackedUp};
pub use ban::{BANS_PAGE, Ban, BanPage, BanPlace, BanSubject, is_in_force};
pub use call::{
    ACCOUNTS_PAGE, AccountRef, Admits, CHANNELS_PAGE, Call, IMPORT_MESSAGES_MAX,
    IMPORT_TEXT_BYTES_MAX, Import, ImportedMessage, Key, PasswordOf, SWEPT_MAX,
};
pub use history::{History, HistoryFailure, HistoryPage, HistoryQuery, HistoryRows};
pub use kept::{KeepRead, KeptAs, KeptMessage, KeptPage, KeptQuery, KeptRow, KeptRows, NotKept};
pub use once::{Fingerprint, KEY_KEPT_MS, is_kept, key_ends, may_be_freed};
pub use outcome::{ChannelSummary, Lease, Outcome, Presence, Sent, Swept};
pub use page::{HISTORY_ENTRIES_MAX, HistoryFrom};
pub use postroom_model::Timestamp;
pub use retention::{CATCH_UP, EARLIEST, KEPT_EVERY_MS, Retention, RetentionClock, is_old};

/// Entries of a page of a timeline, at most.
pub const PAGE_ENTRIES_MAX: usize = 64;

/// Bytes of text after which a page of a timeline ends.
pub const PAGE_BYTES: usize = 64 << 10;

/// Senders that an account may block.
pub const BLOCKED_MAX: u32 = 256;

/// Senders that all accounts together may block: about 40 MB of memory.
pub const BLOCKED_IN_ALL_MAX: u32 = 262_144;

/// Private channels that an account may make. They are never evicted.
pub const PRIVATE_CHANNELS_MAX: u32 = 20;

/// Accounts that may be invited to a private channel.
pub const INVITED_MAX: u32 = 256;

/// Accounts that may be invited to all private channels together: about 8 MB of memory.
pub const INVITED_IN_ALL_MAX: u32 = 262_144;

/// Milliseconds since its latest post in which a channel with several authors is not
/// evicted: 30 days.
pub const PROTECTED_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

/// Durable accounts, mailboxes and channels, and who is present.
///
/// Calls that store or read messages of one account take effect, and complete, in the
/// order of their submission; so do those of one channel. Others complete in any
/// order. [`Call::Claim`], [`Call::MayClaim`], [`Call::Release`], [`Call::ListPresent`],
/// [`Call::CountUnread`], [`Call::ListBlocked`], [`Call::Password`] and [`Call::Open`] of a
/// known account are answered from what is committed and wait for no other call; but an
/// `Open` or `Password` waits for calls submitted before it that set the password of its
/// account.
pub trait Store {
    /// A group of calls to be committed.
    type Job: Job;

    /// Takes a call. Its ticket is unique among the calls that are not completed.
    fn submit(&mut self, ticket: Ticket, call: Call);

    /// A session of this server uses an account: then it is not evicted. To be told
    /// before a job is taken after the account was opened.
    fn session_began(&mut self, account: AccountId);

    /// A session that [began](Self::session_began) has ended, and its calls are completed.
    fn session_ended(&mut self, account: AccountId);

    /// Whether an account has blocked a sender, for what is not stored.
    fn has_blocked(&self, account: AccountId, sender: &Name) -> bool;

    /// Whether a channel is not private, or this account may enter it: it has a password, and
    /// has made the channel or is invited.
    fn may_enter(&self, channel: &Channel, account: Option<AccountId>) -> bool;

    /// Whether a name is banned at this time. Of bans, only what is committed counts.
    fn is_banned(&self, name: &Name, now: Timestamp) -> bool;

    /// The banned addresses of which this is one at this time: the fewest, if several bans
    /// are in force.
    fn banned_with(&self, address: IpAddr, now: Timestamp) -> Option<Prefix>;

    /// The bans in force at this time, as many as [`BANS_PAGE`].
    fn bans(&self, from: BanPlace, now: Timestamp) -> BanPage;

    /// The posts that a page of a channel's history has, of those that are committed. Those
    /// that are being removed may be left out already. Costs little, whatever the channel
    /// keeps.
    fn history(&self, query: HistoryQuery) -> HistoryRows;

    /// The messages that a page has of what an account with a password has read and sent, of
    /// what is committed. What is being removed may be left out already. Costs little, whatever
    /// it keeps.
    fn kept(&self, query: KeptQuery) -> Result<KeptRows, NotKept>;

    /// Takes a record that a [`History`] has found to be damaged, to be
    /// [told](Self::take_damaged) like others.
    fn note_damaged(&mut self, damaged: Damaged);

    /// Whether a channel has members on this server: such a channel is not evicted. At
    /// first none has any. Takes effect before calls submitted later, and on none that
    /// is in a job already.
    fn set_members(&mut self, channel: &Channel, has_members: bool);

    /// Replaces the limits, for groups that are planned from then on. How many posts a
    /// channel keeps, what of a mailbox a sender may fill, and what of the disk stays free,
    /// are read when the store is opened.
    fn set_limits(&mut self, limits: Limits);

    /// When the next [`Call::Sweep`] is due.
    fn sweep_due(&self) -> SweepDue;

    /// The next group to be committed, if there is one and it need not wait for one
    /// under way.
    ///
    /// `now` is kept with new messages, posts and bans; it decides nothing but how long a
    /// channel is [protected](PROTECTED_MS), what a [`Retention`] removes, and which bans
    /// have ended. If the job is dropped, or its result never comes back, its calls do not
    /// complete, and may have been carried out; neither do later ones that must wait for
    /// them.
    fn next_job(&mut self, now: Timestamp) -> Option<Self::Job>;

    /// Takes the result of a job.
    ///
    /// Its calls need not be completed by it: on a full disk, for example, the next job
    /// may have them again. So ask for that while calls are not completed.
    /// After an error nothing more is acknowledged: the store can no longer say what
    /// is on disk, and the process must end.
    fn finish(&mut self, done: <Self::Job as Job>::Done) -> Result<(), StoreFailure>;

    /// Appends the completions since the last call to `completions`.
    fn take_completions(&mut self, completions: &mut Vec<Completion>);

    /// The records found to be damaged since the last call, each named once.
    ///
    /// The store has set them aside and goes on without them.
    fn take_damaged(&mut self) -> Vec<Damaged>;

    /// Begins a backup: a copy of everything that is stored when the copy is complete, so
    /// with all that was committed before this call.
    ///
    /// Its parts are copied by jobs, as [`continue_backup`](Self::continue_backup) asks
    /// for; nothing waits for it. There is one at a time, until its guard is dropped.
    fn begin_backup(&mut self, _token: BackupToken) -> Result<(), NotBackedUp> {
        Err(NotBackedUp::Unsupported)
    }

    /// Lets the next job copy a part of the backup, with calls or without. To be called
    /// while no job is out; the caller decides how often, and so how fast the backup is.
    fn continue_backup(&mut self) {}

    /// What the backup came to, once it has ended.
    fn take_backup(&mut self) -> Option<Result<Backup, NotBackedUp>> {
        None
    }

    /// How much it holds. What is being committed may be counted. Costs little.
    fn usage(&self) -> StoreUsage;

    /// Runs jobs here until none is left. For programs that wait for the disk.
    fn settle(
        &mut self,
        now: Timestamp,
        completions: &mut Vec<Completion>,
    ) -> Result<(), StoreFailure> {
        while let Some(job) = self.next_job(now) {
            self.finish(job.run())?;
        }
        self.take_completions(completions);
        Ok(())
    }
}

/// When a store is to be swept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SweepDue {
    /// Not before something is deleted.
    Never,
    /// Once in a while: there is a [`Retention`].
    Later,
    /// Soon: the disk still has records of deleted accounts or channels, which nobody can
    /// read, or something is too old. Each sweep removes some, also after a restart.
    Soon,
}

/// Work of a store that may wait for the disk. It may run on any thread.
pub trait Job: Send + 'static {
    /// What it came to.
    type Done: JobDone;

    /// Does the work.
    fn run(self) -> Self::Done;
}

/// What a job came to.
pub trait JobDone: Send + 'static {
    /// How long the disk took to keep what the job stored; `None` if it stored nothing, or
    /// the store has no disk to wait for.
    fn sync_time(&self) -> Option<Duration>;
}

/// How much a store holds, and how much it may.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct StoreUsage {
    /// Accounts, with those that were deleted and that records still name.
    pub accounts: u32,
    /// Accounts that there may be.
    pub accounts_max: u32,
    /// Channels, without those that there always are.
    pub channels: u32,
    /// Channels that there may be.
    pub channels_max: u32,
    /// Unread messages in all mailboxes, those handed out included.
    pub unread: u64,
    /// Bytes of the log that the latest commit has left; 0 where there is none.
    pub log_bytes: u64,
    /// Bytes of free disk below which messages and posts are refused.
    pub disk_reserve_bytes: u64,
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

/// How a call ended, and which call it was.
#[derive(Debug)]
pub struct Completion {
    /// The ticket that the call was submitted with.
    pub ticket: Ticket,
    /// How it ended.
    pub end: End,
}

/// How a call ended.
#[derive(Debug)]
pub enum End {
    /// With this outcome. Where the call changed something, that is on disk.
    Done(Committed<Outcome>),
    /// It was not carried out: nothing was stored. Never the end of a
    /// [`Call::Return`] or [`Call::Release`], which the store carries out later.
    Unavailable,
    /// The store cannot say whether it was carried out. Only the end of a call that may
    /// change the disk, so never of one that reads, leases, or is about presence.
    Unknown,
}

impl Completion {
    /// The outcome, where the call has one.
    #[must_use]
    pub fn into_outcome(self) -> Option<Outcome> {
        match self.end {
            End::Done(outcome) => Some(outcome.into_inner()),
            End::Unavailable | End::Unknown => None,
        }
    }
}

/// Tells the calls of a store apart; means something to its caller alone.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Ticket(pub u64);

/// How much a store takes in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Messages that a mailbox holds, those handed out included.
    pub mailbox_capacity: u32,
    /// The part of a mailbox that one sender may fill, in percent. Beyond it the mailbox
    /// is full for that sender.
    pub mailbox_percent_of_sender: u32,
    /// Accounts in all. At this limit a new one evicts another that has no password, no
    /// session and nothing unread, and that no stored message or post names.
    pub accounts_max: u32,
    /// Channels in all. At this limit a new one evicts another: of those without members
    /// whose posts are of one author the one with the fewest posts, among equals the one
    /// posted in longest ago; then those with several authors that are no longer
    /// [protected](PROTECTED_MS). Private ones are never evicted, and at most half of all.
    pub channels_max: u32,
    /// Posts that a channel keeps, the latest.
    pub channel_posts: u32,
    /// Bans in force at a time. At this limit a new one is refused.
    pub bans_max: u32,
    /// Keys of an account by which requests are repeated. At this limit further ones are refused.
    pub keys_of_account_max: u32,
    /// Such keys in all. At this limit the account with most loses its oldest.
    pub keys_max: u32,
    /// Bytes of free disk below which messages and posts are refused.
    pub disk_reserve_bytes: u64,
    /// How old unread messages and posts may become. Read when the store is opened.
    pub retention: Retention,
    /// What accounts with a password keep of what they have read and sent; `None`: nothing.
    /// Read when the store is opened.
    pub keep_read: Option<KeepRead>,
}

impl Limits {
    /// These limits with what can change of others while a store is open.
    #[must_use]
    pub fn replaced_by(self, limits: Self) -> Self {
        let Self { mailbox_capacity, accounts_max, channels_max, .. } = limits;
        Self { mailbox_capacity, accounts_max, channels_max, ..self }
    }

    /// Messages of one sender that a mailbox holds, at least one; `None` if a sender may
    /// fill it.
    #[must_use]
    pub fn mailbox_share(&self) -> Option<u32> {
        let capacity = u64::from(self.mailbox_capacity);
        let share = capacity * u64::from(self.mailbox_percent_of_sender) / 100;
        let share = u32::try_from(share.max(1)).unwrap_or(u32::MAX);
        (self.mailbox_percent_of_sender < 100).then_some(share)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            mailbox_capacity: MAILBOX_CAPACITY_DEFAULT,
            mailbox_percent_of_sender: 100,
            accounts_max: 2_000_000,
            channels_max: 10_000,
            channel_posts: 1_000,
            bans_max: 16_384,
            keys_of_account_max: 10_000,
            keys_max: 1_000_000,
            disk_reserve_bytes: 16 << 20,
            retention: Retention::NONE,
            keep_read: None,
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
