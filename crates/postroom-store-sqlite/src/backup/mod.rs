//! Backups of a store while it is used: its jobs copy a few pages each.
//!
//! The copy is made on the store's own connection, between two commits, so that SQLite
//! carries along what is committed meanwhile: another connection would have to begin again
//! after each commit, or keep the log from beginning anew. No part keeps a read
//! transaction open.
//!
//! The copy is written to the disk by the checkpointer's thread, a few mebibytes at a time,
//! and the next part waits for it: so commits never wait behind a long queue of the disk.

mod handle;
mod offline;

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use postroom_model::{Fault, faulty};
use postroom_store::{Backup, BackupToken, NotBackedUp};

use crate::copy_file::{Content, CopyFile, MakeError};
use crate::disk::Disk;
use crate::disk_space;

use handle::Handle;

pub use offline::{BackUpError, back_up};

/// Pages that are copied at a time.
const STEP_PAGES: u16 = 32;
/// A part ends after this time.
const PART: Duration = Duration::from_millis(1);
/// Bytes after which the copy is written to the disk: 4 MiB.
const SYNC_BYTES: u64 = 4 << 20;
/// Bytes of the disk that stay free beside the reserve: for the log, and what commits add
/// between two parts.
const MARGIN_BYTES: u64 = 16 << 20;
/// So often a copy may begin again, as after each rollback of a commit that failed.
const RESTARTS_MAX: u32 = 8;

/// The store's side: whose backup there is, and what is to be done for it.
#[derive(Debug, Default)]
pub(crate) struct Backups {
    standing: Standing,
    /// The next job copies a part.
    is_due: bool,
    ended: Option<Result<Backup, NotBackedUp>>,
}

#[derive(Debug, Default)]
enum Standing {
    #[default]
    None,
    /// It begins with the next part.
    Wanted(BackupToken),
    UnderWay,
    /// The copy is complete, and read by whoever has the guard.
    Taken(BackupToken),
}

/// What a job does for a backup.
#[derive(Debug, Default)]
pub(crate) enum Part {
    #[default]
    None,
    First(BackupToken),
    Next,
}

impl Backups {
    pub(crate) fn begin(&mut self, token: BackupToken) -> Result<(), NotBackedUp> {
        match &self.standing {
            Standing::Wanted(_) | Standing::UnderWay => return Err(NotBackedUp::UnderWay),
            Standing::Taken(token) if !token.is_canceled() => return Err(NotBackedUp::UnderWay),
            Standing::None | Standing::Taken(_) => {}
        }
        self.standing = Standing::Wanted(token);
        Ok(())
    }

    /// The next job copies a part, if there is a backup.
    pub(crate) fn proceed(&mut self) {
        self.is_due = matches!(self.standing, Standing::Wanted(_) | Standing::UnderWay);
    }

    /// Whether the next job does something for a backup.
    pub(crate) fn is_due(&self) -> bool {
        self.is_due
    }

    /// What the job that begins does.
    pub(crate) fn next_part(&mut self) -> Part {
        if !std::mem::take(&mut self.is_due) {
            return Part::None;
        }
        match std::mem::replace(&mut self.standing, Standing::UnderWay) {
            Standing::Wanted(token) => Part::First(token),
            _ => Part::Next,
        }
    }

    /// Takes what a job has done.
    pub(crate) fn copied(&mut self, ended: Option<Ended>) {
        let Some(Ended { token, result }) = ended else {
            return;
        };
        self.standing = if result.is_ok() { Standing::Taken(token) } else { Standing::None };
        self.ended = Some(result);
    }

    pub(crate) fn take(&mut self) -> Option<Result<Backup, NotBackedUp>> {
        self.ended.take()
    }
}

/// What a backup came to.
#[derive(Debug)]
pub(crate) struct Ended {
    token: BackupToken,
    result: Result<Backup, NotBackedUp>,
}

/// A copy that is being made. It travels with the connection that it copies from.
#[derive(Debug)]
pub(crate) struct Copying {
    token: BackupToken,
    /// `None` once all is copied. Before the file, whose last descriptor is to be its own.
    handle: Option<Handle>,
    file: Arc<CopyFile>,
    /// Pages that are copied.
    copied: u32,
    /// Pages that are left to copy.
    left: u32,
    /// Bytes that the checkpointer's thread was not told to write to the disk.
    unsynced: u64,
    restarts: u32,
}

