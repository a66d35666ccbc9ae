//! What outlives a process.

use postroom_store::{History, Limits, MemoryDisk, MemoryStore, Store};

/// What a store keeps when the process ends.
pub trait Disk {
    /// The store.
    type Store: Store;

    /// A process starts, and opens its store.
    fn open(&mut self, limits: Limits) -> Self::Store;

    /// Reads the history of the channels of the store that was opened last; `None` if that
    /// fails.
    fn history(&mut self) -> Option<Box<dyn History>>;
}

impl Disk for MemoryDisk {
    type Store = MemoryStore;

    fn open(&mut self, limits: Limits) -> MemoryStore {
        Self::open(self, limits)
    }

    fn history(&mut self) -> Option<Box<dyn History>> {
        Some(Box::new(Self::history(self)))
    }
}
