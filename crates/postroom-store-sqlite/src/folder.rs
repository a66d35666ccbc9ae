//! The data folder: one server at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A folder that this process alone may use, for as long as this value lives.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    /// The operating system releases the lock with the file, however the
    /// process ends.
    _lock: File,
}

/// Why a store could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The folder or its lock file cannot be made or written.
    #[error("cannot write to the data folder {}: {cause}; make it writable or name another with --data", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// Another process uses the folder.
    #[error("the data folder {} is in use by another postroom; stop that one or name another folder with --data", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The file is no store of Postroom.
    #[error("{} is not a postroom store; move it away or name another folder with --data", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer Postroom wrote the file.
    #[error("{} was written by a newer postroom (version {version} of the store, this one knows {known}); use that one", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
        /// The latest version known here.
        known: u32,
    },
    /// Something in the file contradicts itself.
    #[error("the store {} is damaged: {what}; restore a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// SQLite refused.
    #[error("cannot open the store {}: {cause}", path.display())]
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
            Some(rusqlite::ErrorCode::NotADatabase) => Self::Foreign { path },
            _ => Self::Database { path, cause },
        }
    }
}

impl DataFolder {
    /// Makes the folder if there is none, for its owner alone, and locks it.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let refused = |cause| OpenError::Folder { path: path.to_path_buf(), cause };
        make_folder(path).map_err(refused)?;
        let lock = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(path.join("postroom.lock"))
            .map_err(refused)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_path_buf(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_path_buf() }),
            Err(TryLockError::Error(cause)) => Err(refused(cause)),
        }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn database(&self) -> PathBuf {
        crate::database_file(&self.path)
    }
}

/// Makes a folder and those it is in, for their owner alone, so that a power cut
/// does not take them away.
fn make_folder(path: &Path) -> io::Result<()> {
    let path = std::path::absolute(path)?;
    let missing: Vec<&Path> = path.ancestors().take_while(|folder| !folder.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
    for folder in missing.iter().rev().filter_map(|folder| folder.parent()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_user_is_kept_out_until_the_first_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataFolder::open(folder.path()).unwrap();
        let second = DataFolder::open(folder.path()).unwrap_err();
        assert!(matches!(second, OpenError::InUse { .. }));
        drop(first);
        assert!(DataFolder::open(folder.path()).is_ok());
    }
}
