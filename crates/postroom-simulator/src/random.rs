//! The choices of a seed.

use std::time::Duration;

/// A source of choices that a seed decides. Each part of a simulation has one of its own,
/// so that what one part does leaves the choices of the others as they are.
#[derive(Clone, Debug)]
pub(crate) struct Random(fastrand::Rng);

impl Random {
    /// The source of one part.
    pub(crate) fn new(seed: u64, part: u64) -> Self {
        // Neighbours of seeds and parts must have nothing in common.
        let mixed = (seed ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(part);
        Self(fastrand::Rng::with_seed(mixed))
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end)
    }

    /// A number of a range, both ends included.
    pub(crate) fn between(&mut self, first: usize, last: usize) -> usize {
        self.0.usize(first..=last)
    }

    /// True so many times of a thousand.
    pub(crate) fn chance(&mut self, per_mille: usize) -> bool {
        self.below(1_000) < per_mille
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A time of up to so many microseconds.
    pub(crate) fn micros(&mut self, most: usize) -> Duration {
        Duration::from_micros(self.below(most.max(1)) as u64)
    }
}
