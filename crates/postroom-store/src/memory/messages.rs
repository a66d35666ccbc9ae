//! Messages to several at once, and those that are only looked at, in a store in memory.

use postroom_model::{MessageId, PEEK_MAX, Peeked, PeekedMessage, Recipients, Unknown};

use super::books::{Books, Creator, Message};
use super::session::Session;
use crate::{AccountId, Outcome, PAGE_BYTES, Sent};

impl Books {
    /// Adds a message to all of these mailboxes, or to none.
    pub(super) fn append_all(
        &mut self,
        recipients: &Recipients,
        message: &Message,
        unknown: Unknown,
        creator: Creator<'_>,
    ) -> Outcome {
        // Those of an account that is evicted go, and come back.
        let before = (self.accounts.clone(), self.keys.clone());
        let (mut sent, mut may_create) = (Vec::new(), creator.may_create);
        for recipient in recipients.names() {
            let creator = Creator { may_create, ..creator };
            match self.append(recipient, message.clone(), unknown, creator) {
                Outcome::Composed { id, recipient, name, registered, .. } => {
                    may_create -= u32::from(registered);
                    sent.push(Sent { id, recipient, name, registered });
                }
                refusal => {
                    (self.accounts, self.keys) = before;
                    let (recipient, why) = (recipient.clone(), Box::new(refusal));
                    return Outcome::NotComposedAll { recipient, why };
                }
            }
        }
        Outcome::ComposedAll { sent, stored: message.stored }
    }

    pub(super) fn peek(
        &self,
        session: &Session,
        id: AccountId,
        after: Option<MessageId>,
        count: usize,
    ) -> Peeked {
        let mut peeked = Peeked::default();
        let mut bytes = 0;
        let first = after.map_or(0, |MessageId(after)| after.saturating_add(1));
        for (&sequence, message) in self.account(id).mailbox.range(first..) {
            if peeked.messages.len() == count.min(PEEK_MAX) || bytes >= PAGE_BYTES {
                peeked.next = peeked.messages.last().map(|last| last.id);
                break;
            }
            let Message { sender, text, stored } = message;
            bytes += text.as_str().len();
            peeked.messages.push(PeekedMessage {
                id: MessageId(sequence),
                stored: *stored,
                sender: self.sender_name(*sender),
                text: text.clone(),
                is_leased: session.leased.contains(&(id, sequence)),
            });
        }
        peeked
    }
}
