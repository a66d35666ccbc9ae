//! The store of the stage without input and output.

use std::sync::Arc;
use std::time::Instant;

use argon2::password_hash::PasswordHasher as _;
use argon2::{Algorithm, Argon2, Params, Version};
use postroom_model::{Author, Channel, Name, Post, Text};
use postroom_store::{Call, Limits, PasswordHash, Store, Ticket, Timestamp};
use postroom_store_sqlite::{DataFolder, OpenError, SqliteStore};
use tempfile::TempDir;

use crate::harness::support::PATIENCE;

/// In memory where there is such a folder: the disk is not what is tested here.
pub(super) fn temporary_folder() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}

pub(super) fn open(folder: &TempDir, limits: Limits) -> SqliteStore {
    let begun = Instant::now();
    let folder = loop {
        match DataFolder::open(folder.path()) {
            Ok(folder) => break folder,
            // A process that another test is just starting has the lock for as
            // long as it is still a copy of this one.
            Err(OpenError::InUse { .. }) if begun.elapsed() < PATIENCE => {}
            Err(error) => panic!("{error}"),
        }
    };
    // A transcript is too short for the log to be moved.
    let (store, _checkpointer) = SqliteStore::open(folder, limits).unwrap();
    store
}

/// A hash that costs next to nothing, so that each split can be tried.
pub(super) fn set_password(store: &mut SqliteStore, name: &str, password: &str) {
    let cheap = Params::new(Params::MIN_M_COST, 1, 1, None).unwrap();
    let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, cheap)
        .hash_password_with_salt(password.as_bytes(), &[7; 16])
        .unwrap()
        .to_string();
    let password = PasswordHash(hash.into_boxed_str());
    store.submit(Ticket(0), Call::SetPassword { name: Name::new(name).unwrap(), password });
    store.settle(Timestamp(0), &mut Vec::new()).unwrap();
}

/// What the program does at its start where the board is not to be kept.
pub(super) fn empty_board(store: &mut SqliteStore) {
    let post =
        Post { author: Author::Board, channels: vec![Channel::board()], text: Text::default() };
    store.submit(Ticket(0), Call::Post { author: None, post: Arc::new(post) });
    store.settle(Timestamp(0), &mut Vec::new()).unwrap();
}
