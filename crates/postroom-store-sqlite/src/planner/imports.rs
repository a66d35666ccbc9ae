//! Planning an account that comes with what it had elsewhere.

use std::collections::{HashMap, HashSet};

use postroom_model::{Fault, Full, Name, faulty};
use postroom_store::{AccountId, BLOCKED_IN_ALL_MAX, BLOCKED_MAX, Import, Outcome, Sender};

use super::Planner;
use crate::allowed::Allowed;
use crate::expiry::Kind;
use crate::index::Undo;
use crate::operation::{Operation, place};
use crate::state::State;

impl Planner<'_> {
    pub(super) fn import(&mut self, name: &Name, import: &Import) -> Outcome {
        if let Some(refusal) = self.refuses_import(name, import) {
            return refusal;
        }
        let account = match self.known_or_registered(None, name, 1) {
            Ok((account, _)) => account,
            Err(refusal) => return refusal,
        };
        self.give_password(account, &import.password);
        self.import_blocks(account, import);
        self.import_messages(account, import);
        Outcome::Imported { name: self.index.account(account).name.clone() }
    }

    /// Why nothing is imported, if so; where it is refused later, nothing has changed either.
    fn refuses_import(&self, name: &Name, import: &Import) -> Option<Outcome> {
        if self.allowed != Allowed::Everything {
            return Some(Outcome::DiskFull);
        }
        if let Some(known) = self.index.find(name) {
            return Some(Outcome::AccountExists { name: self.index.account(known).name.clone() });
        }
        if self.index.reserved_for(name).is_some() {
            return Some(Outcome::NameReserved);
        }
        let capacity = self.limits.mailbox_capacity;
        if import.messages.len() > capacity as usize {
            let (recipient, full) = (name.clone(), Full::Mailbox);
            return Some(Outcome::MailboxFull { recipient, capacity, full });
        }
        let blocked: HashSet<_> = import.blocked.iter().collect();
        let in_all = self.index.blocks().count() as usize + blocked.len();
        if blocked.len() > BLOCKED_MAX as usize || in_all > BLOCKED_IN_ALL_MAX as usize {
            return Some(Outcome::TooManyBlocked);
        }
        let senders = import.messages.iter().map(|message| &message.sender);
        let strangers: HashSet<_> =
            senders.filter(|of| !of.is_web() && *of != name && self.author(of).is_none()).collect();
        let most =
            (self.limits.accounts_max as usize).saturating_sub(self.index.accounts() as usize + 1);
        let has_place = strangers.is_empty() || strangers.len() <= most;
        (!has_place).then_some(Outcome::TooManyAccounts)
    }

    /// The account that has, or had, a name.
    fn author(&self, name: &Name) -> Option<AccountId> {
        self.index.find(name).or_else(|| self.index.reserved_for(name))
    }

    fn import_blocks(&mut self, account: AccountId, import: &Import) {
        for (at, sender) in import.blocked.iter().enumerate() {
            if self.index.blocks().contains(account, sender) {
                continue;
            }
            let number = self.index.blocks().next_number();
            self.index.block(account, sender.clone(), number);
            self.plan.undo.push(Undo::Block(account, sender.clone()));
            let (call, place) = (self.call, place(at));
            self.operations.push(Operation::ImportBlock { number, account, call, place });
        }
    }

    fn import_messages(&mut self, recipient: AccountId, import: &Import) {
        let mut strangers = HashMap::<&Name, AccountId>::new();
        for (at, message) in import.messages.iter().enumerate() {
            let (call, place) = (self.call, place(at));
            let known = self.author(&message.sender);
            let known = known.or_else(|| strangers.get(&message.sender).copied());
            let sender = match known {
                _ if message.sender.is_web() => Sender::Web,
                Some(known) => Sender::Account(known),
                None => {
                    let account = self.add_stranger(&message.sender);
                    self.operations.push(Operation::InsertStranger { account, call, place });
                    strangers.insert(&message.sender, account);
                    Sender::Account(account)
                }
            };
            let sequence = self.index.next_sequence();
            self.index.account_mut(recipient).mailbox.append(sequence);
            self.index.expiry.note(Kind::Message, sequence, message.stored.min(self.now));
            if let Some(senders) = &mut self.index.senders {
                senders.add(sequence, recipient, sender);
            }
            self.plan.undo.push(Undo::Append(recipient));
            self.name_in_record(recipient);
            if let Some(sender) = sender.account() {
                self.name_in_record(sender);
            }
            let message = Operation::ImportMessage { sequence, recipient, sender, call, place };
            if !faulty(Fault::ImportTorn) || at + 1 < import.messages.len() {
                self.operations.push(message);
            }
        }
    }

    /// Adds what a deleted account leaves behind while messages name it.
    fn add_stranger(&mut self, name: &Name) -> AccountId {
        self.index.skip_reserved();
        let account = self.index.register_deleted(name.clone(), State::Released);
        self.plan.undo.push(Undo::Register);
        account
    }
}
