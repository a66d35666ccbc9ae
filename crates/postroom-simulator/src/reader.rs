//! Somebody who reads the history of channels, and what is left to read.

use postroom_store::{HistoryFrom, HistoryRows};

use crate::random::Random;

/// A question for a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    pub(crate) channel: &'static str,
    pub(crate) from: HistoryFrom,
    pub(crate) count: usize,
}

/// Who reads, and what.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) random: Random,
    /// Pages that are still to be read.
    pub(crate) left: usize,
    /// Rows that the store has named, and that are read later.
    pub(crate) held: Option<(Question, HistoryRows)>,
}

impl Reader {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, 19);
        let left = if random.chance(500) { random.between(1, 30) } else { 0 };
        Self { random, left, held: None }
    }
}
