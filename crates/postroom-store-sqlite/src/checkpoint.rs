//! Moving the write-ahead log into the table file without stalling commits.
//!
//! The checkpointer copies the log while commits go on, on its own thread; or between two
//! jobs, where one thread does everything. It copies a little at a time: a commit whose
//! sync meets that of the table file waits for it.
//!
//! What commits add meanwhile would keep the log growing for ever. So once the log has its
//! usual length, the store copies the short rest itself, between two commits, after which
//! SQLite begins the log anew at its start: there its blocks are already allocated, and a
//! sync costs less than half.
//!
//! The thread also writes the copy of a backup to the disk, and frees the blocks of one that
//! is not wanted any more, when there is nothing to copy of the log.

use std::error::Error;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use postroom_store::StoreFailure;
use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;

use crate::copy_file::CopyFile;
use crate::disk_space;
use crate::freeing::{Freeing, free_part};
use crate::platform::Platform;
use crate::schema;

/// Pages of the log that the checkpointer copies at a time, at least: 2 MiB.
const STEP_PAGES: u32 = 512;
/// A step that takes less time may be larger: where commits change the same pages again and
/// again, few are left to copy, and each step has its own syncs.
const STEP_AT_LEAST: Duration = Duration::from_millis(1);
/// A step that takes more time is to be smaller.
const STEP_AT_MOST: Duration = Duration::from_millis(2);
/// Pages in the log at which it is to begin anew: 8 MiB.
pub(crate) const USUAL_PAGES: u32 = 2_048;
/// Pages that the store copies itself, at most: about a millisecond. Where a group is
/// larger, as many as it has: there are never fewer that the checkpointer has not copied,
/// and the log would never begin anew.
const REST_PAGES: u32 = 256;
/// Pages in the log at which commits wait for the checkpointer's thread: 64 MiB.
const WAIT_PAGES: u32 = 16_384;

#[derive(Debug)]
enum State {
    /// Nothing to do.
    Idle,
    /// The checkpointer has, or will soon have, begun.
    Wanted,
    /// It has copied so many pages of the log.
    Copied(u32),
    /// It cannot go on, and so no one can.
    Failed(String),
    /// The store is gone.
    Closed,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Whether a thread waits for what the store wants.
    has_thread: AtomicBool,
    /// Pages of the log at which it is to copy them.
    step_pages: AtomicU32,
    /// The file of a backup that is to be written to the disk. To be set before
    /// `state` is locked.
    unsynced: Mutex<Option<Arc<CopyFile>>>,
    /// Files without a name that nobody has open any more. To be set likewise.
    unwanted: Mutex<Vec<File>>,
}

/// What the thread does next.
enum Task {
    CopyLog,
    Sync(Arc<CopyFile>),
    Free(File),
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is one value, whole even where a thread panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        *self.lock() = state;
        self.changed.notify_all();
    }

    /// Lets the store fail, unless it is gone or has failed already.
    fn fail(&self, cause: &str) {
        let mut state = self.lock();
        if !matches!(*state, State::Closed | State::Failed(_)) {
            *state = State::Failed(cause.to_owned());
            self.changed.notify_all();
        }
    }

    fn is_wanted(&self) -> bool {
        matches!(*self.lock(), State::Wanted)
    }

    /// Waits for something to do; `None` if there will be nothing more.
    fn next_task(&self) -> Option<Task> {
        let mut state = self.lock();
        loop {
            match *state {
                State::Wanted => return Some(Task::CopyLog),
                State::Closed | State::Failed(_) => return None,
                State::Idle | State::Copied(_) => {}
            }
            if let Some(file) = self.unsynced().take() {
                return Some(Task::Sync(file));
            }
            if let Some(file) = self.unwanted().pop() {
                return Some(Task::Free(file));
            }
            state = self.wait(state);
        }
    }

    fn unsynced(&self) -> MutexGuard<'_, Option<Arc<CopyFile>>> {
        self.unsynced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unwanted(&self) -> MutexGuard<'_, Vec<File>> {
        self.unwanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is something new to do.
    fn wake(&self) {
        // The thread has seen it, or waits.
        drop(self.lock());
        self.changed.notify_all();
    }

    /// The checkpointer has copied so many pages.
    fn copied(&self, pages: u32) {
        let mut state = self.lock();
        if let State::Wanted = *state {
            *state = State::Copied(pages);
            self.changed.notify_all();
        }
    }

    /// A step took so long.
    fn pace(&self, took: Duration) {
        let pages = next_step(self.step_pages.load(Ordering::Relaxed), took);
        self.step_pages.store(pages, Ordering::Relaxed);
    }

    fn wait<'a>(&self, guard: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }
}

