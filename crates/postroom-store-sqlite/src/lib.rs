//! The store on one machine: SQLite, used as a log.
//!
//! The hot path only appends to tables whose integer key is the sequence, and
//! commits everything that waits in one transaction. Which messages wait in
//! which mailbox is kept in memory and rebuilt at start, so that the tables need
//! no secondary index; what was read is noted in an appended row and swept out
//! later, in the order of the table.
//!
//! # From a call to its completion
//!
//! 1. [`SqliteStore`] takes the call. It answers at once what needs only committed
//!    memory: presence, counts, the login of a known account (`View`). The others wait.
//! 2. [`next_job`](postroom_store::Store::next_job) makes a `Group` of all calls that
//!    wait, unless one is in flight. The `Planner` applies them to the `Index`, ahead of
//!    the commit, and lists the `Operations` that write and read the disk. The `Plan`
//!    keeps what each call will have come to, and how to undo the changes.
//! 3. The [`CommitJob`] owns the group and the `Disk` with its connection. On whatever
//!    thread it runs, it looks for space on the disk, carries out the operations in one
//!    `Transaction`, commits it, and tends the log.
//! 4. [`finish`](postroom_store::Store::finish) completes the calls. If the disk was
//!    full or records were damaged, the job has rolled back: the store undoes the plan,
//!    and the next job has the same group with less allowed, or without those records.
//!
//! Of the rest, [`DataFolder`] keeps a second server out; `load` fills the index at
//! start; `Sweep` and `Channels` know which rows are to be deleted; [`Checkpointer`]
//! moves the log into the table file on a thread of its caller's, or step by step; `Damages` lists the
//! records that were set aside, and [`check()`] finds all of them. `backup` copies the store
//! while it is used, and [`restore()`] puts a copy in its place.

mod allowed;
mod backup;
mod bans;
mod blocks;
mod channels;
mod check;
mod checkpoint;
mod copy_file;
mod damage;
mod disk;
mod disk_space;
mod draft;
mod error;
mod expiry;
mod export;
mod file;
mod folder;
mod found;
mod freeing;
mod group;
mod history;
mod idle;
mod index;
mod job;
mod kept;
mod keys;
mod load;
mod mailbox;
mod operation;
mod passwords;
mod plan;
mod planner;
mod platform;
mod presences;
mod reader;
mod record;
mod reserved;
mod restore;
mod restoring;
mod scan;
mod schema;
mod senders;
mod skeletons;
mod state;
mod statements;
mod store;
mod sweep;
#[cfg(test)]
mod tests;
mod transaction;
mod unused;
mod view;

pub use backup::{BackUpError, back_up};
pub use check::{Check, Checked, Finding, check};
pub use checkpoint::Checkpointer;
pub use error::OpenError;
pub use export::{Export, ExportError, Exported};
pub use folder::DataFolder;
pub use history::{HistoryReader, HistorySource};
pub use job::{CommitJob, CommitJobDone};
pub use reader::{Pace, Place};
pub use restore::{RestoreError, Restored, restore};
pub use store::SqliteStore;
