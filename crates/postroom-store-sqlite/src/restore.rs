//! Putting a backup in the place of a store.
//!
//! The backup is copied and checked aside. Then one rename makes the copy the store that is
//! to be, and `restoring` finishes the work, here or where the folder is opened next.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use postroom_store::PasswordHash;

use crate::check::{Check, Checked, Finding};
use crate::error::OpenError;
use crate::file::{self, beside};
use crate::folder::{DataFolder, has_store};
use crate::reader::Place;
use crate::restoring::{self, COPY, READY, REPLACED, remove, sync};

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// What is in it.
    pub checked: Checked,
    /// Where the store is that it replaces, if there was one.
    pub replaced: Option<PathBuf>,
}

/// Why a backup was not restored. The folder has the store that it had, but where the restore
/// is [unfinished](Self::Unfinished).
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The backup or the folder cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is a store.
    #[error(
        "there is a store in {}, which is not overwritten; name another folder with --data, or \
         add --replace to keep it aside",
        path.display()
    )]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// A store was kept aside before.
    #[error(
        "{} has the store that an earlier restore has replaced; move it away, or delete it, first",
        path.display()
    )]
    Replaced {
        /// Its folder.
        path: PathBuf,
    },
    /// The file is the table file of a store that was not closed.
    #[error(
        "{} is no backup: it has a log beside it (-wal), so it is a part of a store; make a \
         backup of that with: postroom backup",
        path.display()
    )]
    HasLog {
        /// The file.
        path: PathBuf,
    },
    /// The structure of the file is damaged.
    #[error("the backup {} is damaged, see above; restore another one", path.display())]
    Damaged {
        /// The backup.
        path: PathBuf,
    },
    /// It cannot be copied.
    #[error("cannot copy {} to the data folder {}: {cause}", path.display(), data.display())]
    Copy {
        /// The backup.
        path: PathBuf,
        /// The data folder.
        data: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// It failed after the copy had become the store that is to be. Whoever opens the folder
    /// next finishes it.
    #[error(
        "the restore to {} cannot be undone any more, and may not be complete: {cause}; set that \
         right, then start the server there, which completes it",
        path.display()
    )]
    Unfinished {
        /// The data folder.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
}

/// Makes the store of a folder of a backup, where no server runs.
///
/// All of it is read before anything is changed: a damaged structure is refused, damaged
/// records are told and left as they are. A store that is there already is refused, or
/// kept aside if it `may_replace` it.
pub fn restore(
    backup: &Path,
    data: &Path,
    may_replace: bool,
    is_hash: impl Fn(&PasswordHash) -> bool + Send + 'static,
    mut tell: impl FnMut(Finding),
) -> Result<Restored, RestoreError> {
    refuse_parts(backup)?;
    let folder = DataFolder::open(data)?;
    let replaced = replaced(data, may_replace)?;
    let failed =
        |cause| RestoreError::Copy { path: backup.to_path_buf(), data: data.to_path_buf(), cause };
    let copy = Copy::make(backup, data).map_err(failed)?;
    let mut is_damaged = false;
    let mut check = Check::open(Place::Copy { file: &copy.0, shown: backup }, is_hash)?;
    let checked = loop {
        let page = check.page(|finding| {
            is_damaged |= matches!(finding, Finding::Structure(_));
            tell(finding);
        });
        if let Some(checked) = page? {
            break checked;
        }
    };
    drop(check);
    if is_damaged {
        return Err(RestoreError::Damaged { path: backup.to_path_buf() });
    }
    copy.put(data).map_err(failed)?;
    // From here on the folder has the backup, whatever fails.
    sync(data)
        .and_then(|()| restoring::finish(data))
        .map_err(|cause| RestoreError::Unfinished { path: data.to_path_buf(), cause })?;
    drop(folder);
    Ok(Restored { checked, replaced })
}

/// Refuses what is no backup, or not all of it, before anything is copied.
fn refuse_parts(backup: &Path) -> Result<(), RestoreError> {
    let read = |cause| OpenError::Read { path: backup.to_path_buf(), cause };
    if file::bytes(&beside(backup, "-wal")).map_err(read)? > 0 {
        return Err(RestoreError::HasLog { path: backup.to_path_buf() });
    }
    if !fs::metadata(backup).map_err(read)?.is_file() {
        return Err(OpenError::Foreign { path: backup.to_path_buf() }.into());
    }
    Ok(file::inspect(backup)?)
}

/// Where the store that is there will be kept, if there is one.
fn replaced(data: &Path, may_replace: bool) -> Result<Option<PathBuf>, RestoreError> {
    if !has_store(data)? {
        return Ok(None);
    }
    let path = data.join(REPLACED);
    match fs::symlink_metadata(&path) {
        _ if !may_replace => Err(RestoreError::Exists { path: data.to_path_buf() }),
        Ok(_) => Err(RestoreError::Replaced { path }),
        Err(_) => Ok(Some(path)),
    }
}

/// A copy of a backup, deleted when dropped.
struct Copy(PathBuf);

impl Copy {
    fn make(backup: &Path, data: &Path) -> io::Result<Self> {
        let copy = Self(data.join(COPY));
        remove(&copy.0)?;
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&copy.0)?;
        file::give_to_owner(&file, data)?;
        io::copy(&mut File::open(backup)?, &mut file)?;
        file.sync_all()?;
        Ok(copy)
    }

    /// Makes it the store that is to be.
    fn put(self, data: &Path) -> io::Result<()> {
        fs::rename(&self.0, data.join(READY))
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // What stays is removed when the folder is opened next.
        let _ = remove(&self.0);
    }
}
