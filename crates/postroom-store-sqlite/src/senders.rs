//! How many of the messages in a mailbox are of each sender. Kept only where a sender
//! may not fill a mailbox alone.

use std::collections::HashMap;

use postroom_store::{AccountId, Sender};

/// The senders of all messages in mailboxes, those handed out included.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Senders {
    /// By sequence number.
    of: HashMap<u64, Sender>,
    /// By recipient and sender.
    counts: HashMap<(AccountId, Sender), u32>,
}

impl Senders {
    /// Messages of a sender in a mailbox.
    pub(crate) fn count(&self, recipient: AccountId, sender: Sender) -> u32 {
        self.counts.get(&(recipient, sender)).copied().unwrap_or(0)
    }

    /// A message has come into a mailbox.
    pub(crate) fn add(&mut self, sequence: u64, recipient: AccountId, sender: Sender) {
        self.of.insert(sequence, sender);
        *self.counts.entry((recipient, sender)).or_default() += 1;
    }

    /// A message has left a mailbox; returns whose it was.
    pub(crate) fn remove(&mut self, sequence: u64, recipient: AccountId) -> Option<Sender> {
        let sender = self.of.remove(&sequence)?;
        let count = self.counts.get_mut(&(recipient, sender))?;
        *count -= 1;
        if *count == 0 {
            self.counts.remove(&(recipient, sender));
        }
        Some(sender)
    }
}
