//! Accounts that come with what they had elsewhere, in a store in memory.

use std::collections::BTreeSet;

use postroom_model::{Fault, Full, Name, faulty};

use crate::{AccountId, BLOCKED_MAX, Import, ImportedMessage, Limits, Outcome, Sender, Timestamp};

use super::books::{Account, Books, Creator, Message};
use super::session::Session;

impl Books {
    pub(super) fn import(
        &mut self,
        session: &Session,
        name: &Name,
        import: &Import,
        limits: Limits,
        now: Timestamp,
    ) -> Outcome {
        if let Some(known) = self.find(name) {
            if faulty(Fault::RefusedImportStored) {
                self.import_messages(known, import, now);
            }
            return Outcome::AccountExists { name: self.name(known).clone() };
        }
        if self.is_reserved(name) {
            return Outcome::NameReserved;
        }
        let capacity = limits.mailbox_capacity;
        if import.messages.len() > capacity as usize {
            let (recipient, full) = (name.clone(), Full::Mailbox);
            return Outcome::MailboxFull { recipient, capacity, full };
        }
        let blocked: BTreeSet<_> = import.blocked.iter().map(Name::folded).collect();
        if blocked.len() > BLOCKED_MAX as usize {
            return Outcome::TooManyBlocked;
        }
        let senders = import.messages.iter().map(|message| &message.sender);
        let unknown: BTreeSet<_> = senders
            .filter(|sender| !sender.is_web() && *sender != name && self.find(sender).is_none())
            .filter(|sender| !self.is_reserved(sender))
            .map(Name::folded)
            .collect();
        let most = (limits.accounts_max as usize).saturating_sub(self.accounts.len() + 1);
        if !unknown.is_empty() && unknown.len() > most {
            return Outcome::TooManyAccounts;
        }
        let creator = Creator { session, may_create: 1, limits };
        let id = match self.find_or_register(name, creator) {
            Ok((id, _)) => id,
            Err(refusal) => return refusal,
        };
        self.account_mut(id).password = Some(import.password.clone());
        for sender in import.blocked.iter().filter(|_| !faulty(Fault::ImportUnblocks)) {
            self.block(id, sender.clone(), true);
        }
        self.import_messages(id, import, now);
        Outcome::Imported { name: self.name(id).clone() }
    }

    fn import_messages(&mut self, id: AccountId, import: &Import, now: Timestamp) {
        let mut messages: Vec<&ImportedMessage> = import.messages.iter().collect();
        if faulty(Fault::ImportReordered) {
            messages.reverse();
        }
        let mut strangers = Vec::<AccountId>::new();
        for ImportedMessage { sender, stored, text } in messages {
            let reserved = || {
                self.accounts.iter().position(|other| other.is_reserved && other.name == *sender)
            };
            let reserved = || reserved().map(|at| AccountId(u32::try_from(at).unwrap_or(u32::MAX)));
            let stranger = || strangers.iter().copied().find(|id| self.name(*id) == sender);
            let known = self.find(sender).or_else(reserved).or_else(stranger);
            let known = known.map(Sender::Account);
            let known = if sender.is_web() { Some(Sender::Web) } else { known };
            let sender = known.unwrap_or_else(|| {
                let is_deleted = !faulty(Fault::SenderRegistered);
                let deleted = Account { is_deleted, ..Account::new(sender.clone()) };
                self.accounts.push(deleted);
                let id = AccountId(u32::try_from(self.accounts.len() - 1).unwrap_or(u32::MAX));
                strangers.push(id);
                id.into()
            });
            self.last_sequence += 1;
            let (sequence, stored) = (self.last_sequence, now.min(*stored));
            let message = Message { sender, text: text.clone(), stored };
            self.account_mut(id).mailbox.insert(sequence, message);
        }
    }
}
