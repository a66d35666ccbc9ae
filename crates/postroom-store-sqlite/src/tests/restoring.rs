//! Restores that fail half-way.

use std::fs;

use super::*;
use crate::file::beside;
use crate::restoring::READY;
use crate::{RestoreError, restore};

#[test]
fn a_restore_that_fails_at_its_end_says_that_it_will_be_finished() {
    let (from, to) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut store = open(&from, Limits::default());
    let bob = account(&mut store, "bob");
    settle(&mut store, [append(bob, "bob", "of the backup")]);
    let backup = from.path().join("backup");
    connection(&store).execute("VACUUM INTO ?1", [backup.to_str().unwrap()]).unwrap();
    // What cannot be deleted.
    let obstacle = beside(&database_file(to.path()), "-shm");
    fs::create_dir(&obstacle).unwrap();
    let error = restore(&backup, to.path(), false, |_| true, |_| ()).unwrap_err();
    assert!(matches!(error, RestoreError::Unfinished { .. }), "{error}");
    let words = error.to_string();
    assert!(words.contains("start the server there, which completes it"), "{words}");
    assert!(to.path().join(READY).exists());
    fs::remove_dir(&obstacle).unwrap();
    let mut store = open(&to, Limits::default());
    let bob = account(&mut store, "bob");
    assert_eq!(read(&mut store, bob, 2), ["of the backup"]);
}
