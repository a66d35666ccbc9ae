//! How much room the disk has.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, ffi};
use rustix::io::Errno;

/// Room for messages, beyond the reserve that is kept for reading.
#[derive(Debug)]
pub(crate) struct Room {
    folder: PathBuf,
    reserve_bytes: u64,
}

impl Room {
    pub(crate) fn new(folder: &Path, reserve_bytes: u64) -> Self {
        Self { folder: folder.to_path_buf(), reserve_bytes }
    }

    /// Whether messages may be stored: the disk has the reserve, counting what
    /// the file itself has to spare since messages were read.
    pub(crate) fn is_enough(&self, connection: &Connection) -> bool {
        let free = self.free_bytes();
        free >= self.reserve_bytes
            || free.saturating_add(spare_bytes(connection)) >= self.reserve_bytes
    }

    /// Whether the disk has the reserve and `bytes` more.
    pub(crate) fn has_beyond_reserve(&self, bytes: u64) -> bool {
        self.free_bytes() >= self.reserve_bytes.saturating_add(bytes)
    }

    /// Bytes that this process may still write; where the file system does not
    /// tell, as many as it takes, since the write itself will.
    fn free_bytes(&self) -> u64 {
        match rustix::fs::statvfs(&self.folder) {
            Ok(status) => status.f_bavail.saturating_mul(status.f_frsize),
            Err(_) => u64::MAX,
        }
    }
}

/// Bytes of free pages within the file.
fn spare_bytes(connection: &Connection) -> u64 {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
    match (pragma("freelist_count"), pragma("page_size")) {
        (Ok(pages), Ok(bytes)) => pages.saturating_mul(bytes),
        _ => 0,
    }
}

/// Whether the error that `connection` has just returned says that the disk is
/// full, or a quota used up, rather than that it is broken.
pub(crate) fn is_full(connection: &Connection, error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| match error.extended_code {
        // What SQLite makes of a quota.
        ffi::SQLITE_IOERR_WRITE => system_error(connection) == Errno::DQUOT.raw_os_error(),
        ffi::SQLITE_IOERR_SHMSIZE => true,
        _ => error.code == ErrorCode::DiskFull,
    })
}

/// What the operating system said to SQLite's latest call that failed.
#[expect(unsafe_code, reason = "rusqlite does not offer it; it reads one field")]
fn system_error(connection: &Connection) -> i32 {
    // SAFETY: the handle is that of an open connection, used by this thread
    // alone while `connection` is borrowed, and not kept.
    unsafe { ffi::sqlite3_system_errno(connection.handle()) }
}
