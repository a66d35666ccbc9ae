//! Whoever owns the data folder may put links there. Root changes nothing that they lead to.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;

use super::*;
use crate::file::beside;
use crate::restoring::{READY, REPLACED};

/// Whose the folder is, where the tests run as root.
const SOMEBODY: u32 = 65_534;

/// A folder with a store, and one that is somebody else's.
fn folders() -> (TempDir, TempDir) {
    let (folder, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    drop(open(&folder, Limits::default()));
    if rustix::process::geteuid().is_root() {
        chown(folder.path(), Some(SOMEBODY), Some(SOMEBODY)).unwrap();
    }
    (folder, elsewhere)
}

fn try_open(folder: &TempDir) -> Result<(), OpenError> {
    SqliteStore::open(DataFolder::open(folder.path())?, Limits::default()).map(drop)
}

/// What must stay as it is.
fn state(path: &Path) -> (u32, u32, u64) {
    let metadata = fs::metadata(path).unwrap();
    (metadata.mode(), metadata.uid(), metadata.len())
}

#[test]
fn a_file_that_is_a_link_is_refused_and_what_it_leads_to_is_left_alone() {
    for file in ["postroom.lock", "postroom.db", "-wal", "-shm", "-journal"] {
        for is_hard in [false, true] {
            let (folder, elsewhere) = folders();
            let path = match file.strip_prefix('-') {
                Some(_) => beside(&database_file(folder.path()), file),
                None => folder.path().join(file),
            };
            let victim = elsewhere.path().join("victim");
            if fs::rename(&path, &victim).is_err() {
                fs::write(&victim, "").unwrap();
            }
            fs::set_permissions(&victim, Permissions::from_mode(0o644)).unwrap();
            let before = state(&victim);
            if is_hard { fs::hard_link(&victim, &path) } else { symlink(&victim, &path) }.unwrap();
            let error = try_open(&folder).unwrap_err();
            assert!(matches!(error, OpenError::Linked { .. }), "{file}: {error}");
            assert!(error.to_string().starts_with(path.to_str().unwrap()), "{error}");
            assert_eq!(state(&victim), before, "{file}");
            // A copy in its place is the store's own.
            fs::remove_file(&path).unwrap();
            fs::copy(&victim, &path).unwrap();
            try_open(&folder).unwrap();
        }
    }
}

#[test]
fn a_store_is_not_set_aside_in_a_folder_elsewhere() {
    let (folder, elsewhere) = folders();
    let before = state(elsewhere.path());
    fs::copy(database_file(folder.path()), folder.path().join(READY)).unwrap();
    symlink(elsewhere.path(), folder.path().join(REPLACED)).unwrap();
    let error = try_open(&folder).unwrap_err();
    assert!(matches!(error, OpenError::Folder { .. }), "{error}");
    assert_eq!(state(elsewhere.path()), before);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    assert!(database_file(folder.path()).exists());
    fs::remove_file(folder.path().join(REPLACED)).unwrap();
    try_open(&folder).unwrap();
    assert!(folder.path().join(REPLACED).join("postroom.db").exists());
}

#[test]
fn a_pipe_in_place_of_the_lock_keeps_no_reader_waiting() {
    let (folder, _elsewhere) = folders();
    try_open(&folder).unwrap();
    let path = folder.path().join("postroom.lock");
    fs::remove_file(&path).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert!(crate::folder::lock_for_reading(folder.path()).unwrap().is_some());
}

#[test]
fn a_pipe_in_place_of_a_file_is_refused_at_once() {
    for file in ["postroom.lock", "postroom.db-shm"] {
        let (folder, _elsewhere) = folders();
        let path = folder.path().join(file);
        let _ = fs::remove_file(&path);
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let error = try_open(&folder).unwrap_err();
        assert!(matches!(error, OpenError::Linked { .. }), "{error}");
    }
}
