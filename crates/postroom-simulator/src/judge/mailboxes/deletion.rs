//! What is left of a mailbox whose account an operator deletes: nothing.

use super::{Mailboxes, State};
use crate::texts::Written;

impl Mailboxes {
    /// An operator begins to delete an account.
    pub(crate) fn deletion_begins(&mut self, account: &'static str) {
        self.under_deletion.insert(account);
    }

    /// The account stays.
    pub(crate) fn is_not_deleted(&mut self, account: &str) {
        self.under_deletion.remove(account);
    }

    /// An operator, who asked at this moment, knows that an account is deleted, and how much
    /// was unread.
    pub(crate) fn is_deleted(
        &mut self,
        texts: &[Written],
        account: &str,
        (begun, at): (u64, u64),
        unread: u32,
    ) {
        self.check_count(texts, account, begun, unread);
        self.under_deletion.remove(account);
        let last = self.last_visit;
        for (id, state) in self.of.get_mut(account).into_iter().flatten() {
            let was_there = texts[id.0].acknowledged_at().is_some_and(|at| at < begun);
            *state = match *state {
                State::Gone { .. } | State::Deleted { .. } => continue,
                _ if was_there => State::Deleted { at, last },
                _ => State::MayBeDeleted,
            };
        }
    }

    /// It may be deleted.
    pub(crate) fn may_be_deleted(&mut self, account: &str) {
        self.under_deletion.remove(account);
        for state in self.of.get_mut(account).into_iter().flatten().map(|(_, state)| state) {
            if !matches!(state, State::Gone { .. } | State::Deleted { .. }) {
                *state = State::MayBeDeleted;
            }
        }
    }
}
