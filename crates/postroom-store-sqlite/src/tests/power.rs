//! The store on a disk that loses power.

use std::path::Path;

use postroom_virtual_disk::VirtualDisk;

use super::*;

/// A folder in memory, where the system has any: nothing here is to be synced in truth.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory).unwrap() } else { TempDir::new().unwrap() }
}

/// Whenever the power goes off: a new store has no log yet, but a rollback journal.
#[test]
fn a_cut_while_the_store_is_made_leaves_a_folder_in_which_one_can_be_made() {
    for seed in 0..8 {
        let is_cut = |changes: &u64| is_made_after_a_cut(seed, *changes);
        let cuts = (1..1_000).take_while(is_cut).count();
        assert!((21..900).contains(&cuts), "{cuts}");
    }
}

/// Makes a store, and cuts the power at one of its changes, if it has so many; then a store
/// is to open.
fn is_made_after_a_cut(seed: u64, changes: u64) -> bool {
    let (folder, disk) = (folder(), VirtualDisk::new(seed));
    let open = || {
        let data = DataFolder::open(folder.path()).unwrap().on_vfs(disk.name());
        SqliteStore::open(data.with_free_bytes(|| 0), Limits::default())
    };
    disk.cut_power_in(changes);
    // It may open, and be cut when it is closed.
    drop(open());
    let is_cut = disk.is_off();
    disk.cut_power().unwrap();
    open().unwrap_or_else(|error| panic!("seed {seed}, {changes} changes: {error}"));
    is_cut
}
