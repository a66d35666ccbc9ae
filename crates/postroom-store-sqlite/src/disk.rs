//! The files of a store while it is open: what a job takes along.

use std::ffi::c_int;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use postroom_store::StoreFailure;
use rusqlite::Connection;
use rusqlite::hooks::Wal;

use crate::checkpoint::{self, Checkpointer, Checkpoints, USUAL_PAGES};
use crate::copy_file::{self, CopyFile};
use crate::disk_space::{DiskSpace, LOG_PAGE_BYTES};
use crate::error::OpenError;
use crate::file;
use crate::folder::DataFolder;
use crate::freeing::Freeing;
use crate::schema;

/// The connection to the table file, and all else that may wait for the disk.
#[derive(Debug)]
pub(crate) struct Disk {
    // Before the folder: the file must be closed before its lock is released.
    pub(crate) connection: Connection,
    pub(crate) space: DiskSpace,
    checkpoints: Checkpoints,
    /// Pages in the write-ahead log after the last commit.
    log_pages: Arc<AtomicU32>,
    pub(crate) folder: DataFolder,
}

impl Disk {
    /// Opens the file in `folder` and brings it to the present version.
    pub(crate) fn open(
        folder: DataFolder,
        reserve_bytes: u64,
    ) -> Result<(Self, Checkpointer), OpenError> {
        let path = folder.database();
        copy_file::remove_left(folder.path())
            .map_err(|cause| OpenError::Folder { path: folder.path().to_path_buf(), cause })?;
        file::refuse_foreign(&path, schema::APPLICATION_ID)?;
        file::prepare(&path)?;
        let mut connection = schema::connect(folder.platform(), &path)?;
        schema::migrate(&mut connection, &path)?;
        // Rather than when the first message is read.
        schema::check_statements(&connection, &path)?;
        let database = |cause| OpenError::database(&path, cause);
        checkpoint::settle_left_log(&connection).map_err(database)?;
        let log_pages = count_log_pages(&mut connection).map_err(database)?;
        let space = DiskSpace::new(&folder, reserve_bytes);
        let (checkpoints, checkpointer) = checkpoint::pair(path, folder.platform().clone());
        Ok((Self { connection, space, checkpoints, log_pages, folder }, checkpointer))
    }

    /// Gives the log its usual length, so that the first commits need not.
    pub(crate) fn preallocate_log(&self) -> Result<(), OpenError> {
        preallocate(&self.folder.database(), &self.space)
    }

    /// Fails once the checkpointer has.
    pub(crate) fn check(&self) -> Result<(), StoreFailure> {
        self.checkpoints.check()
    }

    /// Whether `bytes` of messages and posts may be stored.
    pub(crate) fn has_space(&self, bytes: u64) -> bool {
        bytes == 0 || self.space.is_enough(&self.connection, bytes, self.log_pages())
    }

    /// Does after a commit what the length of the log asks for.
    pub(crate) fn tend_log(&mut self) -> Result<(), StoreFailure> {
        self.checkpoints.tend(&self.connection, self.log_pages())
    }

    /// Has the checkpointer's thread write a file to the disk, if there is one.
    pub(crate) fn sync_later(&self, file: &Arc<CopyFile>) {
        self.checkpoints.sync_later(file);
    }

    /// Frees files on that thread.
    pub(crate) fn freeing(&self) -> Freeing {
        self.checkpoints.freeing()
    }

    pub(crate) fn failure(&self, cause: rusqlite::Error) -> StoreFailure {
        let what = format!("cannot write to {}", self.folder.database().display());
        let advice = match cause.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy) => "end the program that has locked it",
            Some(rusqlite::ErrorCode::DiskFull) => "make room on the disk",
            Some(rusqlite::ErrorCode::SystemIoFailure) => {
                "make room on the disk if it is full, else check it"
            }
            _ => "check the disk",
        };
        StoreFailure { what, advice, cause: cause.into() }
    }

    /// Bytes of the log after the last commit.
    pub(crate) fn log_bytes(&self) -> u64 {
        u64::from(self.log_pages()) * LOG_PAGE_BYTES
    }

    fn log_pages(&self) -> u32 {
        self.log_pages.load(Ordering::Relaxed)
    }
}

/// The number of pages in the log, as each commit on the connection leaves it.
fn count_log_pages(connection: &mut Connection) -> rusqlite::Result<Arc<AtomicU32>> {
    let log_pages = Arc::new(AtomicU32::new(0));
    let hooked = Arc::clone(&log_pages);
    connection.wal_hook(Some(move |_: &mut Wal, pages: c_int| {
        hooked.store(u32::try_from(pages).unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }))?;
    Ok(log_pages)
}

/// Gives the log its usual length with blocks of its own, so that the first
/// commits need not wait for the file system's journal either.
fn preallocate(database: &Path, space: &DiskSpace) -> Result<(), OpenError> {
    const CHUNK: &[u8] = &[0; 64 << 10];
    const LENGTH: u64 = USUAL_PAGES as u64 * LOG_PAGE_BYTES;
    if !space.has_beyond_reserve(LENGTH) {
        return Ok(());
    }
    let path = file::beside(database, "-wal");
    let extend = |mut file: File| -> io::Result<()> {
        let mut length = file.seek(SeekFrom::End(0))?;
        while length < LENGTH {
            file.write_all(CHUNK)?;
            length += CHUNK.len() as u64;
        }
        file.sync_all()
    };
    let opened = file::open_private(OpenOptions::new().append(true), &path);
    let refused = |cause| OpenError::Folder { path: path.clone(), cause };
    match opened.and_then(|file| extend(file).map_err(refused)) {
        // Less than the usual length costs time, not safety.
        Err(OpenError::Folder { cause, .. })
            if matches!(cause.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) =>
        {
            Ok(())
        }
        extended => extended,
    }
}