/// The store's side.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    shared: Arc<Shared>,
    /// Pages of the log after the commit before.
    pages_before: u32,
}

/// Copies the log whenever the store wants it: [runs](Self::run) on a thread of its
/// own, or does one [step](Self::step) after the other.
#[derive(Debug)]
pub struct Checkpointer {
    path: PathBuf,
    platform: Platform,
    shared: Arc<Shared>,
    /// `None` until it is needed.
    files: Option<Files>,
}

/// The table file, as the checkpointer has it open.
#[derive(Debug)]
struct Files {
    // Closed before the file: to close any descriptor of the file gives up all locks
    // that this process has on it.
    connection: Connection,
    table: File,
}

pub(crate) fn pair(path: PathBuf, platform: Platform) -> (Checkpoints, Checkpointer) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State::Idle),
        changed: Condvar::new(),
        has_thread: AtomicBool::new(false),
        step_pages: AtomicU32::new(STEP_PAGES),
        unsynced: Mutex::new(None),
        unwanted: Mutex::new(Vec::new()),
    });
    let checkpoints = Checkpoints { shared: Arc::clone(&shared), pages_before: 0 };
    (checkpoints, Checkpointer { path, platform, shared, files: None })
}

impl Checkpoints {
    /// Fails once the checkpointer has.
    pub(crate) fn check(&self) -> Result<(), StoreFailure> {
        match &*self.shared.lock() {
            State::Failed(cause) => Err(checkpoint_failed(cause.clone())),
            _ => Ok(()),
        }
    }

    /// Has the thread write a file to the disk, if there is one.
    pub(crate) fn sync_later(&self, file: &Arc<CopyFile>) {
        if !self.shared.has_thread.load(Ordering::Relaxed) {
            return;
        }
        file.want_sync();
        *self.shared.unsynced() = Some(Arc::clone(file));
        self.shared.wake();
    }

    /// Frees files on the thread, as long as there is one; else at once.
    pub(crate) fn freeing(&self) -> Freeing {
        let shared = Arc::downgrade(&self.shared);
        Freeing::new(move |file| {
            let shared = shared.upgrade();
            let has_thread = |shared: &Arc<Shared>| shared.has_thread.load(Ordering::Relaxed);
            if let Some(shared) = shared.filter(has_thread) {
                shared.unwanted().push(file);
                shared.wake();
            }
        })
    }

    /// Does after a commit what the length of the log asks for.
    pub(crate) fn tend(&mut self, connection: &Connection, pages: u32) -> Result<(), StoreFailure> {
        let before = std::mem::replace(&mut self.pages_before, pages);
        let added = pages.checked_sub(before).unwrap_or(pages);
        if self.wants_last_copy(pages, added.max(REST_PAGES))? {
            copy(connection).map_err(|error| checkpoint_failed(error.to_string()))?;
        }
        Ok(())
    }

