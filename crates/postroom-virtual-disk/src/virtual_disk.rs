//! The disk as its owner has it.

use std::fs::OpenOptions;
use std::io;
use std::sync::Arc;

use crate::counts::{Counts, Loss};
use crate::faults::Fault;
use crate::medium::Medium as _;
use crate::state::Shared;
use crate::vfs::Registration;

/// A disk, registered with SQLite under a [name](Self::name) of its own until it is
/// dropped.
///
/// All its functions may be called while a database is open; a fault then hits the next
/// operation on it.
#[derive(Debug)]
pub struct VirtualDisk {
    registration: Registration,
    shared: Arc<Shared>,
}

/// A bit that was flipped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Flip {
    /// The offset of its byte in the table file.
    pub offset: u64,
    /// Its place in the byte; 0 is the lowest.
    pub bit: u32,
}

impl VirtualDisk {
    /// Makes a disk without faults. What it does by chance follows from the seed.
    ///
    /// # Panics
    ///
    /// If SQLite has no default VFS, or no memory for another.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let shared = Arc::new(Shared::new(seed));
        Self { registration: Registration::new(Arc::clone(&shared)), shared }
    }

    /// The name of the VFS: with it SQLite opens a database on this disk.
    #[must_use]
    pub fn name(&self) -> &str {
        self.registration.name()
    }

    /// What the disk has done so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.lock().counts
    }

    /// Lets the fault happen to the `n`-th operation from now that it can happen to; 1 is
    /// the next one.
    pub fn fail_next(&self, fault: Fault, n: u64) {
        self.shared.lock().faults.fail_next(fault, n);
    }

    /// Lets the fault happen to one in so many operations, at random; 0: to none.
    pub fn fail_often(&self, fault: Fault, one_in: u32) {
        self.shared.lock().faults.fail_often(fault, one_in);
    }

    /// Ends all faults, those that were to come included, and a power cut that was to come.
    /// A full disk stays full, and power that is off stays off.
    pub fn clear_faults(&self) {
        let mut state = self.shared.lock();
        state.faults.clear();
        state.off_in = None;
    }

    /// While the disk is full, writes that would make a file longer fail with
    /// `SQLITE_FULL`.
    pub fn set_full(&self, is_full: bool) {
        self.shared.lock().is_full = is_full;
    }

    /// While the disk lies, syncs succeed and do nothing.
    pub fn set_lying(&self, is_lying: bool) {
        self.shared.lock().is_lying = is_lying;
    }

    /// Lets the power go off in the midst of the `n`-th change from now (a write,
    /// truncation, sync or deletion; 1 is the next one). That one may be carried out, in
    /// part or not at all; then everything fails until [`cut_power`](Self::cut_power) is
    /// called, which is still to be.
    pub fn cut_power_in(&self, n: u64) {
        self.shared.lock().off_in = Some(n.max(1));
    }

    /// Whether the power went off because of [`cut_power_in`](Self::cut_power_in), and is
    /// not back.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.shared.lock().is_off
    }

    /// Cuts the power, and brings it back: of what is not synced, chance decides what
    /// survives.
    ///
    /// Files that are open are dead from then on: whatever is done with them fails and
    /// changes nothing. So the connections of the time before, which SQLite would tidy up
    /// after when they are dropped, may be dropped before or after. They must be dropped
    /// before the database is opened again, else that fails with `SQLITE_CANTOPEN`.
    pub fn cut_power(&self) -> io::Result<Loss> {
        self.shared.lock().cut_power()
    }

    /// Lets all open files die, as [`cut_power`](Self::cut_power) does, but loses nothing:
    /// so a process ends that is killed. What is not synced may still be lost later. Faults
    /// that are to come stay so.
    pub fn kill(&self) {
        self.shared.lock().kill();
    }

    /// Flips bits of the table file at random and returns which. The same one may be hit
    /// twice. Fails while any file is open, and unless one database alone was ever opened
    /// on this disk.
    pub fn flip_bits(&self, count: u32) -> io::Result<Vec<Flip>> {
        let mut state = self.shared.lock();
        let mut file = OpenOptions::new().read(true).write(true).open(state.closed_table()?)?;
        let length = file.length()?;
        let mut flips = Vec::new();
        for _ in 0..if length == 0 { 0 } else { count } {
            let flip = Flip { offset: state.random.u64(..length), bit: state.random.u32(..8) };
            let mut byte = [0];
            file.read(flip.offset, &mut byte)?;
            byte[0] ^= 1 << flip.bit;
            file.write(flip.offset, &byte)?;
            flips.push(flip);
        }
        Ok(flips)
    }
}
