//! The file of a copy that is being made: it has no name, so nothing is left of it when
//! the process ends, however it does.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OpenFlags};

use crate::freeing::Freeing;

/// The name that the file has for a moment.
const NAME: &str = "backup.tmp";

/// The file, and how far what was written to it has got.
#[derive(Debug)]
pub(crate) struct CopyFile {
    /// `None` once it is dropped.
    file: Option<File>,
    writing: Mutex<Writing>,
    freeing: Freeing,
}

/// Where what was written is.
#[derive(Debug)]
enum Writing {
    /// All, or most of it, is on the disk.
    Written,
    /// The checkpointer's thread is to write it to the disk.
    Wanted,
    /// It cannot be written.
    Failed(io::Error),
}

/// What an earlier process may have left in a folder, killed at the wrong moment.
pub(crate) fn remove_left(folder: &Path) -> io::Result<()> {
    match fs::remove_file(folder.join(NAME)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl CopyFile {
    /// Makes the file in a folder, and connects SQLite to it.
    ///
    /// Whoever drops it last does not wait for its blocks to be freed: `freeing` does that.
    pub(crate) fn make(folder: &Path, freeing: Freeing) -> Result<(Self, Connection), MakeError> {
        let path = folder.join(NAME);
        remove_left(folder)?;
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        let connected = connect(&path);
        fs::remove_file(&path)?;
        let (file, writing) = (Some(file), Mutex::new(Writing::Written));
        Ok((Self { file, writing, freeing }, connected?))
    }

    pub(crate) fn bytes(&self) -> io::Result<u64> {
        Ok(self.file().metadata()?.len())
    }

    /// Has what was written so far written to the disk, by [`sync`](Self::sync).
    pub(crate) fn want_sync(&self) {
        *self.writing() = Writing::Wanted;
    }

    /// Whether more may be written; fails where that has.
    pub(crate) fn is_written(&self) -> io::Result<bool> {
        match &*self.writing() {
            Writing::Written => Ok(true),
            Writing::Wanted => Ok(false),
            Writing::Failed(error) => Err(io::Error::new(error.kind(), error.to_string())),
        }
    }

    /// Writes to the disk what was written so far. For the checkpointer's thread.
    pub(crate) fn sync(&self) {
        let synced = self.file().sync_data();
        *self.writing() = synced.map_or_else(Writing::Failed, |()| Writing::Written);
    }

    fn file(&self) -> &File {
        self.file.as_ref().expect("it is there until this is dropped")
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        // It is one value, whole even where a thread panicked.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CopyFile {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            self.freeing.free(file);
        }
    }
}

/// Gives the file from its beginning to its end.
pub(crate) struct Content(Arc<CopyFile>);

impl Content {
    pub(crate) fn new(file: Arc<CopyFile>) -> Self {
        Self(file)
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.file().read(buffer)
    }
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MakeError {
    #[error(transparent)]
    File(#[from] io::Error),
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
}

/// Opens the file for a copy, which needs no safety: it is thrown away if the process ends.
pub(crate) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    /// A mebibyte, in SQLite's unit: the rest is written at once.
    const CACHE: i32 = -1_024;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "journal_mode", "OFF")?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    connection.pragma_update(None, "cache_size", CACHE)?;
    Ok(connection)
}