impl Copying {
    /// Begins a copy, if the disk has room for it.
    pub(crate) fn begin(disk: &Disk, token: BackupToken) -> Result<Self, Ended> {
        let begin = || {
            let bytes = disk_space::table_bytes(&disk.connection);
            if !disk.space.has_beyond_reserve(bytes.saturating_add(MARGIN_BYTES)) {
                return Err(NotBackedUp::DiskFull);
            }
            let (file, copy) =
                CopyFile::make(disk.folder.path(), disk.freeing()).map_err(not_made)?;
            Ok((file, Handle::new(&disk.connection, copy).map_err(|error| not_opened(&error))?))
        };
        match begin() {
            Ok((file, handle)) => Ok(Self {
                token,
                file: Arc::new(file),
                handle: Some(handle),
                copied: 0,
                left: u32::MAX,
                unsynced: 0,
                restarts: 0,
            }),
            Err(error) => Err(Ended { token, result: Err(error) }),
        }
    }

    /// Copies a part; returns what the backup came to, if it has ended.
    pub(crate) fn proceed(&mut self, disk: &Disk) -> Option<Ended> {
        let result = self.part(disk).transpose()?;
        Some(Ended { token: self.token.clone(), result })
    }

    fn part(&mut self, disk: &Disk) -> Result<Option<Backup>, NotBackedUp> {
        if self.token.is_canceled() {
            return Err(NotBackedUp::Canceled);
        }
        if !self.file.is_written().map_err(|error| not_written(&error))? {
            return Ok(None);
        }
        if self.handle.is_none() && faulty(Fault::BackupWithoutLog) {
            let table =
                std::fs::read(disk.folder.database()).map_err(|error| not_written(&error))?;
            let (bytes, content) = (table.len() as u64, Box::new(io::Cursor::new(table)));
            return Ok(Some(Backup { bytes, content }));
        }
        if self.handle.is_none() {
            let bytes = self.file.bytes().map_err(|error| not_written(&error))?;
            let content = Box::new(Content::new(Arc::clone(&self.file)));
            return Ok(Some(Backup { bytes, content }));
        }
        if !disk.space.has_beyond_reserve(MARGIN_BYTES) {
            return Err(NotBackedUp::DiskFull);
        }
        let is_copied = self.copy(disk)?;
        if is_copied {
            // The copy is closed.
            self.handle = None;
        }
        if is_copied || self.unsynced >= SYNC_BYTES {
            self.unsynced = 0;
            disk.sync_later(&self.file);
        }
        Ok(None)
    }

    /// Copies pages for a moment, and until fewer are left than after the part before,
    /// however many commits have added: so a backup ends. Returns whether all are copied.
    fn copy(&mut self, disk: &Disk) -> Result<bool, NotBackedUp> {
        let Some(handle) = &mut self.handle else {
            return Ok(true);
        };
        let part = disk.folder.platform().backup_part.unwrap_or(PART);
        let (begun, mut left_before) = (Instant::now(), self.left);
        loop {
            let step = handle.step(&disk.connection, STEP_PAGES.into());
            let is_copied = step.map_err(|error| not_copied(handle, &error))?;
            self.unsynced += u64::from(STEP_PAGES) * disk_space::PAGE_BYTES;
            self.left = handle.remaining();
            let copied = handle.pages().saturating_sub(self.left);
            if copied < self.copied {
                left_before = u32::MAX;
                self.restarts += 1;
                if self.restarts > RESTARTS_MAX {
                    return Err(NotBackedUp::Failed(RESTARTED.to_owned()));
                }
            }
            self.copied = copied;
            if is_copied || self.left < left_before && begun.elapsed() >= part {
                return Ok(is_copied);
            }
        }
    }
}

const RESTARTED: &str = "commits fail, or another program writes to it, so that each time \
                         the copy has to begin again";

fn not_made(error: MakeError) -> NotBackedUp {
    match error {
        MakeError::File(error) => not_written(&error),
        MakeError::Database(error) => not_opened(&error),
    }
}

fn not_opened(error: &rusqlite::Error) -> NotBackedUp {
    NotBackedUp::Failed(format!("SQLite cannot make the copy: {error}"))
}

fn not_written(error: &io::Error) -> NotBackedUp {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => NotBackedUp::DiskFull,
        _ => NotBackedUp::Failed(format!("the copy cannot be written: {error}")),
    }
}

fn not_copied(handle: &Handle, error: &rusqlite::Error) -> NotBackedUp {
    if disk_space::is_full(handle.copy(), error) {
        return NotBackedUp::DiskFull;
    }
    let code = error.sqlite_error().map_or(0, |error| error.extended_code);
    NotBackedUp::Failed(format!(
        "SQLite reports error {code}: a page cannot be read or written; check the disk, and the \
         store with postroom check"
    ))
}
