//! Why a store could not be opened, in words for the one who started the program.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use thiserror::Error;

/// Why a store could not be opened. What SQLite says is put into words of our
/// own: it may quote statements.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The folder or a file in it cannot be made or written.
    #[error("cannot write to the data folder {}: {cause}; make it writable or name another with --data", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// There is no store in the folder.
    #[error("there is no store in {}; name its folder with --data, or start the server there once to make one", path.display())]
    NoStore {
        /// The folder.
        path: PathBuf,
    },
    /// Another process uses the folder.
    #[error("the data folder {} is in use by another postroom; stop that one or name another folder with --data", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A restore was cut off.
    #[error("a restore to {} was cut off; start the server there, which finishes it", path.display())]
    Unfinished {
        /// The folder.
        path: PathBuf,
    },
    /// A file of the store is a link, has other names, or is no regular file.
    #[error("{} is a link, has another name (a hard link), or is no regular file, so it may be that of somebody else; put a copy of the file in its place, or name another folder with --data", path.display())]
    Linked {
        /// The file.
        path: PathBuf,
    },
    /// A file of the store is readable by others, and cannot be made private.
    #[error("cannot keep others from reading {}: {cause}; let the user who runs the server own it", path.display())]
    Private {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// The file cannot be read.
    #[error("cannot read the store {}: {cause}; let the user who runs the server own it", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// The file is no store of Postroom.
    #[error("{} is not a postroom store; move it away or name another folder with --data", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The table file is empty, and its write-ahead log is not.
    #[error("the store {} is empty, but its log beside it (-wal) is not; restore both from a backup, or move the log away to begin anew", path.display())]
    EmptyBesideLog {
        /// The table file.
        path: PathBuf,
    },
    /// The end of the file is missing.
    #[error("the store {} is cut short: it has {found} of {expected} bytes; restore a backup", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        found: u64,
        /// What it says of itself.
        expected: u64,
    },
    /// A newer Postroom wrote the file.
    #[error("{} was written by a newer postroom (version {version} of the store, this one knows {known}); use that one", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: i32,
        /// The latest version known here.
        known: i32,
    },
    /// The tables are not those of the version that the file says it has.
    #[error("the store {} says that it has version {version}, but its tables are not those of that version; restore a backup", path.display())]
    Tables {
        /// The file.
        path: PathBuf,
        /// The version that it says it has.
        version: i32,
    },
    /// More than records is damaged.
    #[error("the store {} is damaged where no record can be read or added any more; restore a backup, or see what postroom check finds", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// SQLite refused.
    #[error("cannot open the store {}: {}", path.display(), explain(cause))]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        cause: rusqlite::Error,
    },
}

impl OpenError {
    pub(crate) fn database(path: &Path, cause: rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        match cause.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::Foreign { path },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path },
            _ => Self::Database { path, cause },
        }
    }
}

/// What happened and what to do about it.
fn explain(cause: &rusqlite::Error) -> String {
    let known = match cause.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program has locked it; end that one and try again"
        }
        Some(ErrorCode::DiskFull) => "the disk is full; make room and try again",
        Some(ErrorCode::SystemIoFailure) => {
            "the disk cannot be read or written; make room if it is full, else check it, or restore \
             a backup"
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            "its files cannot be written; let the user who runs the server own them"
        }
        // SQLite does not understand a statement, or answers with another type.
        Some(ErrorCode::Unknown) | None => {
            "its tables are not those that it says it has; restore a backup"
        }
        Some(_) => "",
    };
    match cause.sqlite_error() {
        Some(error) if known.is_empty() => {
            let code = error.extended_code;
            format!("SQLite reports error {code}; check the disk, or restore a backup")
        }
        _ => known.to_owned(),
    }
}
