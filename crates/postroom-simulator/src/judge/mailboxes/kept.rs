//! What accounts keep of what they have read and sent.

use std::collections::BTreeSet;

use postroom_store::KeptAs;

use super::{Mailboxes, State};
use crate::texts::{Place, TextId, Written};

/// A text that an account keeps, and what it is to the account.
pub(crate) type Kept = (TextId, KeptAs);

impl Mailboxes {
    /// An account with a password keeps these. `is_all`: it keeps whatever it has read and sent.
    pub(crate) fn check_kept(
        &self,
        texts: &[Written],
        account: &'static str,
        kept: &[Kept],
        is_all: bool,
    ) {
        let there: BTreeSet<_> = kept.iter().map(|(id, _)| *id).collect();
        assert_eq!(there.len(), kept.len(), "{account} keeps a message twice: {kept:?}");
        for (id, kept) in kept {
            let Written { author, place, .. } = &texts[id.0];
            match kept {
                KeptAs::Received => {
                    assert_eq!(
                        *place,
                        Place::Mailbox(account),
                        "{account} keeps {id:?} as its own"
                    );
                    let state = self.of.get(account).and_then(|mailbox| mailbox.get(id));
                    let may_be_read = state.is_some_and(|state| *state != State::Waiting);
                    assert!(may_be_read, "{account} keeps {id:?}, which is unread");
                }
                KeptAs::Sent => {
                    assert_eq!(*author, account, "{account} keeps {id:?} as sent");
                    let is_message = matches!(place, Place::Mailbox(other) if *other != account);
                    assert!(is_message, "{account} keeps {id:?} as sent to another account");
                }
            }
        }
        let sent = texts.iter().enumerate().filter(|(_, text)| {
            let is_message = matches!(text.place, Place::Mailbox(other) if other != account);
            text.author == account && is_message && text.acknowledged_at().is_some()
        });
        let read = self.of.get(account).into_iter().flatten();
        let read = read.filter(|(_, state)| matches!(state, State::Gone { .. }));
        let all = sent.map(|(number, _)| TextId(number)).chain(read.map(|(id, _)| *id));
        for id in all.filter(|_| is_all) {
            assert!(there.contains(&id), "{account} does not keep {id:?}");
        }
    }
}
