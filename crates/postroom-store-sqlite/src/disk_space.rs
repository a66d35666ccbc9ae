//! How much space the disk has.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, ffi};
use rustix::io::Errno;

use crate::file;
use crate::folder::DataFolder;
use crate::platform::Platform;

/// Bytes of a page of the table file.
pub(crate) const PAGE_BYTES: u64 = 4_096;
/// Bytes of a page of the log: a page of the table file and its frame's header.
pub(crate) const LOG_PAGE_BYTES: u64 = PAGE_BYTES + 24;

/// Asks how much may still be written beyond the reserve, which is kept for reading.
#[derive(Debug)]
pub(crate) struct DiskSpace {
    platform: Platform,
    folder: PathBuf,
    database: PathBuf,
    reserve_bytes: u64,
}

impl DiskSpace {
    pub(crate) fn new(folder: &DataFolder, reserve_bytes: u64) -> Self {
        Self {
            platform: folder.platform().clone(),
            folder: folder.path().to_path_buf(),
            database: folder.database(),
            reserve_bytes,
        }
    }

    /// Whether `bytes` of messages may be stored while `log_pages` are in the log:
    /// the disk has the reserve beyond all that is still to be written.
    ///
    /// What is stored is written twice, to the log and to the table file. Pages of
    /// the log that are not copied yet may need room there, too.
    pub(crate) fn is_enough(&self, connection: &Connection, bytes: u64, log_pages: u32) -> bool {
        let needed = self.reserve_bytes.saturating_add(bytes.saturating_mul(2));
        let uncopied = u64::from(log_pages).saturating_mul(LOG_PAGE_BYTES);
        let free = self.free_bytes();
        if free >= needed.saturating_add(uncopied) {
            return true;
        }
        // Exactly, which costs more: the table file grows to the length that the
        // latest commit gave it, and first uses the pages that it has to spare. Those
        // are no room for the log, which has what is left of its own length: so half
        // of the reserve must be there for it alone.
        let table = Table::read(connection);
        let length = |path: &Path| file::bytes(path).unwrap_or(0);
        let growth = table.bytes.saturating_sub(length(&self.database)).min(uncopied);
        let log_room = length(&file::beside(&self.database, "-wal")).saturating_sub(uncopied);
        free.saturating_add(log_room) >= (self.reserve_bytes / 2).saturating_add(growth)
            && free.saturating_add(table.spare_bytes) >= needed.saturating_add(growth)
    }

    /// Whether the disk has the reserve and `bytes` more.
    pub(crate) fn has_beyond_reserve(&self, bytes: u64) -> bool {
        self.free_bytes() >= self.reserve_bytes.saturating_add(bytes)
    }

    fn free_bytes(&self) -> u64 {
        self.platform.free_bytes(&self.folder)
    }
}

/// The table file as the latest commit has left it, wherever its pages are.
#[derive(Debug, Default)]
struct Table {
    bytes: u64,
    /// Of them in free pages.
    spare_bytes: u64,
}

impl Table {
    fn read(connection: &Connection) -> Self {
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
        match (pragma("page_count"), pragma("freelist_count"), pragma("page_size")) {
            (Ok(pages), Ok(spare), Ok(size)) => {
                Self { bytes: pages.saturating_mul(size), spare_bytes: spare.saturating_mul(size) }
            }
            _ => Self::default(),
        }
    }
}

/// The length of the table file, as the latest commit has left it.
pub(crate) fn table_bytes(connection: &Connection) -> u64 {
    Table::read(connection).bytes
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
