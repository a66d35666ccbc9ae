//! Whom accounts have blocked: an account that has blocked somebody is not evicted.

use postroom_model::Name;
use postroom_store::AccountId;

use super::Index;
use crate::blocks::Blocks;

impl Index {
    /// Whom accounts have blocked.
    pub(crate) fn blocks(&self) -> &Blocks {
        &self.blocks
    }

    /// A row of blocks has this number.
    pub(crate) fn block_given_out(&mut self, number: u64) {
        self.blocks.given_out(number);
    }

    /// An account blocks a sender, in the row of this number. Returns whether it is new.
    pub(crate) fn block(&mut self, id: AccountId, sender: Name, number: u64) -> bool {
        let is_new = self.blocks.add(id, sender, number);
        self.settle(id);
        is_new
    }

    /// An account blocks a sender no longer. Returns the number of the row.
    pub(crate) fn unblock(&mut self, id: AccountId, sender: &Name) -> Option<u64> {
        let number = self.blocks.remove(id, sender);
        self.settle(id);
        number
    }
}
