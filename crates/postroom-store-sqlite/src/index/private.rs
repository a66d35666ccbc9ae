//! Who may enter private channels.

use postroom_model::Channel;
use postroom_store::AccountId;

use super::Index;

impl Index {
    /// Whether a channel is public, or an account may enter it.
    pub(crate) fn may_enter(&self, channel: &Channel, account: Option<AccountId>) -> bool {
        let Some((_, private)) = self.channels.private_of(channel) else {
            return true;
        };
        account.is_some_and(|account| {
            private.names(account) && self.account(account).password.is_some()
        })
    }
}
