//! A copy of an SQLite database that is made a few pages at a time.
//!
//! SQLite itself carries changes along that the connection of the original makes between
//! two steps. A change by another connection, or a rollback, makes it begin again. It
//! keeps no read transaction between steps.

use std::ffi::c_int;
use std::ptr::NonNull;

use rusqlite::{Connection, ffi};

/// SQLite's copying, and the connection to the copy.
///
/// It uses the connection to the original also when it is dropped: so both are on one
/// thread at any time, see [`Work`](crate::job::Work).
#[derive(Debug)]
pub(super) struct Handle {
    backup: NonNull<ffi::sqlite3_backup>,
    original: *mut ffi::sqlite3,
    copy: Connection,
}

// SAFETY: SQLite's objects may change threads between calls. Nothing else uses the copy's
// connection; the original's is with this, on the same thread.
#[expect(unsafe_code, reason = "a job takes it to another thread, together with its connection")]
unsafe impl Send for Handle {}

#[expect(unsafe_code, reason = "rusqlite has a type for it that cannot be kept between steps")]
impl Handle {
    pub(super) fn new(original: &Connection, copy: Connection) -> rusqlite::Result<Self> {
        // SAFETY: both connections are open, and used by this thread alone meanwhile. While
        // the result exists, SQLite refuses to close the original.
        let (backup, original) = unsafe {
            let (from, to) = (original.handle(), copy.handle());
            (ffi::sqlite3_backup_init(to, c"main".as_ptr(), from, c"main".as_ptr()), from)
        };
        match NonNull::new(backup) {
            Some(backup) => Ok(Self { backup, original, copy }),
            None => Err(error(ffi::SQLITE_NOMEM)),
        }
    }

    /// Copies so many more pages, or all with -1; returns whether the copy is complete.
    pub(super) fn step(&mut self, original: &Connection, pages: c_int) -> rusqlite::Result<bool> {
        // SAFETY: the handle is compared and not used.
        assert_eq!(unsafe { original.handle() }, self.original, "this is its original");
        // SAFETY: the backup exists until it is dropped, and this thread has both connections.
        match unsafe { ffi::sqlite3_backup_step(self.backup.as_ptr(), pages) } {
            ffi::SQLITE_OK => Ok(false),
            ffi::SQLITE_DONE => Ok(true),
            code => Err(error(code)),
        }
    }

    /// Pages that were left after the latest step.
    pub(super) fn remaining(&self) -> u32 {
        // SAFETY: the backup exists until it is dropped; this reads one field.
        let pages = unsafe { ffi::sqlite3_backup_remaining(self.backup.as_ptr()) };
        u32::try_from(pages).unwrap_or(0)
    }

    /// Pages of the original at the latest step.
    pub(super) fn pages(&self) -> u32 {
        // SAFETY: the same.
        let pages = unsafe { ffi::sqlite3_backup_pagecount(self.backup.as_ptr()) };
        u32::try_from(pages).unwrap_or(0)
    }

    /// The connection to the copy.
    pub(super) fn copy(&self) -> &Connection {
        &self.copy
    }
}

#[expect(unsafe_code, reason = "SQLite's copying ends with it")]
impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the backup is not used any more; the connection to the copy is closed after it.
        unsafe { ffi::sqlite3_backup_finish(self.backup.as_ptr()) };
    }
}

fn error(code: c_int) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
}
