//! A store that is only read, while a server may run: in short read transactions, between
//! which the server's log can begin anew.

use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::OpenError;
use crate::file::{self, beside};
use crate::folder;
use crate::platform::Platform;
use crate::schema;

/// Which store is to be read.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// That of a folder, which a server of another process may use.
    Folder(&'a Path),
    /// That which a server of this process has open. SQLite alone may open its files: to
    /// close any descriptor of the table file gives up all locks that the process has on it.
    OwnServer(&'a Path),
    /// A whole copy of a store, which nobody uses.
    Copy {
        /// The file.
        file: &'a Path,
        /// What errors call it.
        shown: &'a Path,
    },
}

/// A connection that reads.
#[derive(Debug)]
pub(crate) struct Reader {
    connection: Connection,
    path: PathBuf,
    version: i32,
    /// Those that keep servers out, unless one runs.
    locks: Option<Vec<File>>,
}

impl Reader {
    /// Opens the store, and neither changes nor creates anything.
    pub(crate) fn open(place: Place<'_>) -> Result<Self, OpenError> {
        let (path, (connection, locks)) = match place {
            Place::Folder(folder) => {
                folder::require_store(folder)?;
                let path = file::database(folder);
                let opened = connect(folder, &path)?;
                (path, opened)
            }
            Place::OwnServer(folder) => {
                let path = file::database(folder);
                let connection = connect_beside_server(&path)
                    .and_then(reading)
                    .map_err(|cause| OpenError::database(&path, cause))?;
                (path, (connection, None))
            }
            Place::Copy { file, shown } => {
                let connection = connect_immutable(file)
                    .and_then(reading)
                    .map_err(|cause| OpenError::database(shown, cause))?;
                (shown.to_path_buf(), (connection, Some(Vec::new())))
            }
        };
        let version = schema::version(&connection, &path)?;
        if version == 0 && matches!(place, Place::Copy { .. }) {
            // An empty file, or an empty database of any program.
            return Err(OpenError::Foreign { path });
        }
        Ok(Self { connection, path, version, locks })
    }

    /// Opens the store that a server of this process has open, as [`Place::OwnServer`], on its
    /// platform.
    pub(crate) fn beside_own_server(path: PathBuf, platform: &Platform) -> Result<Self, OpenError> {
        let open = || reading(platform.connect(&path, READ_ONLY)?);
        let connection = open().map_err(|cause| OpenError::database(&path, cause))?;
        let version = schema::version(&connection, &path)?;
        Ok(Self { connection, path, version, locks: None })
    }

    /// The version of the store.
    pub(crate) fn version(&self) -> i32 {
        self.version
    }

    /// The connection, for whoever copies from it.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// What to heed between two pages.
    pub(crate) fn pace(&self) -> Pace {
        Pace { log: self.locks.is_none().then(|| beside(&self.path, "-wal")) }
    }

    /// Whether a server runs, which goes on while this reads.
    pub(crate) fn is_beside_server(&self) -> bool {
        self.locks.is_none()
    }

    /// Reads within one transaction. It should be short: meanwhile the log of a server
    /// cannot begin anew.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, OpenError> {
        let read = || {
            let transaction = self.connection.unchecked_transaction()?;
            let read = read(&transaction)?;
            // An error of the disk may have ended it.
            if !transaction.is_autocommit() {
                transaction.rollback()?;
            }
            Ok(read)
        };
        read().map_err(|cause| OpenError::database(&self.path, cause))
    }
}

/// What the pages of a store leave to its server: time without any, in which its log can
/// begin anew.
#[derive(Clone, Debug)]
pub struct Pace {
    /// The log of the server, if one runs.
    log: Option<PathBuf>,
}

impl Pace {
    /// Whether a server runs.
    #[must_use]
    pub fn is_beside_server(&self) -> bool {
        self.log.is_some()
    }

    /// Whether the log is longer than it stays: it could not begin anew for a while, perhaps
    /// since a page was read each time.
    #[must_use]
    pub fn is_log_long(&self) -> bool {
        let bytes = self.log.as_ref().and_then(|log| file::bytes(log).ok());
        bytes.is_some_and(|bytes| bytes > u64::from(schema::LOG_BYTES_KEPT))
    }
}

/// What a page may have: it ends at the first of these limits.
#[derive(Debug)]
pub(crate) struct PageLimit {
    ends: Instant,
    rows_max: usize,
    bytes_left: usize,
}

impl PageLimit {
    /// How long a page takes, where the rest of the machine lets it.
    const TIME: Duration = Duration::from_millis(5);
    /// Rows read between two looks at the clock.
    const ROWS_A_LOOK: usize = 64;
    /// Rows of a page.
    pub(crate) const ROWS: usize = 10_000;
    /// Bytes that a page tells.
    const BYTES: usize = 64 << 10;

    /// A page of so many rows begins.
    pub(crate) fn begin(rows_max: usize) -> Self {
        Self { ends: Instant::now() + Self::TIME, rows_max, bytes_left: Self::BYTES }
    }

    /// The page has told so many bytes.
    pub(crate) fn tell(&mut self, bytes: usize) {
        self.bytes_left = self.bytes_left.saturating_sub(bytes);
    }

    /// Whether the page is to end behind so many rows.
    pub(crate) fn is_reached(&self, rows: usize) -> bool {
        let is_late = || rows.is_multiple_of(Self::ROWS_A_LOOK) && Instant::now() >= self.ends;
        rows >= self.rows_max || self.bytes_left == 0 || is_late()
    }
}

/// Opens the store of a folder; with the locks that keep servers out, unless one runs.
///
/// SQLite reads a log by way of an index in shared memory, a file that it would
/// create. So a store without a log is read as a file that does not change, and one
/// with a log under an exclusive lock, with the index in this process's memory.
fn connect(folder: &Path, path: &Path) -> Result<(Connection, Option<Vec<File>>), OpenError> {
    let locks = folder::lock_for_reading(folder)?;
    let read = |path: &Path| {
        file::bytes(path).map_err(|cause| OpenError::Read { path: path.to_path_buf(), cause })
    };
    if locks.is_some() {
        file::inspect(path)?;
    } else if !beside(path, "-shm").exists() {
        return Err(OpenError::InUse { path: folder.to_path_buf() });
    }
    let has_log = read(&beside(path, "-wal"))? > 0;
    let open = || match (&locks, has_log) {
        (None, _) => connect_beside_server(path),
        (Some(_), false) => connect_immutable(path),
        (Some(_), true) => {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(path, flags)?;
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            Ok(connection)
        }
    };
    let connection = open().and_then(reading).map_err(|cause| OpenError::database(path, cause))?;
    Ok((connection, locks))
}

const READ_ONLY: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

fn connect_beside_server(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, READ_ONLY)
}

fn connect_immutable(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(immutable(path), READ_ONLY | OpenFlags::SQLITE_OPEN_URI)
}

/// Lets a connection read alone.
fn reading(connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// The name of a file that does not change while it is read.
fn immutable(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let escape = |byte: &u8| match byte {
        b'/' | b'.' | b'-' | b'_' => char::from(*byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        byte => format!("%{byte:02x}"),
    };
    let escaped: String = absolute.as_os_str().as_bytes().iter().map(escape).collect();
    format!("file:{escaped}?immutable=1")
}
