//! Planning a group: what its calls change in memory, what they will have come to, and
//! what is to be written and read. It waits for nothing.

mod accounts;
mod bans;
mod expiry;
mod imports;
mod kept;
mod messages;
mod once;
mod posts;
mod private;

use postroom_model::{Fault, Full, MessageId, Name, Unknown, faulty};
use postroom_store::{
    AccountId, Admits, Call, Key, Lease, Limits, Outcome, PasswordHash, Sender, Ticket, Timestamp,
};

use crate::allowed::Allowed;
use crate::damage;
use crate::draft::Draft;
use crate::expiry::Kind;
use crate::group::Group;
use crate::index::{Index, Undo};
use crate::kept::Noted;
use crate::operation::{Operation, Operations, place};
use crate::plan::Plan;
use crate::state::State;
use crate::sweep::Sweep;

/// Plans one group.
#[derive(Debug)]
pub(crate) struct Planner<'a> {
    index: &'a mut Index,
    plan: &'a mut Plan,
    operations: &'a mut Operations,
    limits: Limits,
    allowed: Allowed,
    now: Timestamp,
    /// An account of before the group is evicted or deleted by it.
    has_evicted: bool,
    /// The group has a [`Call::Sweep`].
    is_sweeping: bool,
    /// The place of the call that is being planned.
    call: u32,
    /// The place of the recipient in it that is written to.
    place: u32,
}

/// Plans a group and a step of the sweep.
///
/// The changes of the index run ahead of the commit, so that the group sees its own:
/// the plan takes them back if it is not committed.
pub(crate) fn plan(
    group: &mut Group,
    index: &mut Index,
    plan: &mut Plan,
    sweep: &Sweep,
    limits: Limits,
) {
    plan.clear();
    let Group { calls, operations, allowed, accounts, now } = group;
    operations.clear();
    let mut planner = Planner {
        index,
        plan,
        operations,
        limits,
        allowed: *allowed,
        now: *now,
        has_evicted: false,
        is_sweeping: false,
        call: 0,
        place: 0,
    };
    planner.calls(calls);
    planner.sweep(sweep);
    *accounts = planner.index.len();
}

