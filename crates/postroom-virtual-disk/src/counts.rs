//! What a disk has done, for reports and for the tests of tests.

/// What a disk has done since it was made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Writes that were asked for.
    pub writes: u64,
    /// Truncations that were asked for.
    pub truncations: u64,
    /// Syncs that were asked for.
    pub syncs: u64,
    /// Reads, writes, truncations and syncs that failed as an injected fault.
    pub faults: u64,
    /// Power cuts.
    pub cuts: u64,
    /// What the cuts cost in all.
    pub loss: Loss,
}

/// What a power cut came to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Loss {
    /// Writes and truncations that were not synced, and are lost.
    pub lost: u64,
    /// Those that were not synced, and survive.
    pub survived: u64,
    /// Of the survivors those that survive in part.
    pub torn: u64,
}

impl Loss {
    pub(crate) fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.survived += other.survived;
        self.torn += other.torn;
    }
}
