//! The store on one machine: SQLite, used as a log.
//!
//! The hot path only appends to tables whose integer key is the sequence, and
//! commits everything that waits in one transaction. Which messages wait in
//! which mailbox is kept in memory and rebuilt at start, so that the tables need
//! no secondary index; what was read is noted in an appended row and swept out
//! later, in the order of the table.
//!
//! Who does what: [`DataFolder`] keeps a second server out; `Index` knows what
//! waits where and can take back what a failed commit undid; `Transaction` runs
//! one group of calls; `Sweep` deletes what was read; [`Checkpointer`] moves the
//! log into the table file on a thread of its caller's. Posts have tables of their
//! own; of each channel the latest are kept (`Channels`). A damaged record is noted
//! in `Damages` and set aside; [`check()`] finds all of them.

mod channels;
mod check;
mod checkpoint;
mod damage;
mod disk_space;
mod error;
mod file;
mod folder;
mod index;
mod load;
mod mailbox;
mod post;
mod presences;
mod record;
mod reserved;
mod scan;
mod schema;
mod sweep;
#[cfg(test)]
mod tests;
mod transaction;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use postroom_model::Batch;
use postroom_store::{
    Call, Completion, Damaged, End, Job, Limits, Outcome, Store, StoreFailure, Ticket, Timestamp,
};
use rusqlite::Connection;

pub use check::{Checked, Finding, check};
pub use checkpoint::Checkpointer;
pub use error::OpenError;
pub use folder::DataFolder;

use checkpoint::Checkpoints;
use disk_space::DiskSpace;
use index::Index;
use sweep::Sweep;
use transaction::{Allowed, Transaction};

/// Accounts, mailboxes and channels in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    // Before the folder: the file must be closed before its lock is released.
    connection: Connection,
    index: Index,
    sweep: Sweep,
    space: DiskSpace,
    checkpoints: Checkpoints,
    /// Pages in the write-ahead log after the last commit.
    log_pages: Arc<AtomicU32>,
    limits: Limits,
    submitted: Vec<(Ticket, Call)>,
    outcomes: Batch<Outcome>,
    completed: Vec<Completion>,
    folder: DataFolder,
}

