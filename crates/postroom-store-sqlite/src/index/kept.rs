//! What accounts keep of what they have read and sent, as it is found at start.

use postroom_store::{AccountId, KeptAs, Sender};
use rusqlite::Row;

use super::Index;
use crate::expiry::Kind;
use crate::kept::{Keepers, Kept, Noted};
use crate::record;
use crate::state::State;

impl Index {
    /// Takes up a message whose removal is noted; returns what the sweep is to do with it.
    pub(crate) fn load_removed(&mut self, noted: Noted, row: Option<&Row<'_>>) -> Noted {
        let keepers = row.and_then(|row| record::keepers(row, 3).ok());
        let left = keepers.and_then(|of| of.removed(noted.is_kept()));
        let is_kept =
            row.zip(left).is_some_and(|(row, of)| self.load_kept(noted.sequence(), row, of));
        Noted::new(noted.sequence(), is_kept)
    }

    /// Takes up who keeps a message. What they keep no longer is given up with the next commits.
    /// Returns whether its recipient keeps it.
    pub(crate) fn load_kept(&mut self, sequence: u64, row: &Row<'_>, keepers: Keepers) -> bool {
        let recipient = record::account(row, 0, "").ok();
        let sender = record::sender(row, 1, "").ok().and_then(Sender::account);
        if keepers.has_sender() {
            self.load_kept_by(sender, Kept::new(sequence, KeptAs::Sent), row);
        }
        keepers.has_recipient()
            && self.load_kept_by(recipient, Kept::new(sequence, KeptAs::Received), row)
    }

    /// Takes up a message that an account has kept; returns whether it does still.
    fn load_kept_by(&mut self, account: Option<AccountId>, kept: Kept, row: &Row<'_>) -> bool {
        let is_known = |id: &AccountId| self.get(*id).is_some_and(|of| of.state == State::Known);
        let account = account.filter(|account| self.kept.is_on() && is_known(account));
        if let Some(account) = account {
            self.kept.load(account, kept);
            self.expiry.note(Kind::Kept, kept.sequence(), record::time(row, 2));
        } else {
            self.kept.load_due(kept);
        }
        account.is_some()
    }
}
