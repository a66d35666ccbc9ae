//! The last steps of a restore, which whoever opens the folder next takes if they were not.
//!
//! As long as the file [`READY`] is there, all files of a store are those of the store
//! before, also its log, which must never be read as that of the new one.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use rustix::fs::CWD;

use crate::file::{self, beside};

/// The copy of a backup that is not checked yet.
pub(crate) const COPY: &str = "restore.tmp";
/// The checked copy, which is to take the place of the store.
pub(crate) const READY: &str = "restore.ready";
/// The folder within the data folder where the store before is kept.
pub(crate) const REPLACED: &str = "replaced";

/// Finishes a restore that was cut off, so that the folder has the new store; removes what
/// one has left that had not come so far. For whoever has the lock of the folder.
pub(crate) fn finish(data: &Path) -> io::Result<()> {
    remove(&data.join(COPY))?;
    let ready = data.join(READY);
    if !ready.try_exists()? {
        return Ok(());
    }
    set_aside(data)?;
    fs::rename(ready, file::database(data))?;
    sync(data)
}

/// Moves the files of a store to a folder of their own, and is sure that none is left.
fn set_aside(data: &Path) -> io::Result<()> {
    let database = file::database(data);
    let files = ["", "-wal", "-shm", "-journal"].map(|suffix| beside(&database, suffix));
    let is_store = file::bytes(&files[0])? > 0 || file::bytes(&files[1])? > 0;
    let replaced = if is_store { Some(make_replaced(data)?) } else { None };
    for file in files {
        match (&replaced, file.file_name()) {
            (Some(replaced), Some(name)) if file.try_exists()? => {
                rustix::fs::renameat(CWD, &file, replaced, name)?;
            }
            _ => remove(&file)?,
        }
    }
    if let Some(replaced) = replaced {
        replaced.sync_all()?;
    }
    sync(data)
}

/// Makes the folder where the store before is kept, unless it is there. A link to another
/// folder is refused: as root, it would bring that to the owner of the data folder.
fn make_replaced(data: &Path) -> io::Result<File> {
    let path = data.join(REPLACED);
    match DirBuilder::new().mode(0o700).create(&path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let replaced = file::open_folder(&path)?;
    file::give_to_owner(&replaced, data)?;
    Ok(replaced)
}

/// Deletes a file, if it is there.
pub(crate) fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