impl SqliteStore {
    /// Opens the store in `folder`, bringing its file to the present version,
    /// and reads what waits in the mailboxes.
    ///
    /// The [`Checkpointer`] must be run on a thread of its own; it ends once the
    /// store is dropped.
    pub fn open(folder: DataFolder, limits: Limits) -> Result<(Self, Checkpointer), OpenError> {
        let path = folder.database();
        file::refuse_foreign(&path, schema::APPLICATION_ID)?;
        file::prepare(&path)?;
        let mut connection = schema::connect(&path)?;
        schema::migrate(&mut connection, &path)?;
        checkpoint::settle_left_log(&connection)
            .map_err(|cause| OpenError::database(&path, cause))?;
        let (index, sweep) = load::load(&connection, &path, limits.channel_posts)?;
        let space = DiskSpace::new(folder.path(), &path, limits.disk_reserve_bytes);
        checkpoint::preallocate(&path, &space)?;
        let log_pages = Arc::new(AtomicU32::new(0));
        let hooked = Arc::clone(&log_pages);
        connection
            .wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: std::ffi::c_int| {
                hooked.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
                Ok(())
            }))
            .map_err(|cause| OpenError::database(&path, cause))?;
        let (checkpoints, checkpointer) = checkpoint::pair(path);
        let store = Self {
            connection,
            index,
            sweep,
            space,
            checkpoints,
            log_pages,
            limits,
            submitted: Vec::new(),
            outcomes: Batch::new(),
            completed: Vec::new(),
            folder,
        };
        Ok((store, checkpointer))
    }

    /// Runs a group, and again with less of it where the disk is full.
    fn run(
        &mut self,
        group: &[(Ticket, Call)],
        now: Timestamp,
        outcomes: &mut Batch<Outcome>,
        completed: &mut Vec<Completion>,
    ) -> rusqlite::Result<()> {
        let mut allowed = self.allowed(group);
        loop {
            let index = &mut self.index;
            let known = index.damages.count();
            let transaction =
                Transaction::begin(&self.connection, index, self.limits, now, allowed)?;
            let calls = group.iter().map(|(_, call)| call);
            match transaction.run(calls, &mut self.sweep, outcomes) {
                Ok(receipts) => {
                    let tickets = group.iter().map(|(ticket, _)| *ticket);
                    completed.extend(
                        tickets.zip(receipts).map(|(ticket, outcome)| Completion {
                            ticket,
                            end: End::Done(outcome),
                        }),
                    );
                    return Ok(());
                }
                Err(error)
                    if disk_space::is_full(&self.connection, &error)
                        && allowed != Allowed::Nothing =>
                {
                    self.sweep.hurry();
                    allowed = allowed.less();
                }
                // Without the record that the disk could not read.
                Err(error)
                    if damage::is_unreadable(&error) && self.index.damages.count() > known => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn allowed(&mut self, group: &[(Ticket, Call)]) -> Allowed {
        let bytes = group.iter().filter_map(|(_, call)| stored_bytes(call)).sum();
        let log_pages = self.log_pages.load(Ordering::Relaxed);
        if bytes == 0 || self.space.is_enough(&self.connection, bytes, log_pages) {
            return Allowed::Everything;
        }
        self.sweep.hurry();
        Allowed::NoMessages
    }
}

/// Bytes that the rows of a call take, if it adds messages or posts.
fn stored_bytes(call: &Call) -> Option<u64> {
    /// The row's other columns, and what of a page stays empty behind it.
    const ROW_BYTES: usize = 64;
    let (rows, text) = match call {
        Call::Compose { text, .. } => (1, text),
        Call::Post { post, .. } => (post.channels.len(), &post.text),
        _ => return None,
    };
    Some((rows * (text.as_str().len() + ROW_BYTES)) as u64)
}

impl SqliteStore {
    fn failure(&self, cause: rusqlite::Error) -> StoreFailure {
        let what = format!("cannot write to {}", self.folder.database().display());
        let advice = match cause.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy) => "end the program that has locked it",
            _ => "check the disk",
        };
        StoreFailure { what, advice, cause: cause.into() }
    }
}

/// A group of calls, which the store itself holds and carries out as it finishes.
#[derive(Debug)]
pub struct CommitJob {
    now: Timestamp,
}

/// A job that has run.
#[derive(Debug)]
pub struct CommitJobDone {
    now: Timestamp,
}

impl Job for CommitJob {
    type Done = CommitJobDone;

    fn run(self) -> CommitJobDone {
        CommitJobDone { now: self.now }
    }
}

impl Store for SqliteStore {
    type Job = CommitJob;

    fn submit(&mut self, ticket: Ticket, call: Call) {
        self.submitted.push((ticket, call));
    }

    fn next_job(&mut self, now: Timestamp) -> Option<CommitJob> {
        (!self.submitted.is_empty()).then_some(CommitJob { now })
    }

    fn finish(&mut self, CommitJobDone { now }: CommitJobDone) -> Result<(), StoreFailure> {
        self.checkpoints.check()?;
        // Both keep their memory from group to group.
        let mut group = std::mem::take(&mut self.submitted);
        let mut outcomes = std::mem::take(&mut self.outcomes);
        let mut completed = std::mem::take(&mut self.completed);
        self.run(&group, now, &mut outcomes, &mut completed)
            .map_err(|error| self.failure(error))?;
        group.clear();
        self.outcomes = outcomes;
        self.completed = completed;
        self.submitted = group;
        self.checkpoints.tend(&self.connection, self.log_pages.load(Ordering::Relaxed))
    }

    fn take_completions(&mut self, completions: &mut Vec<Completion>) {
        completions.append(&mut self.completed);
    }

    fn take_damaged(&mut self) -> Vec<Damaged> {
        self.index.damages.take()
    }
}
