//! The store on one machine, on a virtual disk whose troubles the seed decides.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use postroom_store::{History, Limits, Timestamp};
use postroom_store_sqlite::{
    Checkpointer, DataFolder, HistorySource, OpenError, SqliteStore, restore,
};
use postroom_virtual_disk::{Fault, VirtualDisk};
use tempfile::TempDir;

use crate::copied::Copied;
use crate::disk::Disk;
use crate::passwords::register_all;
use crate::random::Random;
use crate::scenario::{Scenario, StoreTroubles};
use crate::world::TroubledDisk;

/// A folder on a virtual disk.
pub(crate) struct SqliteDisk {
    // Before the disk, whose files it has open.
    checkpointer: Option<Checkpointer>,
    disk: VirtualDisk,
    history: Option<HistorySource>,
    folder: TempDir,
    /// What the file system says to be free.
    free_bytes: Arc<AtomicU64>,
    troubles: StoreTroubles,
    random: Random,
}

const PLENTY: u64 = 1 << 40;

/// A folder in memory, where the system has any: nothing is to be synced in truth.
fn folder() -> io::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }
}

impl SqliteDisk {
    pub(crate) fn new(seed: u64) -> io::Result<Self> {
        let folder = folder()?;
        Ok(Self {
            checkpointer: None,
            disk: VirtualDisk::new(seed),
            history: None,
            folder,
            free_bytes: Arc::new(AtomicU64::new(PLENTY)),
            troubles: StoreTroubles::CALM,
            random: Random::new(seed, 3),
        })
    }

    fn try_open(&mut self, limits: Limits) -> Result<SqliteStore, OpenError> {
        self.checkpointer = None;
        let free_bytes = Arc::clone(&self.free_bytes);
        let free = free_bytes.load(Ordering::Relaxed);
        // With no more than this the store does not make its log as long as it usually is,
        // which takes most of the time.
        free_bytes.store(free.min(limits.disk_reserve_bytes), Ordering::Relaxed);
        let folder = DataFolder::open(self.folder.path())?.on_vfs(self.disk.name());
        // A part of a backup ends with its step, whatever time this machine takes for it.
        let folder = folder.with_backup_parts_of(Duration::ZERO);
        let asked = Arc::clone(&free_bytes);
        let folder = folder.with_free_bytes(move || asked.load(Ordering::Relaxed));
        let opened = SqliteStore::open(folder, limits);
        free_bytes.store(free, Ordering::Relaxed);
        let (store, checkpointer) = opened?;
        self.history = Some(store.history_source());
        self.checkpointer = Some(checkpointer);
        Ok(store)
    }

    fn fail_as_decided(&self) {
        let one_in = self.troubles.io_errors_one_in;
        for fault in [Fault::Write, Fault::Sync] {
            self.disk.fail_often(fault, one_in);
        }
        self.disk.fail_often(Fault::Read, one_in.saturating_mul(10));
    }
}

impl Disk for SqliteDisk {
    type Store = SqliteStore;

    /// The operator tries until it works, and has repaired the disk by the second time.
    fn open(&mut self, limits: Limits) -> SqliteStore {
        if let Ok(store) = self.try_open(limits) {
            return store;
        }
        self.disk.clear_faults();
        self.disk.set_full(false);
        if self.disk.is_off() {
            self.disk.cut_power().expect("the files can be changed");
        }
        let opened = self.try_open(limits);
        self.fail_as_decided();
        opened.unwrap_or_else(|error| panic!("the store does not open: {error}"))
    }

    /// Each page is read on a connection of its own: one that stays open would keep files of
    /// a store that was dropped.
    fn history(&mut self) -> Option<Box<dyn History>> {
        let reader = self.history.as_ref()?.open().ok()?;
        Some(Box::new(reader))
    }
}

impl TroubledDisk for SqliteDisk {
    fn prepare(&mut self, scenario: &Scenario) {
        register_all(&mut self.open(scenario.rules.limits), scenario.accounts());
    }

    fn trouble(&mut self, troubles: StoreTroubles, random: Random) {
        (self.troubles, self.random) = (troubles, random);
        self.fail_as_decided();
    }

    fn calm(&mut self) {
        self.troubles = StoreTroubles::CALM;
        self.disk.clear_faults();
    }

    fn set_full(&mut self, is_full: bool) {
        let free = if is_full { 0 } else { PLENTY };
        self.free_bytes.store(free, Ordering::Relaxed);
        // The reserve may be gone, too.
        self.disk.set_full(is_full && self.random.chance(300));
    }

    fn cut(&mut self) {
        if self.disk.is_off() || self.random.chance(700) {
            self.disk.cut_power().expect("the files can be changed");
        } else {
            self.disk.kill();
        }
        self.checkpointer = None;
    }

    fn close(&mut self) {
        self.checkpointer = None;
    }

    fn flip_bit(&mut self) -> bool {
        !self.disk.flip_bits(1).expect("the files can be changed").is_empty()
    }

    fn open_damaged(&mut self, limits: Limits) -> Option<SqliteStore> {
        self.try_open(limits).ok()
    }

    /// The backup takes the way that an operator has for it.
    fn read_backup(&self, copy: &[u8], limits: Limits, wall: Timestamp) -> Copied {
        let folder = folder().expect("a folder can be made");
        let (backup, data) = (folder.path().join("backup"), folder.path().join("data"));
        fs::write(&backup, copy).expect("a backup can be written");
        let damaged = |finding| panic!("a backup is damaged: {finding:?}");
        restore(&backup, &data, false, |_| true, damaged).expect("a backup can be restored");
        // With no more than this the store does not make its log as long as it usually is.
        let free = limits.disk_reserve_bytes;
        let data = DataFolder::open(&data).expect("nobody uses it").with_free_bytes(move || free);
        let (store, _checkpointer) = SqliteStore::open(data, limits).expect("a backup opens");
        Copied::of(store, wall)
    }

    fn writes_lost(&self) -> u64 {
        self.disk.counts().loss.lost
    }

    fn keep_house(&mut self) {
        if let Some(checkpointer) = &mut self.checkpointer {
            // The store tells of its failure.
            let _ = checkpointer.step();
        }
        if self.random.chance(self.troubles.power_cuts) {
            let changes = self.random.between(1, 12) as u64;
            self.disk.cut_power_in(changes);
        }
    }
}