impl Planner<'_> {
    fn calls(&mut self, calls: &[(Ticket, Call)]) {
        let mut recipients = std::mem::take(&mut self.plan.recipients);
        self.find_recipients(calls, &mut recipients);
        for (number, ((_, call), known)) in calls.iter().zip(recipients.drain(..)).enumerate() {
            self.call = place(number);
            let draft = self.call(call, known);
            self.plan.drafts.push(draft);
        }
        self.plan.recipients = recipients;
    }

    /// Looks all recipients up at once: most of that is waiting for memory, and
    /// the processor waits for several at the same time if nothing else is done
    /// in between.
    fn find_recipients(&self, calls: &[(Ticket, Call)], found: &mut Vec<Option<AccountId>>) {
        found.extend(calls.iter().map(|(_, call)| match call {
            Call::Compose { recipient, .. } => self.index.find(recipient),
            _ => None,
        }));
    }

    fn sweep(&mut self, sweep: &Sweep) {
        match self.allowed {
            Allowed::Everything | Allowed::NoMessages => {
                let (removals, last) = (self.plan.removed.len(), self.index.last_sequence());
                let damages = &self.index.damages;
                self.plan.step = sweep.plan(removals, last, damages, self.operations);
                self.plan.trimmed = self.trim();
                self.delete_ended_keys();
                self.plan.due_given_up = self.give_up_due();
            }
            Allowed::NoSweep | Allowed::Nothing => {}
        }
    }

    fn call(&mut self, call: &Call, known: Option<AccountId>) -> Draft {
        Draft::Complete(match call {
            Call::Open { name, key, admits, may_create } => {
                self.open(name, key, *admits, *may_create)
            }
            Call::Post { author, post, may_create } => self.post(*author, post, *may_create),
            Call::DeletePost { author, id } => return self.delete_post(*author, *id),
            Call::Latest { channel, reader } => return self.latest(channel, *reader),
            Call::Timeline { channel, reader, from } => {
                return self.timeline(channel, *from, *reader);
            }
            Call::ManageChannel { account, channel, command, may_create } => {
                self.manage_channel(*account, channel, command, *may_create)
            }
            Call::Compose { sender, recipient, unknown, may_create, .. } => {
                // Perhaps registered by this very group, or evicted.
                let known = match known {
                    Some(known) if !self.has_evicted => Some(known),
                    _ => self.index.find(recipient),
                };
                if known.is_none() && *unknown == Unknown::Refuse {
                    Outcome::UnknownRecipient
                } else {
                    self.compose(*sender, recipient, known, *may_create)
                }
            }
            Call::ComposeAll { sender, recipients, unknown, may_create, .. } => {
                self.compose_all(*sender, recipients, *unknown, *may_create)
            }
            Call::Once { account, fingerprint, call } => self.once(*account, *fingerprint, call),
            Call::Peek { account, after, count } => return self.peek(*account, *after, *count),
            Call::Read { account } => return self.read(*account),
            Call::Confirm { leases } => self.confirm(leases),
            Call::Return { leases } => self.give_back(leases),
            Call::Password { account } => {
                let known = self.index.account(*account);
                let (name, password) = (known.name.clone(), known.password.clone());
                Outcome::Password { name, password }
            }
            Call::ChangePassword { account, from, to } => self.change_password(*account, from, to),
            Call::Delete { name } => self.delete(name),
            Call::ReleaseName { name } => self.release_name(name),
            Call::Import { name, import } => self.import(name, import),
            Call::SetPassword { name, password, of } => self.set_password(name, password, *of),
            Call::RemovePassword { name } => self.remove_password(name),
            Call::Rename { from, to } => self.rename(from, to),
            Call::Block { account, sender, is_blocked } => self.block(account, sender, *is_blocked),
            Call::ListBlocked { account } => self.index.list_blocked(account),
            Call::ListAccounts { from } => self.index.summaries(*from),
            Call::DeleteChannel { channel } => self.delete_channel(channel),
            Call::ListChannels { after } => self.index.channels.list(after.as_ref()),
            Call::Ban { subject, lasts } => self.ban(subject, *lasts),
            Call::Unban { subject } => self.unban(subject),
            Call::Sweep { passed_ms } => self.begin_sweep(*passed_ms),
            Call::Claim { .. }
            | Call::MayClaim { .. }
            | Call::Release { .. }
            | Call::ListPresent
            | Call::CountUnread { .. } => unreachable!("{call:?} is answered from memory"),
        })
    }

    fn open(&mut self, name: &Name, key: &Key, admits: Admits, may_create: u32) -> Outcome {
        let known = self.index.find(name);
        if !self.index.admits(known, key, admits) {
            return Outcome::NotAdmitted { is_known: known.is_some() };
        }
        if known.is_none() && *key != Key::Trusted && self.index.looks_alike(name) {
            return Outcome::LooksAlike;
        }
        let (account, registered) = match self.known_or_registered(known, name, may_create) {
            Ok(found) => found,
            Err(refusal) => return refusal,
        };
        let unread = self.index.account(account).mailbox.unread();
        match key {
            Key::New(password) if registered => {
                self.give_password(account, password);
                let name = self.index.account(account).name.clone();
                Outcome::Opened { account, name, registered, unread }
            }
            key => self.index.open(account, key, registered, unread),
        }
    }

    fn give_password(&mut self, account: AccountId, password: &PasswordHash) {
        if !faulty(Fault::PasswordNotStored) {
            self.operations.push(Operation::SetPassword { account, call: self.call });
        }
        let earlier = self.index.account(account).password.clone();
        self.index.set_password(account, Some(password.clone()));
        self.plan.undo.push(Undo::SetPassword(account, earlier));
    }

    fn compose(
        &mut self,
        sender: Sender,
        recipient: &Name,
        known: Option<AccountId>,
        may_create: u32,
    ) -> Outcome {
        if self.allowed != Allowed::Everything {
            return Outcome::DiskFull;
        }
        if known.is_none() && self.index.looks_alike(recipient) {
            return Outcome::LooksAlike;
        }
        let (account, registered) = match self.known_or_registered(known, recipient, may_create) {
            Ok(found) => found,
            Err(refusal) => return refusal,
        };
        let capacity = self.limits.mailbox_capacity;
        let most = capacity + u32::from(faulty(Fault::CapacityExceeded));
        let found = self.index.account_mut(account);
        let name = found.name.clone();
        let full = if found.mailbox.unread() >= most {
            Some(Full::Mailbox)
        } else if self.has_used_share(account, sender) {
            Some(Full::Share)
        } else {
            self.is_blocked(account, sender).then_some(Full::Blocked)
        };
        if let Some(full) = full {
            return Outcome::MailboxFull { recipient: name, capacity, full };
        }
        let sequence = self.index.next_sequence();
        self.index.expiry.note(Kind::Message, sequence, self.now);
        self.index.account_mut(account).mailbox.append(sequence);
        if let Some(senders) = &mut self.index.senders {
            senders.add(sequence, account, sender);
        }
        self.plan.undo.push(Undo::Append(account));
        self.name_in_record(account);
        if let Some(sender) = sender.account() {
            self.name_in_record(sender);
        }
        let (recipient, call) = (account, self.call);
        let is_kept = self.keep_sent(sequence, recipient, sender);
        let insert = Operation::InsertMessage { sequence, recipient, sender, is_kept, call };
        self.operations.push(insert);
        let (id, stored) = (MessageId(sequence), self.now);
        Outcome::Composed { id, stored, recipient, name, registered }
    }

    /// A message or post of this group names an account.
    fn name_in_record(&mut self, account: AccountId) {
        if self.index.name_in_record(account) {
            self.plan.undo.push(Undo::Named(account));
        }
    }

    /// Whether a sender fills as much of a mailbox as one may.
    fn has_used_share(&self, recipient: AccountId, sender: Sender) -> bool {
        let of_sender = self.index.senders.as_ref().map(|senders| senders.count(recipient, sender));
        of_sender.zip(self.limits.mailbox_share()).is_some_and(|(count, share)| count >= share)
            && !faulty(Fault::ShareIgnored)
    }

    /// Whether a recipient refuses the messages of a sender.
    fn is_blocked(&self, recipient: AccountId, sender: Sender) -> bool {
        match sender {
            Sender::Account(sender) => {
                self.index.blocks().contains(recipient, &self.index.account(sender).name)
            }
            Sender::Web => self.index.blocks().contains(recipient, &Name::web()),
        }
    }

    /// A message has left its mailbox.
    fn uncount(&mut self, recipient: AccountId, sequence: u64) {
        let senders = self.index.senders.as_mut();
        if let Some(sender) = senders.and_then(|senders| senders.remove(sequence, recipient)) {
            self.plan.undo.push(Undo::Uncount { sequence, recipient, sender });
        }
    }

    fn read(&mut self, account: AccountId) -> Draft {
        while let Some(sequence) = self.index.account(account).mailbox.earliest() {
            let is_damaged = self.index.damages.contains("message", damage::key(sequence));
            let mailbox = &mut self.index.account_mut(account).mailbox;
            if is_damaged {
                mailbox.set_aside(sequence);
                self.plan.undo.push(Undo::SetAside(account, sequence));
                self.uncount(account, sequence);
                continue;
            }
            mailbox.lease();
            let remaining = mailbox.waiting();
            self.plan.undo.push(Undo::Lease(account, sequence));
            self.operations.push(Operation::ReadMessage { sequence });
            return Draft::Read { account, sequence, remaining };
        }
        Draft::Complete(Outcome::NothingUnread)
    }

    fn confirm(&mut self, leases: &[Lease]) -> Outcome {
        if self.allowed == Allowed::Nothing {
            return self.give_back(leases);
        }
        for lease in leases {
            let (account, sequence) = (lease.account(), lease.sequence());
            let is_kept = self.keep_received(lease);
            self.remove(account, Noted::new(sequence, is_kept));
        }
        Outcome::Confirmed
    }

    /// Removes a leased message.
    fn remove(&mut self, account: AccountId, noted: Noted) {
        let (message, is_kept) = (noted.sequence(), noted.is_kept());
        self.plan.erases_messages |= self.index.account(account).state != State::Known;
        self.index.account_mut(account).mailbox.confirm(message);
        self.plan.undo.push(Undo::Confirm(account, message));
        self.uncount(account, message);
        if !faulty(Fault::RemovalNotStored) {
            self.operations.push(Operation::InsertRemoval { message, is_kept });
        }
        self.plan.removed.push(noted);
    }

    fn give_back(&mut self, leases: &[Lease]) -> Outcome {
        for lease in leases {
            let (account, sequence) = (lease.account(), lease.sequence());
            if self.index.account(account).state != State::Known && self.allowed != Allowed::Nothing
            {
                // Its account was deleted meanwhile.
                self.remove(account, Noted::new(sequence, false));
                continue;
            }
            self.index.account_mut(account).mailbox.give_back(sequence);
            self.plan.undo.push(Undo::GiveBack(account, sequence));
        }
        Outcome::Returned { account: leases.first().map(Lease::account) }
    }

    /// The account that is known for a name, or else one that this call registers, and
    /// which of the two it is; or why it could not.
    fn known_or_registered(
        &mut self,
        known: Option<AccountId>,
        name: &Name,
        may_create: u32,
    ) -> Result<(AccountId, bool), Outcome> {
        if let Some(account) = known {
            return Ok((account, false));
        }
        if self.index.reserved_for(name).is_some() {
            return Err(Outcome::NameReserved);
        }
        if self.allowed == Allowed::Nothing {
            return Err(Outcome::DiskFull);
        }
        if may_create == 0 {
            return Err(Outcome::MayNotCreate);
        }
        let is_full = self.index.accounts() >= self.limits.accounts_max;
        if is_full && !faulty(Fault::AccountsUnlimited) {
            return self.replace_unused(name).ok_or(Outcome::TooManyAccounts);
        }
        self.index.skip_reserved();
        let account = self.index.register(name.clone());
        self.index.account_mut(account).is_pending = true;
        self.plan.undo.push(Undo::Register);
        self.plan.registered.push(account);
        self.operations.push(Operation::InsertAccount {
            account,
            call: self.call,
            place: self.place,
        });
        Ok((account, true))
    }

    /// Registers an account in the place of an unused one, if there is any.
    fn replace_unused(&mut self, name: &Name) -> Option<(AccountId, bool)> {
        let (account, earlier, state) = self.index.replace_unused(name.clone())?;
        self.has_evicted = true;
        self.forget_keys(account);
        self.plan.undo.push(Undo::Replace(account, earlier, state));
        self.plan.registered.push(account);
        self.operations.push(Operation::RenameAccount {
            account,
            call: self.call,
            place: self.place,
        });
        Some((account, true))
    }
}
