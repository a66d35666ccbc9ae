//! What the files of a store are on: the operating system, or a simulation of a disk.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// Tells how many bytes may still be written.
pub(crate) type FreeBytes = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What SQLite does its input and output with, and who tells the free space.
#[derive(Clone, Default)]
pub(crate) struct Platform {
    /// The name of an SQLite VFS; `None` for the default one.
    pub(crate) vfs: Option<String>,
    /// `None`: the file system is asked.
    pub(crate) free_bytes: Option<FreeBytes>,
    /// How long a part of a backup takes; `None` for what others hardly notice.
    pub(crate) backup_part: Option<Duration>,
}

impl Platform {
    /// Opens a connection to a file.
    pub(crate) fn connect(&self, path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
        match &self.vfs {
            Some(name) => Connection::open_with_flags_and_vfs(path, flags, name.as_str()),
            None => Connection::open_with_flags(path, flags),
        }
    }

    /// Bytes that this process may still write in a folder; where the file system does
    /// not tell, as many as it takes, since the write itself will.
    pub(crate) fn free_bytes(&self, folder: &Path) -> u64 {
        if let Some(free_bytes) = &self.free_bytes {
            return free_bytes();
        }
        match rustix::fs::statvfs(folder) {
            Ok(status) => status.f_bavail.saturating_mul(status.f_frsize),
            Err(_) => u64::MAX,
        }
    }
}

impl fmt::Debug for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Platform").field("vfs", &self.vfs).finish_non_exhaustive()
    }
}
