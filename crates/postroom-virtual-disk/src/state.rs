//! What a disk is at the moment, and what becomes of each operation on its files.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::c_int;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fastrand::Rng;
use rusqlite::ffi;

use crate::counts::{Counts, Loss};
use crate::faults::{Fault, Faults, count_down};
use crate::history::History;
use crate::medium::Medium;

/// A result code of SQLite that is not `SQLITE_OK`.
pub(crate) type Code = c_int;

/// Milliseconds from the beginning of the Julian day count to 2026.
const YEAR_2026_MS: i64 = 210_866_760_000_000 + 1_767_225_600_000;

/// The state of a disk, which its owner and the files of SQLite share.
#[derive(Debug)]
pub(crate) struct Shared(Mutex<State>);

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) random: Rng,
    pub(crate) faults: Faults,
    pub(crate) counts: Counts,
    /// Syncs do nothing.
    pub(crate) is_lying: bool,
    /// Files cannot become longer.
    pub(crate) is_full: bool,
    /// The power is off until the owner cuts it.
    pub(crate) is_off: bool,
    /// Changes until the power goes off.
    pub(crate) off_in: Option<u64>,
    /// Those that were opened in an earlier one are dead.
    incarnation: u64,
    live_files: u64,
    dead_files: u64,
    histories: BTreeMap<PathBuf, History>,
    /// The table files that were ever opened.
    tables: BTreeSet<PathBuf>,
    clock_ms: i64,
}

impl Shared {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let clock_ms = YEAR_2026_MS + random.i64(0..1_000_000_000);
        Self(Mutex::new(State {
            random,
            faults: Faults::default(),
            counts: Counts::default(),
            is_lying: false,
            is_full: false,
            is_off: false,
            off_in: None,
            incarnation: 0,
            live_files: 0,
            dead_files: 0,
            histories: BTreeMap::new(),
            tables: BTreeSet::new(),
            clock_ms,
        }))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in here ends the process, or was the owner's.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Lets all open files die.
    pub(crate) fn kill(&mut self) {
        self.incarnation += 1;
        self.dead_files += std::mem::take(&mut self.live_files);
    }

    /// Lets all open files die, and what is not synced be lost.
    pub(crate) fn cut_power(&mut self) -> io::Result<Loss> {
        self.kill();
        (self.is_off, self.off_in) = (false, None);
        let mut loss = Loss::default();
        for (path, mut history) in std::mem::take(&mut self.histories) {
            match OpenOptions::new().read(true).write(true).open(&path) {
                Ok(mut file) => loss.add(history.cut(&mut file, &mut self.random)?),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        for table in &self.tables {
            let mut shared_memory = table.as_os_str().to_owned();
            shared_memory.push("-shm");
            match fs::remove_file(shared_memory) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.counts.cuts += 1;
        self.counts.loss.add(loss);
        Ok(loss)
    }

    /// The table file, if there is only one and nothing is open.
    pub(crate) fn closed_table(&self) -> io::Result<&Path> {
        if self.open_files() > 0 {
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, "files of the disk are open"));
        }
        let mut tables = self.tables.iter();
        match (tables.next(), tables.next()) {
            (Some(table), None) => Ok(table),
            _ => Err(io::Error::new(io::ErrorKind::NotFound, "the disk has not one table file")),
        }
    }

    pub(crate) fn open_files(&self) -> u64 {
        self.live_files + self.dead_files
    }

    /// Whether SQLite may open a file now. While dead ones are open, only their owners can
    /// want it; nor could others: the shared memory of a table file lives as long as anyone
    /// has that open.
    pub(crate) fn may_open(&self) -> bool {
        !self.is_off && self.dead_files == 0
    }

    /// Whether SQLite may delete a file now; if so, what was not synced of it is moot.
    pub(crate) fn delete(&mut self, path: &Path) -> bool {
        if !self.may_open() {
            return false;
        }
        let is_cut = self.power_goes();
        if is_cut && self.random.bool() {
            return false;
        }
        self.histories.remove(path);
        true
    }

    pub(crate) fn tick(&mut self) -> i64 {
        self.clock_ms += 1;
        self.clock_ms
    }

    fn history(&mut self, path: &Path) -> &mut History {
        self.histories.entry(path.to_path_buf()).or_default()
    }

    /// Counts one change; returns whether the power goes off with it.
    fn power_goes(&mut self) -> bool {
        let goes = count_down(&mut self.off_in);
        self.is_off |= goes;
        goes
    }

    fn fails(&mut self, fault: Fault) -> bool {
        let fails = self.faults.happens(fault, &mut self.random);
        self.counts.faults += u64::from(fails);
        fails
    }

    /// Where a write stops, and why, if it does.
    fn obstacle(&mut self, bytes: usize, fitting: usize) -> Option<(usize, Code)> {
        let code = if self.power_goes() || self.fails(Fault::Write) {
            ffi::SQLITE_IOERR_WRITE
        } else if self.fails(Fault::Full) {
            ffi::SQLITE_FULL
        } else if self.is_full && fitting < bytes {
            return Some((fitting, ffi::SQLITE_FULL));
        } else {
            return None;
        };
        Some((self.random.usize(..=bytes), code))
    }
}

/// An open file: what SQLite asks of it, before it reaches the real one.
#[derive(Debug)]
pub(crate) struct Handle {
    shared: Arc<Shared>,
    /// `None` for temporary files, which no crash outlives.
    path: Option<PathBuf>,
    incarnation: u64,
}

impl Handle {
    /// Of a file that was just opened.
    pub(crate) fn new(shared: Arc<Shared>, path: Option<PathBuf>, is_table: bool) -> Self {
        let mut state = shared.lock();
        state.live_files += 1;
        if is_table {
            state.tables.extend(path.clone());
        }
        let incarnation = state.incarnation;
        drop(state);
        Self { shared, path, incarnation }
    }

