//! What outlives a process.

use postroom_store::{Limits, MemoryDisk, MemoryStore, Store};

/// What a store keeps when the process ends.
pub trait Disk {
    /// The store.
    type Store: Store;

    /// A process starts, and opens its store.
    fn open(&mut self, limits: Limits) -> Self::Store;
}

impl Disk for MemoryDisk {
    type Store = MemoryStore;

    fn open(&mut self, limits: Limits) -> MemoryStore {
        Self::open(self, limits)
    }
}
