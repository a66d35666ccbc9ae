//! Numbers that no new account or channel gets.

use std::collections::HashSet;

/// Numbers that records name and that have no record of their own: whose it was
/// is lost, and no new account or channel may inherit it.
#[derive(Debug, Default)]
pub(crate) struct Reserved(HashSet<u32>);

impl Reserved {
    pub(crate) fn add(&mut self, number: u32) {
        self.0.insert(number);
    }

    pub(crate) fn contains(&self, number: u32) -> bool {
        !self.0.is_empty() && self.0.contains(&number)
    }
}
