//! How much room the disk has.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, ffi};

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

/// Whether an error says that the disk is full, rather than broken.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        error.code == ErrorCode::DiskFull || error.extended_code == ffi::SQLITE_IOERR_SHMSIZE
    })
}