    /// Has the checkpointer copy what there is, if that is enough. Returns whether the
    /// store is to copy the rest itself, `rest_max` pages at most, so that the log begins
    /// anew.
    fn wants_last_copy(&self, pages: u32, rest_max: u32) -> Result<bool, StoreFailure> {
        let mut state = self.shared.lock();
        let waits = pages >= WAIT_PAGES && self.shared.has_thread.load(Ordering::Relaxed);
        let mut has_asked = false;
        loop {
            while waits && matches!(*state, State::Wanted) {
                state = self.shared.wait(state);
            }
            let copied = match *state {
                State::Copied(copied) if copied <= pages => copied,
                // Nothing of a log that has begun anew.
                State::Copied(_) | State::Idle => 0,
                State::Failed(ref cause) => return Err(checkpoint_failed(cause.clone())),
                State::Wanted | State::Closed => return Ok(false),
            };
            let rest = pages - copied;
            if pages >= USUAL_PAGES && rest <= rest_max {
                *state = State::Idle;
                return Ok(true);
            }
            let step = self.shared.step_pages.load(Ordering::Relaxed);
            if pages < USUAL_PAGES && rest < step {
                return Ok(false);
            }
            *state = State::Wanted;
            self.shared.changed.notify_all();
            // Now it copies everything, unless another program reads the file.
            if !waits || std::mem::replace(&mut has_asked, true) {
                return Ok(false);
            }
        }
    }
}

/// Lets the checkpointer end.
impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.shared.set(State::Closed);
    }
}

impl Checkpointer {
    /// Works until the store is dropped or the disk fails. For a thread of its own.
    ///
    /// The store learns of the failure too, and acknowledges nothing more.
    pub fn run(self) -> Result<(), StoreFailure> {
        self.shared.has_thread.store(true, Ordering::Relaxed);
        self.guarded(|checkpointer| {
            checkpointer.open()?;
            while let Some(task) = checkpointer.shared.next_task() {
                match task {
                    Task::CopyLog => {
                        let begun = Instant::now();
                        checkpointer.copy_log()?;
                        checkpointer.shared.pace(begun.elapsed());
                    }
                    Task::Sync(file) => file.sync(),
                    Task::Free(file) => checkpointer.shared.unwanted().extend(free_part(file)),
                }
            }
            Ok(())
        })
    }

    /// Does what the store wants now, if anything; returns whether it did. For owners
    /// without a thread for it.
    ///
    /// To be called between two jobs. The log grows until it is called: only where
    /// [`run`](Self::run) waits on a thread do commits wait for a checkpoint. After an
    /// error the store acknowledges nothing more.
    pub fn step(&mut self) -> Result<bool, StoreFailure> {
        if !self.shared.is_wanted() {
            return Ok(false);
        }
        self.failing(Self::copy_log).map(|()| true)
    }

    /// Does the work, and lets the store know that it has ended, however it did.
    fn guarded(mut self, work: impl FnOnce(&mut Self) -> Work) -> Result<(), StoreFailure> {
        let _ending = Ending(Arc::clone(&self.shared));
        self.failing(work)
    }

    /// Lets the store fail if the work does.
    fn failing(&mut self, work: impl FnOnce(&mut Self) -> Work) -> Result<(), StoreFailure> {
        work(self).map_err(|error| {
            let cause = error.to_string();
            self.shared.fail(&cause);
            checkpoint_failed(cause)
        })
    }

    fn open(&mut self) -> Result<&Files, Box<dyn Error + Send + Sync>> {
        let files = if let Some(files) = self.files.take() {
            files
        } else {
            let table = File::open(&self.path)?;
            Files { connection: schema::connect(&self.platform, &self.path)?, table }
        };
        Ok(self.files.insert(files))
    }

    fn copy_log(&mut self) -> Work {
        let Files { connection, table } = self.open()?;
        let copied = copy(connection)?;
        // SQLite syncs the table file only when nothing of the log is left, which would
        // be in the store's part and stall it.
        table.sync_data()?;
        self.shared.copied(copied);
        Ok(())
    }
}

/// Pages of the next step, after one of so many that took so long.
fn next_step(pages: u32, took: Duration) -> u32 {
    let next = match took {
        took if took < STEP_AT_LEAST => pages * 2,
        took if took > STEP_AT_MOST => pages / 2,
        _ => pages,
    };
    next.clamp(STEP_PAGES, USUAL_PAGES)
}

/// What the checkpointer's work comes to.
type Work = Result<(), Box<dyn Error + Send + Sync>>;