    /// Fails with `code` if the file is dead.
    pub(crate) fn check(&self, code: Code) -> Result<(), Code> {
        self.live(code).map(drop)
    }

    pub(crate) fn before_read(&self) -> Result<(), Code> {
        let mut state = self.live(ffi::SQLITE_IOERR_READ)?;
        if state.fails(Fault::Read) { Err(ffi::SQLITE_IOERR_READ) } else { Ok(()) }
    }

    pub(crate) fn write(
        &self,
        medium: &mut impl Medium<Error = Code>,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), Code> {
        let mut state = self.live(ffi::SQLITE_IOERR_WRITE)?;
        state.counts.writes += 1;
        let room = medium.length()?.saturating_sub(offset);
        let fitting = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        let obstacle = state.obstacle(bytes.len(), fitting);
        let written = &bytes[..obstacle.map_or(bytes.len(), |(written, _)| written)];
        match &self.path {
            _ if written.is_empty() => {}
            Some(path) => state.history(path).write(medium, offset, written)?,
            None => medium.write(offset, written)?,
        }
        obstacle.map_or(Ok(()), |(_, code)| Err(code))
    }

    pub(crate) fn truncate(
        &self,
        medium: &mut impl Medium<Error = Code>,
        length: u64,
    ) -> Result<(), Code> {
        let mut state = self.live(ffi::SQLITE_IOERR_TRUNCATE)?;
        state.counts.truncations += 1;
        let goes_on = !state.power_goes();
        if !goes_on || state.fails(Fault::Write) {
            return Err(ffi::SQLITE_IOERR_TRUNCATE);
        }
        match &self.path {
            Some(path) => state.history(path).truncate(medium, length),
            None => medium.set_length(length),
        }
    }

    pub(crate) fn sync(&self) -> Result<(), Code> {
        let mut state = self.live(ffi::SQLITE_IOERR_FSYNC)?;
        state.counts.syncs += 1;
        let Some(path) = &self.path else { return Ok(()) };
        let goes = state.power_goes();
        let fails = state.fails(Fault::Sync);
        if fails {
            state.history(path).sync_failed();
        } else if !state.is_lying && (!goes || state.random.bool()) {
            state.history(path).synced();
        }
        if goes || fails { Err(ffi::SQLITE_IOERR_FSYNC) } else { Ok(()) }
    }

    fn live(&self, code: Code) -> Result<MutexGuard<'_, State>, Code> {
        let state = self.shared.lock();
        let is_live = !state.is_off && state.incarnation == self.incarnation;
        if is_live { Ok(state) } else { Err(code) }
    }
}

/// The file is closed.
impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let is_live = state.incarnation == self.incarnation;
        let files = if is_live { &mut state.live_files } else { &mut state.dead_files };
        *files -= 1;
    }
}
