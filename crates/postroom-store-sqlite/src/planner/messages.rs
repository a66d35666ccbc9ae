//! Planning messages to several at once, and those that are only looked at.

use postroom_model::{MessageId, PEEK_MAX, Peeked, Recipients, Unknown};
use postroom_store::{AccountId, Outcome, Sender, Sent};

use super::Planner;
use crate::damage;
use crate::draft::{Draft, Peek};
use crate::operation::{Operation, place};

/// What had been planned before something that may have to be taken back.
struct Mark {
    changes: usize,
    keys: usize,
    operations: usize,
    kept: usize,
    registered: usize,
}

impl Planner<'_> {
    /// Adds a message to all of these mailboxes, or to none.
    pub(super) fn compose_all(
        &mut self,
        sender: Sender,
        recipients: &Recipients,
        unknown: Unknown,
        may_create: u32,
    ) -> Outcome {
        let mark = self.mark();
        let (mut sent, mut may_create) = (Vec::new(), may_create);
        for (at, recipient) in recipients.names().iter().enumerate() {
            self.place = place(at);
            let known = self.index.find(recipient);
            let outcome = if known.is_none() && unknown == Unknown::Refuse {
                Outcome::UnknownRecipient
            } else {
                self.compose(sender, recipient, known, may_create)
            };
            match outcome {
                Outcome::Composed { id, recipient, name, registered, .. } => {
                    may_create -= u32::from(registered);
                    sent.push(Sent { id, recipient, name, registered });
                }
                refusal => {
                    self.take_back(&mark);
                    let (recipient, why) = (recipient.clone(), Box::new(refusal));
                    return Outcome::NotComposedAll { recipient, why };
                }
            }
        }
        self.place = 0;
        Outcome::ComposedAll { sent, stored: self.now }
    }

    fn mark(&self) -> Mark {
        Mark {
            changes: self.plan.undo.len(),
            keys: self.index.keys.changes(),
            operations: self.operations.len(),
            kept: self.plan.kept.len(),
            registered: self.plan.registered.len(),
        }
    }

    /// Takes back what was planned since, the numbers apart that were given out.
    fn take_back(&mut self, mark: &Mark) {
        self.index.undo(self.plan.undo.drain(mark.changes..));
        self.index.keys.undo_to(mark.keys);
        self.operations.truncate(mark.operations);
        self.plan.kept.truncate(mark.kept);
        self.plan.registered.truncate(mark.registered);
        self.place = 0;
    }

    /// A page ends where its texts have many bytes, which only the job sees: it gets as many
    /// messages as a page can have.
    pub(super) fn peek(
        &mut self,
        account: AccountId,
        after: Option<MessageId>,
        count: usize,
    ) -> Draft {
        let damages = &self.index.damages;
        let mailbox = &self.index.account(account).mailbox;
        let is_sound =
            |(sequence, _): &(u64, bool)| !damages.contains("message", damage::key(*sequence));
        let mut rest = mailbox.after(after.map(|after| after.0)).filter(is_sound);
        let mut peek = Peek::default();
        let mut sequences = Vec::new();
        for (place, (sequence, is_leased)) in rest.by_ref().take(count.min(PEEK_MAX)).enumerate() {
            peek.leased |= u64::from(is_leased) << place;
            sequences.push(sequence);
        }
        (peek.count, peek.has_more) = (sequences.len(), rest.next().is_some());
        drop(rest);
        match self.operations.push_numbers(sequences.into_iter(), Operation::ReadMessages) {
            0 => Draft::Complete(Outcome::Peeked(Peeked::default())),
            _ => Draft::Peek(peek),
        }
    }
}