/// The end of the thread, be it a panic: if the store is still there, it fails.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.fail("its thread has ended");
    }
}

fn checkpoint_failed(cause: String) -> StoreFailure {
    let what = "cannot move the log into the store".into();
    StoreFailure { what, advice: "check the disk", cause: cause.into() }
}

/// Copies what no commit is using; returns how many pages of the log are copied.
///
/// A full disk is no failure: what is not copied stays safe in the log.
fn copy(connection: &Connection) -> rusqlite::Result<u32> {
    let copied = connection.wal_checkpoint_v2(None::<&str>, CheckpointMode::PASSIVE);
    match copied {
        Ok((_log, copied)) => Ok(u32::try_from(copied).unwrap_or(0)),
        Err(error) if disk_space::is_full(connection, &error) || is_busy(&error) => Ok(0),
        Err(error) => Err(error),
    }
}

/// Moves a log that was left behind into the table file, entirely.
///
/// If a sync had failed before the log was left, the operating system may hold
/// parts of it in memory alone and call them written; whatever were appended
/// behind them would be lost with them.
pub(crate) fn settle_left_log(connection: &Connection) -> rusqlite::Result<()> {
    match connection.wal_checkpoint_v2(None::<&str>, CheckpointMode::TRUNCATE) {
        Err(error) if !disk_space::is_full(connection, &error) && !is_busy(&error) => Err(error),
        _ => Ok(()),
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_checkpointer_fails_the_store() {
        let (mut checkpoints, checkpointer) = pair(PathBuf::new(), Platform::default());
        checkpoints.check().unwrap();
        let work = || checkpointer.guarded(|_| panic!("a defect"));
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_err();
        let connection = Connection::open_in_memory().unwrap();
        checkpoints.check().unwrap_err();
        // A commit that waits for it, at the limit of the log, waits no longer.
        checkpoints.tend(&connection, WAIT_PAGES).unwrap_err();
    }

    #[test]
    fn steps_grow_while_they_are_quick_and_shrink_once_they_are_slow() {
        let (quick, fair, slow) = (1, 1_500, 2_001);
        let mut pages = STEP_PAGES;
        for (took, expected) in [
            (slow, 512),
            (quick, 1_024),
            (fair, 1_024),
            (quick, 2_048),
            (quick, 2_048),
            (slow, 1_024),
            (slow, 512),
        ] {
            pages = next_step(pages, Duration::from_micros(took));
            assert_eq!(pages, expected, "after {took} us");
        }
    }

    #[test]
    fn commits_wait_for_no_thread_where_there_is_none() {
        let (mut checkpoints, mut checkpointer) = pair(PathBuf::new(), Platform::default());
        assert!(!checkpointer.step().unwrap());
        let connection = Connection::open_in_memory().unwrap();
        checkpoints.tend(&connection, STEP_PAGES).unwrap();
        checkpoints.tend(&connection, WAIT_PAGES).unwrap();
        checkpointer.step().unwrap_err();
        checkpoints.check().unwrap_err();
    }

    #[test]
    fn a_copy_that_nobody_wants_is_freed_by_the_thread() {
        let (checkpoints, checkpointer) = pair(PathBuf::new(), Platform::default());
        let folder = tempfile::tempdir().unwrap();
        let drop_copy = || {
            let copy = CopyFile::make(folder.path(), checkpoints.freeing());
            let (copy, connection) = copy.unwrap();
            drop((connection, copy));
        };
        drop_copy();
        assert!(checkpointer.shared.unwanted().is_empty(), "there is no thread");
        checkpointer.shared.has_thread.store(true, Ordering::Relaxed);
        drop_copy();
        assert_eq!(checkpointer.shared.unwanted().len(), 1);
        assert!(matches!(checkpointer.shared.next_task(), Some(Task::Free(_))));
    }

    #[test]
    fn a_checkpointer_ends_with_its_store() {
        let (checkpoints, checkpointer) = pair(PathBuf::new(), Platform::default());
        drop(checkpoints);
        checkpointer.guarded(|_| Ok(())).unwrap();
    }
}
