//! The data folder: one server at a time.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::error::OpenError;
use crate::file;
use crate::platform::Platform;
use crate::restoring::{self, READY};

/// Kept beside the store; holds nothing.
const LOCK_FILE: &str = "postroom.lock";

/// A folder that this process alone may use, for as long as this value lives.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    platform: Platform,
    /// The operating system releases the locks with the files, however the
    /// process ends.
    _locks: Vec<File>,
}

impl DataFolder {
    /// Makes the folder if there is none, for its owner alone, and locks it.
    ///
    /// Here and in [`open_existing`](Self::open_existing), a restore that was cut off is
    /// finished.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        make_folder(path).map_err(|cause| OpenError::Folder { path: path.to_path_buf(), cause })?;
        Self::lock(path)
    }

    /// Locks a folder that has a store; makes nothing where there is none.
    pub fn open_existing(path: &Path) -> Result<Self, OpenError> {
        require_store(path)?;
        Self::lock(path)
    }

    /// The folder itself is locked, which cannot be deleted and made anew without
    /// taking the store along. The lock file keeps out a postroom that knows only
    /// that, and is all there is on file systems that lock no folders (NFS).
    fn lock(path: &Path) -> Result<Self, OpenError> {
        let refused = |cause| OpenError::Folder { path: path.to_path_buf(), cause };
        let folder = File::open(path).map_err(refused)?;
        let file = file::open_private(OpenOptions::new().write(true), &path.join(LOCK_FILE))?;
        let in_use = || OpenError::InUse { path: path.to_path_buf() };
        if let Err(TryLockError::WouldBlock) = folder.try_lock() {
            return Err(in_use());
        }
        match file.try_lock() {
            Ok(()) => {
                restoring::finish(path).map_err(refused)?;
                let (path, platform) = (path.to_path_buf(), Platform::default());
                Ok(Self { path, platform, _locks: vec![folder, file] })
            }
            Err(TryLockError::WouldBlock) => Err(in_use()),
            Err(TryLockError::Error(cause)) => Err(refused(cause)),
        }
    }

    /// Lets SQLite use the VFS of this name instead of its default one.
    ///
    /// It must use the files of the default VFS: the store inspects and extends them
    /// directly, too. For simulated disks.
    #[must_use]
    pub fn on_vfs(mut self, name: &str) -> Self {
        self.platform.vfs = Some(name.to_owned());
        self
    }

    /// Lets the store ask this function how many bytes may still be written, instead of
    /// the file system. For simulated disks.
    #[must_use]
    pub fn with_free_bytes(mut self, free_bytes: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.platform.free_bytes = Some(Arc::new(free_bytes));
        self
    }

    /// Lets each part of a backup take so long, and one step at least, instead of a
    /// millisecond. For simulated time.
    #[must_use]
    pub fn with_backup_parts_of(mut self, time: Duration) -> Self {
        self.platform.backup_part = Some(time);
        self
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn platform(&self) -> &Platform {
        &self.platform
    }

    pub(crate) fn database(&self) -> PathBuf {
        file::database(&self.path)
    }
}

/// Refuses a folder without a store. An empty file is none, unless it has a log.
pub(crate) fn require_store(path: &Path) -> Result<(), OpenError> {
    if has_store(path)? { Ok(()) } else { Err(OpenError::NoStore { path: path.to_path_buf() }) }
}

/// Whether a folder has a store, or one that takes its place next.
pub(crate) fn has_store(path: &Path) -> Result<bool, OpenError> {
    let database = file::database(path);
    let files = [database.clone(), file::beside(&database, "-wal"), path.join(READY)];
    let lengths: io::Result<Vec<u64>> = files.iter().map(|file| file::bytes(file)).collect();
    match lengths {
        Ok(lengths) => Ok(lengths.iter().any(|length| *length > 0)),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
        Err(cause) => Err(OpenError::Read { path: database, cause }),
    }
}

/// Whether a folder is free of servers, for as long as the locks in the answer
/// are held. Makes nothing.
pub(crate) fn lock_for_reading(path: &Path) -> Result<Option<Vec<File>>, OpenError> {
    let mut locks = Vec::new();
    for path in [path.to_path_buf(), path.join(LOCK_FILE)] {
        match file::open_to_lock(&path) {
            Ok(file) => {
                if let Err(TryLockError::WouldBlock) = file.try_lock() {
                    return Ok(None);
                }
                locks.push(file);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(OpenError::Read { path, cause }),
        }
    }
    if path.join(READY).exists() {
        return Err(OpenError::Unfinished { path: path.to_path_buf() });
    }
    Ok(Some(locks))
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
        // Where someone deleted the lock file, too.
        std::fs::remove_file(folder.path().join(LOCK_FILE)).unwrap();
        let second = DataFolder::open(folder.path()).unwrap_err();
        assert!(matches!(second, OpenError::InUse { .. }));
        drop(first);
        let folder = DataFolder::open(folder.path()).unwrap();
        drop(folder);
    }
}
