//! The backup of a store that no server uses.

use std::path::{Path, PathBuf};

use crate::copy_file;
use crate::disk_space;
use crate::error::OpenError;
use crate::reader::{Place, Reader};

use super::handle::Handle;

/// Why a store was not copied.
#[derive(Debug, thiserror::Error)]
pub enum BackUpError {
    /// The store cannot be opened, or a server uses it.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The disk of the copy is full.
    #[error("the disk of {} is full; make room, or write the backup to another one", path.display())]
    DiskFull {
        /// The copy.
        path: PathBuf,
    },
    /// Something cannot be read or written.
    #[error(
        "cannot copy the store to {}: SQLite reports error {code}; check both disks, and the \
         store with postroom check",
        path.display()
    )]
    Copy {
        /// The copy.
        path: PathBuf,
        /// SQLite's number of the error.
        code: i32,
    },
}

/// Copies the store of a folder that no server uses, with what is in its log, to an empty
/// file. Changes nothing in the folder. The copy is not synced.
pub fn back_up(data: &Path, copy: &Path) -> Result<(), BackUpError> {
    const ALL: i32 = -1;
    let original = Reader::open(Place::Folder(data))?;
    if original.is_beside_server() {
        return Err(OpenError::InUse { path: data.to_path_buf() }.into());
    }
    let path = copy.to_path_buf();
    let failed = |error: rusqlite::Error| BackUpError::Copy {
        path: path.clone(),
        code: error.sqlite_error().map_or(0, |error| error.extended_code),
    };
    let connection = copy_file::connect(copy).map_err(failed)?;
    let mut handle = Handle::new(original.connection(), connection).map_err(failed)?;
    match handle.step(original.connection(), ALL) {
        Ok(_) => Ok(()),
        Err(error) if disk_space::is_full(handle.copy(), &error) => {
            Err(BackUpError::DiskFull { path })
        }
        Err(error) => Err(failed(error)),
    }
}
