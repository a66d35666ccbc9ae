//! What a store in memory keeps of a private channel.

use postroom_model::{Channel, ChannelKey};

use crate::AccountId;

/// A private channel.
#[derive(Debug)]
pub(super) struct Private {
    pub(super) channel: Channel,
    pub(super) creator: AccountId,
    pub(super) key: Option<ChannelKey>,
    /// In the order in which they were invited.
    pub(super) invited: Vec<AccountId>,
}

impl Private {
    /// Whether an account has made it, or is invited.
    pub(super) fn names(&self, account: AccountId) -> bool {
        self.creator == account || self.invited.contains(&account)
    }
}
