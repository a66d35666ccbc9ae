//! The mailboxes in a backup.

use super::{Mailboxes, State, check_sequence, estate};
use crate::texts::{TextId, Written};

impl Mailboxes {
    /// In a backup, for which was asked at this moment, these are in a mailbox, in this order.
    pub(crate) fn check_copied(
        &self,
        texts: &[Written],
        account: &str,
        copied: &[TextId],
        begun: u64,
    ) {
        check_sequence(texts, account, copied);
        let mailbox = self.of.get(estate(account));
        for id in copied {
            match mailbox.and_then(|mailbox| mailbox.get(id)) {
                Some(State::Gone { at }) if *at < begun => {
                    panic!("{id:?} was confirmed before a backup began, and is in it")
                }
                Some(State::Deleted { at, .. }) if *at < begun => {
                    panic!("{id:?} was deleted before a backup began, and is in it")
                }
                Some(_) => {}
                None => panic!("{id:?} is in the mailbox of {account} in a backup"),
            }
        }
    }

    /// What must be in a backup is.
    pub(crate) fn check_all_copied(
        &self,
        texts: &[Written],
        account: &str,
        copied: &[TextId],
        begun: u64,
    ) {
        let is_before = |id: &TextId| texts[id.0].acknowledged_at().is_some_and(|at| at < begun);
        let certain = self.certain(texts, account);
        let missing = certain.into_iter().find(|id| is_before(id) && !copied.contains(id));
        assert_eq!(missing, None, "a backup lacks a message for {account}");
    }
}
