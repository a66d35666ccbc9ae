//! A file that is there whole, or not at all.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::OFlags;
use thiserror::Error;

/// Bytes after which the disk is waited for: 4 MiB. It may be that of the server, whose
/// commits would wait behind a long queue.
const SYNC_BYTES: usize = 4 << 20;

/// A new file, for its owner alone. Until it is [placed](Self::place), it has another name,
/// and is deleted when dropped.
#[derive(Debug)]
pub(super) struct NewFile {
    file: File,
    path: PathBuf,
    /// The name that it has until it is whole.
    part: PathBuf,
    may_replace: bool,
    is_placed: bool,
    unsynced: usize,
}

/// Why a file was not written.
#[derive(Debug, Error)]
pub(crate) enum FileError {
    #[error("{} exists already, and is not overwritten; name another file, or add --force", path.display())]
    Exists { path: PathBuf },
    #[error("another backup is being written to {}; wait for it, or name another file", path.display())]
    UnderWay { path: PathBuf },
    #[error("{} is no regular file, and is not replaced; name another file", path.display())]
    NoFile { path: PathBuf },
    #[error("cannot write {}: {cause}", path.display())]
    Write { path: PathBuf, cause: io::Error },
}

impl NewFile {
    pub(super) fn create(path: &Path, may_replace: bool) -> Result<Self, FileError> {
        let failed = |cause| FileError::Write { path: path.to_path_buf(), cause };
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => return Err(failed(ErrorKind::IsADirectory.into())),
            // A device or a link is somebody else's.
            Ok(found) if !found.is_file() => {
                return Err(FileError::NoFile { path: path.to_path_buf() });
            }
            Ok(_) if !may_replace => return Err(FileError::Exists { path: path.to_path_buf() }),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        let part = PathBuf::from(name);
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = options.custom_flags(flags.bits().cast_signed()).open(&part).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(FileError::NoFile { path: part });
        }
        // One that nobody has locked was left by a command that was killed.
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(FileError::UnderWay { path: part }),
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
            Ok(()) => {}
        }
        file.set_permissions(Permissions::from_mode(0o600)).map_err(failed)?;
        file.set_len(0).map_err(failed)?;
        Ok(Self {
            file,
            path: path.to_path_buf(),
            part,
            may_replace,
            is_placed: false,
            unsynced: 0,
        })
    }

    /// Where it is until it is placed.
    pub(super) fn part(&self) -> &Path {
        &self.part
    }

    /// Appends bytes, and now and then waits for the disk; then it rests for as long, and
    /// leaves the disk to others.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.unsynced += bytes.len();
        if self.unsynced >= SYNC_BYTES {
            self.unsynced = 0;
            let begun = Instant::now();
            self.file.sync_data()?;
            std::thread::sleep(begun.elapsed());
        }
        Ok(())
    }

    pub(super) fn failed(&self, cause: io::Error) -> FileError {
        FileError::Write { path: self.path.clone(), cause }
    }

    /// Gives it its name, once all of it is on the disk; returns its length.
    pub(super) fn place(mut self) -> Result<u64, FileError> {
        let placed = self.try_place();
        placed.map_err(|cause| match cause.kind() {
            ErrorKind::AlreadyExists => FileError::Exists { path: self.path.clone() },
            _ => self.failed(cause),
        })
    }

    fn try_place(&mut self) -> io::Result<u64> {
        self.file.sync_all()?;
        let bytes = self.file.metadata()?.len();
        if self.may_replace {
            fs::rename(&self.part, &self.path)?;
        } else {
            // A rename would replace a file that has come meanwhile.
            match fs::hard_link(&self.part, &self.path) {
                Ok(()) => fs::remove_file(&self.part)?,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error),
                // Not every file system has links.
                Err(_) => fs::rename(&self.part, &self.path)?,
            }
        }
        self.is_placed = true;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
        Ok(bytes)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_placed {
            // Nothing can be done about a file that stays; its name says what it is.
            let _ = fs::remove_file(&self.part);
        }
    }
}
