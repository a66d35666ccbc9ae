//! A group's work that may wait for the disk: all of it, and nothing else.

use postroom_model::{Fault, faulty};
use std::time::{Duration, Instant};

use postroom_store::{Job, JobDone, StoreFailure};

use crate::allowed::Allowed;
use crate::backup::{Copying, Ended, Part};
use crate::damage::is_unreadable;
use crate::disk::Disk;
use crate::disk_space::is_full;
use crate::found::Found;
use crate::group::Group;
use crate::transaction::Transaction;

/// A group to be committed, with the connection: while it is out, the store has none,
/// and its data folder stays locked as long as this exists.
#[derive(Debug)]
#[must_use = "its calls complete when its result comes back"]
pub struct CommitJob(pub(crate) Box<Work>);

/// A job that has run, and what it came to.
#[derive(Debug)]
#[must_use = "its calls complete when it comes back to the store"]
pub struct CommitJobDone {
    pub(crate) work: Box<Work>,
    pub(crate) result: Result<(), Setback>,
}

/// What travels with a job, and is used for one after the other.
#[derive(Debug)]
pub(crate) struct Work {
    // Before the disk, from whose connection it copies.
    copying: Option<Copying>,
    pub(crate) disk: Disk,
    pub(crate) group: Group,
    pub(crate) found: Found,
    /// How long the disk took to keep what the group stored.
    pub(crate) sync_time: Option<Duration>,
    /// What is to be done for a backup.
    pub(crate) part: Part,
    /// What a backup came to that has ended.
    pub(crate) ended: Option<Ended>,
}

/// Why a group was not committed. Nothing of it is left on disk, except where the job
/// failed.
#[derive(Debug)]
pub(crate) enum Setback {
    /// The disk has no space for what the group may write.
    DiskFull,
    /// Records that it reads or deletes are damaged; which ones, is among what the job
    /// found.
    Damaged,
    /// No one knows what is on disk.
    Failed(StoreFailure),
}

impl From<StoreFailure> for Setback {
    fn from(failure: StoreFailure) -> Self {
        Self::Failed(failure)
    }
}

impl Job for CommitJob {
    type Done = CommitJobDone;

    fn run(self) -> CommitJobDone {
        let Self(mut work) = self;
        let result = work.run();
        if !matches!(result, Err(Setback::Failed(_))) {
            work.copy_part();
        }
        CommitJobDone { work, result }
    }
}

impl JobDone for CommitJobDone {
    fn sync_time(&self) -> Option<Duration> {
        self.work.sync_time
    }
}

impl Work {
    pub(crate) fn new(disk: Disk) -> Self {
        Self {
            copying: None,
            disk,
            group: Group::new(),
            found: Found::default(),
            sync_time: None,
            part: Part::None,
            ended: None,
        }
    }

    fn run(&mut self) -> Result<(), Setback> {
        self.found.clear();
        self.sync_time = None;
        self.disk.check()?;
        let is_all = self.group.allowed == Allowed::Everything;
        if is_all && !self.disk.has_space(self.group.stored_bytes()) {
            return Err(Setback::DiskFull);
        }
        if self.group.operations.is_empty() {
            return Ok(self.disk.tend_log()?);
        }
        let begun = self.commit()?;
        let tended = self.disk.tend_log();
        self.sync_time = self.group.operations.write().then(|| begun.elapsed());
        Ok(tended?)
    }

    /// Does what is to be done for a backup.
    fn copy_part(&mut self) {
        self.ended = match std::mem::take(&mut self.part) {
            Part::None => return,
            Part::First(token) => match Copying::begin(&self.disk, token) {
                Ok(copying) => {
                    self.copying = Some(copying);
                    None
                }
                Err(ended) => Some(ended),
            },
            Part::Next => self.copying.as_mut().and_then(|copying| copying.proceed(&self.disk)),
        };
        if self.ended.is_some() {
            self.copying = None;
        }
    }

    /// Returns when the disk was first waited for.
    fn commit(&mut self) -> Result<Instant, Setback> {
        let Self { disk, group, found, .. } = self;
        let failed = |cause| Setback::Failed(disk.failure(cause));
        let transaction = Transaction::begin(&disk.connection).map_err(failed)?;
        let setback = match transaction.carry_out(group, found) {
            Ok(()) if found.damaged.is_empty() => {
                let begun = Instant::now();
                match transaction.commit() {
                    Ok(()) => return Ok(begun),
                    Err(_) if faulty(Fault::SyncFailureIgnored) => return Ok(begun),
                    Err(error) => setback(disk, group, found, error),
                }
            }
            Ok(()) if faulty(Fault::DamageStopsServer) => {
                failed(rusqlite::Error::QueryReturnedNoRows)
            }
            Ok(()) => Setback::Damaged,
            Err(error) => setback(disk, group, found, error),
        };
        transaction.roll_back().map_err(failed)?;
        Err(setback)
    }
}

/// What an error means that the connection has just returned.
fn setback(disk: &Disk, group: &Group, found: &Found, error: rusqlite::Error) -> Setback {
    if is_full(&disk.connection, &error) && group.allowed != Allowed::Nothing {
        Setback::DiskFull
    } else if is_unreadable(&error) && (!found.damaged.is_empty() || found.look_failed.is_some()) {
        Setback::Damaged
    } else {
        Setback::Failed(disk.failure(error))
    }
}
