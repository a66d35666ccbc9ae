//! What a store in memory holds, and what each call does to it: as plainly as it can
//! be written.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use postroom_model::{
    Author, Fault, Full, ManageRefusal, MessageId, Name, Post, PostDeletionRefusal, PostId,
    PostRefusal, Text, Unknown, faulty,
};

use crate::{
    AccountId, Admits, BanSubject, Call, Key, Lease, Limits, Outcome, PasswordHash, RetentionClock,
    Sender, Standing, StoreUsage, Timestamp,
};

use super::bans::Bans;
use super::channels::Channels;
use super::kept_message::Kept;
use super::keys::{KeyUse, Keyed};
use super::private_channel::Private;
use super::session::{Attendance, Session};

/// What is kept when the store is dropped.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) accounts: Vec<Account>,
    pub(super) channels: Channels,
    /// Whom accounts have blocked.
    pub(super) blocked: Vec<(AccountId, Name)>,
    pub(super) bans: Bans,
    /// In the order in which they were used.
    pub(super) keys: Vec<KeyUse>,
    /// Channels that are private.
    pub(super) private: Vec<Private>,
    pub(super) last_sequence: u64,
    /// By which messages and posts grow old, once there was a sweep.
    pub(super) clock: Option<RetentionClock>,
}

#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) name: Name,
    pub(super) password: Option<PasswordHash>,
    /// What it has written may still name it.
    pub(super) is_deleted: bool,
    /// It was deleted, and nobody may register its name.
    pub(super) is_reserved: bool,
    /// Unread messages by sequence number.
    pub(super) mailbox: BTreeMap<u64, Message>,
    /// What it has read and sent, by sequence number.
    pub(super) kept: BTreeMap<u64, Kept>,
}

impl Account {
    pub(super) fn new(name: Name) -> Self {
        let (password, mailbox, kept) = (None, BTreeMap::new(), BTreeMap::new());
        Self { name, password, is_deleted: false, is_reserved: false, mailbox, kept }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) sender: Sender,
    pub(super) text: Text,
    pub(super) stored: Timestamp,
}

/// What a call may create, and for whom.
#[derive(Clone, Copy)]
pub(super) struct Creator<'a> {
    pub(super) session: &'a Session,
    pub(super) may_create: u32,
    pub(super) limits: Limits,
}

impl Books {
    pub(super) fn usage(&self, limits: Limits) -> StoreUsage {
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        StoreUsage {
            accounts: number(self.accounts.len()),
            accounts_max: limits.accounts_max,
            channels: number(self.channels.hashtags()),
            channels_max: limits.channels_max,
            unread: self.accounts.iter().map(|account| account.mailbox.len() as u64).sum(),
            log_bytes: 0,
            disk_reserve_bytes: limits.disk_reserve_bytes,
        }
    }

    pub(super) fn is_locked(&self, name: &Name) -> bool {
        self.find(name).is_some_and(|id| self.account(id).password.is_some())
    }

    /// All texts, each with the mailbox or the channel that it is in.
    pub(super) fn texts(&self) -> Vec<(String, String)> {
        let place =
            |place: &dyn fmt::Display, text: &Text| (place.to_string(), text.as_str().to_owned());
        let unread = self.accounts.iter().flat_map(|account| {
            account.mailbox.values().map(move |message| place(&account.name, &message.text))
        });
        let said = self.channels.texts().map(|(channel, text)| place(channel, text));
        unread.chain(said).collect()
    }

    pub(super) fn is_known(&self, name: &Name) -> bool {
        self.find(name).is_some()
    }

    pub(super) fn name(&self, account: AccountId) -> &Name {
        &self.account(account).name
    }

    pub(super) fn sender_name(&self, sender: Sender) -> Name {
        match sender {
            Sender::Account(account) => self.name(account).clone(),
            Sender::Web => Name::web(),
        }
    }

    /// Does what a call asks for. On a full disk nothing is stored.
    pub(super) fn act(
        &mut self,
        session: &mut Session,
        call: Call,
        limits: Limits,
        now: Timestamp,
        is_full: bool,
    ) -> Outcome {
        if is_full && is_refused_where_full(&call) {
            return Outcome::DiskFull;
        }
        match call {
            Call::Open { name, key, admits, may_create } => {
                let creator = Creator { session, may_create, limits };
                self.open(&name, key, admits, creator, is_full)
            }
            Call::Claim { .. }
            | Call::MayClaim { .. }
            | Call::Release { .. }
            | Call::ListPresent => self.attend(session, call),
            Call::CountUnread { account } => Outcome::Unread(self.unread(account)),
            Call::Compose { sender, recipient, text, unknown, may_create } => {
                let message = Message { sender, text, stored: now };
                let creator = Creator { session, may_create, limits };
                self.append(&recipient, message, unknown, creator)
            }
            Call::ComposeAll { sender, recipients, text, unknown, may_create } => {
                let message = Message { sender, text, stored: now };
                let creator = Creator { session, may_create, limits };
                self.append_all(&recipients, &message, unknown, creator)
            }
            Call::Once { account, fingerprint, call } => {
                let keyed = Keyed { account, fingerprint, call: *call };
                self.once(session, keyed, limits, now, is_full)
            }
            Call::Peek { account, after, count } => {
                Outcome::Peeked(self.peek(session, account, after, count))
            }
            Call::Read { .. } if is_full && faulty(Fault::FullDiskStopsReads) => {
                Outcome::NothingUnread
            }
            Call::Read { account } => self.lease(session, account),
            Call::Confirm { leases } if is_full => give_back(session, &leases),
            Call::Confirm { leases } => {
                self.remove_read(&leases, limits);
                give_back(session, &leases);
                Outcome::Confirmed
            }
            Call::Return { leases } => give_back(session, &leases),
            Call::ManageChannel { .. } if is_full => {
                Outcome::ChannelNotManaged(ManageRefusal::DiskFull)
            }
            Call::Post { .. } if is_full => Outcome::NotPosted(PostRefusal::DiskFull),
            Call::DeletePost { author, id } => self.delete_post(author, id, is_full),
            Call::Post { .. }
            | Call::ManageChannel { .. }
            | Call::Latest { .. }
            | Call::Timeline { .. }
            | Call::DeleteChannel { .. }
            | Call::ListChannels { .. } => self.converse(session, call, limits, now),
            Call::Sweep { passed_ms } => self.sweep(session, limits, now, passed_ms),
            Call::Delete { name } => self.delete(&name),
            Call::ReleaseName { name } => self.release_name(&name),
            Call::SetPassword { name, password, of } => {
                let creator = Creator { session, may_create: 1, limits };
                self.set_password(&name, password, of, creator)
            }
            Call::Import { name, import } => self.import(session, &name, &import, limits, now),
            Call::RemovePassword { name } => self.remove_password(&name),
            Call::Rename { from, to } => self.rename(&from, &to, limits),
            Call::ListAccounts { from } => self.summaries(from),
            Call::Ban { subject, lasts } => self.ban(subject, lasts, limits, now),
            Call::Unban { subject } => self.bans.unban(&subject, now),
            Call::Password { account } => {
                let Account { name, password, .. } = self.account(account);
                Outcome::Password { name: name.clone(), password: password.clone() }
            }
            Call::ChangePassword { account, from, to } => self.change_password(account, &from, to),
            Call::Block { account, sender, is_blocked } => match self.resolve(account) {
                Some(account) => self.block(account, sender, is_blocked),
                None => Outcome::NoSuchAccount,
            },
            Call::ListBlocked { account } => match self.resolve(account) {
                Some(account) => {
                    let of = self.blocked.iter().filter(|(of, _)| *of == account);
                    Outcome::BlockedNames(of.map(|(_, sender)| sender.clone()).collect())
                }
                None => Outcome::NoSuchAccount,
            },
        }
    }

    /// Answers a call about who is present.
    fn attend(&self, session: &mut Session, call: Call) -> Outcome {
        match call {
            Call::Claim { account, kind } => {
                let Account { name, password, .. } = self.account(account);
                session.claim(account, kind, password.is_some(), name.clone())
            }
            Call::MayClaim { account, kind } => {
                let has_password = self.account(account).password.is_some();
                if session.may_claim(account, kind, has_password) {
                    Outcome::MayClaim
                } else {
                    Outcome::PresentAlready
                }
            }
            Call::Release { presence } => {
                session.release(&presence, self.name(presence.account()).clone())
            }
            _ => {
                let name = |present: &Attendance| self.name(present.account).clone();
                Outcome::Present(session.present.iter().map(name).collect())
            }
        }
    }

    fn delete_post(&mut self, author: AccountId, id: PostId, is_full: bool) -> Outcome {
        let Account { name, password, .. } = self.account(author);
        if password.is_none() {
            return Outcome::PostNotDeleted(PostDeletionRefusal::HasNoPassword);
        }
        if is_full {
            return Outcome::PostNotDeleted(PostDeletionRefusal::DiskFull);
        }
        let author = name.clone();
        self.channels.delete_post(&author, id)
    }

    fn change_password(
        &mut self,
        account: AccountId,
        from: &PasswordHash,
        to: PasswordHash,
    ) -> Outcome {
        let Account { name, password, .. } = self.account_mut(account);
        if password.as_ref() != Some(from) && !faulty(Fault::ChangeOverwrites) {
            return Outcome::PasswordDiffers;
        }
        *password = Some(to);
        Outcome::PasswordSet { name: name.clone(), before: Some(Standing::Password) }
    }

    fn ban(
        &mut self,
        subject: BanSubject,
        lasts: Option<Duration>,
        limits: Limits,
        now: Timestamp,
    ) -> Outcome {
        let account = match &subject {
            BanSubject::Name(name) => self.find(name),
            BanSubject::Addresses(_) => None,
        };
        let until = lasts.map(|lasts| now.after(lasts));
        self.bans.ban(subject, account, until, limits.bans_max, now)
    }

    /// Whether an unknown name looks like that of an account.
    fn looks_alike(&self, name: &Name) -> bool {
        let mut taken =
            self.accounts.iter().filter(|account| !account.is_deleted || account.is_reserved);
        let looks_alike = taken.any(|other| other.name.skeleton() == name.skeleton());
        name.has_non_ascii() && looks_alike && !self.is_reserved(name)
    }

    pub(super) fn has_blocked(&self, account: AccountId, sender: &Name) -> bool {
        self.blocked.iter().any(|(of, blocked)| *of == account && blocked == sender)
    }

    pub(super) fn find(&self, name: &Name) -> Option<AccountId> {
        let mut place = self.accounts.iter();
        let place = place.position(|account| account.name == *name && !account.is_deleted)?;
        Some(AccountId(u32::try_from(place).unwrap_or(u32::MAX)))
    }

    pub(super) fn account(&self, id: AccountId) -> &Account {
        &self.accounts[id.0 as usize]
    }

    pub(super) fn account_mut(&mut self, id: AccountId) -> &mut Account {
        &mut self.accounts[id.0 as usize]
    }

    pub(super) fn unread(&self, id: AccountId) -> u32 {
        u32::try_from(self.account(id).mailbox.len()).unwrap_or(u32::MAX)
    }

    /// The account of a name, and whether this registered it; or why it could not.
    pub(super) fn find_or_register(
        &mut self,
        name: &Name,
        Creator { session, may_create, limits }: Creator<'_>,
    ) -> Result<(AccountId, bool), Outcome> {
        if let Some(known) = self.find(name) {
            return Ok((known, false));
        }
        if self.is_reserved(name) && !faulty(Fault::ReservedRegistered) {
            return Err(Outcome::NameReserved);
        }
        if may_create == 0 {
            return Err(Outcome::MayNotCreate);
        }
        let mut account = Account::new(name.clone());
        let mut namesakes = self.accounts.iter_mut().filter(|other| other.name == *name);
        if let Some(namesake) = namesakes.next().filter(|_| faulty(Fault::MailboxInherited)) {
            account.mailbox = std::mem::take(&mut namesake.mailbox);
        }
        let is_free = self.accounts.len() < limits.accounts_max as usize;
        if is_free {
            self.accounts.push(account);
        } else {
            let mut ids = (0..).map(AccountId).take(self.accounts.len());
            let unused = ids.find(|id| self.is_unused(session, *id));
            let unused = unused.ok_or(Outcome::TooManyAccounts)?;
            self.forget_keys(unused);
            *self.account_mut(unused) = account;
        }
        self.find(name).map(|id| (id, true)).ok_or(Outcome::TooManyAccounts)
    }

    /// Whether an account may be evicted.
    fn is_unused(&self, session: &Session, id: AccountId) -> bool {
        let Account { name, password, is_reserved, mailbox, .. } = self.account(id);
        let mut used = session.sessions.iter().chain(&session.opened);
        let is_used = used.any(|used| *used == id) || session.is_present(id);
        let mut messages = self.accounts.iter().flat_map(|account| account.mailbox.values());
        let author = |(_, post): (_, &Post)| match &post.author {
            Author::Account(author) => author == name,
            Author::Board | Author::Web => false,
        };
        password.is_none()
            && !*is_reserved
            && mailbox.is_empty()
            && !is_used
            && !self.blocked.iter().any(|(of, _)| *of == id)
            && !self.is_in_private(id)
            && !messages.any(|message| message.sender == Sender::Account(id))
            && !self.is_named_in_kept(id)
            && !self.channels.posts().any(author)
    }

    fn open(
        &mut self,
        name: &Name,
        key: Key,
        admits: Admits,
        creator: Creator<'_>,
        is_full: bool,
    ) -> Outcome {
        let is_known = self.is_known(name);
        let admits = if is_known { admits.without_password } else { admits.unknown };
        if !admits && key != Key::Trusted && !self.is_locked(name) {
            return Outcome::NotAdmitted { is_known };
        }
        if is_full && !is_known {
            return Outcome::DiskFull;
        }
        if !is_known && key != Key::Trusted && self.looks_alike(name) {
            return Outcome::LooksAlike;
        }
        let (id, registered) = match self.find_or_register(name, creator) {
            Ok(found) => found,
            Err(refusal) => return refusal,
        };
        let (name, unread) = (self.name(id).clone(), self.unread(id));
        match (&mut self.account_mut(id).password, key) {
            (new, Key::New(password)) if registered => *new = Some(password),
            (Some(password), key) if !key.fits(password) => {
                return Outcome::Locked { password: password.clone() };
            }
            _ => {}
        }
        Outcome::Opened { account: id, name, registered, unread }
    }

    pub(super) fn append(
        &mut self,
        recipient: &Name,
        message: Message,
        unknown: Unknown,
        creator: Creator<'_>,
    ) -> Outcome {
        if unknown == Unknown::Refuse && self.find(recipient).is_none() {
            return Outcome::UnknownRecipient;
        }
        if !self.is_known(recipient) && self.looks_alike(recipient) {
            return Outcome::LooksAlike;
        }
        let (id, registered) = match self.find_or_register(recipient, creator) {
            Ok(found) => found,
            Err(refusal) => return refusal,
        };
        let name = self.name(id).clone();
        let limits = creator.limits;
        let capacity = limits.mailbox_capacity;
        let of_sender = |other: &&Message| other.sender == message.sender;
        let share = limits.mailbox_share().map_or(usize::MAX, |share| share as usize);
        let is_share_used = self.account(id).mailbox.values().filter(of_sender).count() >= share;
        let is_blocked =
            self.has_blocked(id, &self.sender_name(message.sender)) && !faulty(Fault::BlockIgnored);
        let full = match (self.unread(id) >= capacity, is_share_used, is_blocked) {
            (true, _, _) => Some(Full::Mailbox),
            (_, true, _) => Some(Full::Share),
            (_, _, true) => Some(Full::Blocked),
            _ => None,
        };
        let refused =
            full.map(|full| Outcome::MailboxFull { recipient: name.clone(), capacity, full });
        if !faulty(Fault::RefusedAndStored)
            && let Some(refused) = refused
        {
            return refused;
        }
        self.last_sequence += 1;
        let (sequence, stored) = (self.last_sequence, message.stored);
        self.keep_sent(id, sequence, &message, limits);
        self.account_mut(id).mailbox.insert(sequence, message);
        let composed =
            Outcome::Composed { id: MessageId(sequence), stored, recipient: id, name, registered };
        refused.unwrap_or(composed)
    }

    fn lease(&self, session: &mut Session, id: AccountId) -> Outcome {
        let mut waiting = self
            .account(id)
            .mailbox
            .iter()
            .filter(|(sequence, _)| !session.leased.contains(&(id, **sequence)));
        let last = if faulty(Fault::ReadOutOfOrder) { waiting.next_back() } else { None };
        let Some((sequence, Message { sender, text, stored })) = last.or_else(|| waiting.next())
        else {
            return Outcome::NothingUnread;
        };
        let remaining = u32::try_from(waiting.count()).unwrap_or(u32::MAX);
        if !faulty(Fault::LeasedTwice) {
            session.leased.insert((id, *sequence));
        }
        let (sender, text) = (self.sender_name(*sender), text.clone());
        let (lease, stored) = (Lease::new(id, *sequence, *stored), *stored);
        Outcome::Read { lease, stored, sender, text, remaining }
    }
}

/// Ends leases: what is still in its mailbox waits again, in its old place.
fn give_back(session: &mut Session, leases: &[Lease]) -> Outcome {
    for lease in leases {
        session.leased.remove(&(lease.account(), lease.sequence()));
    }
    Outcome::Returned { account: leases.first().map(Lease::account) }
}

/// Whether a full disk refuses a call in the same words as most others.
fn is_refused_where_full(call: &Call) -> bool {
    matches!(
        call,
        Call::Compose { .. }
            | Call::ComposeAll { .. }
            | Call::SetPassword { .. }
            | Call::ChangePassword { .. }
            | Call::Block { .. }
            | Call::RemovePassword { .. }
            | Call::Rename { .. }
            | Call::Delete { .. }
            | Call::DeleteChannel { .. }
            | Call::Sweep { .. }
            | Call::ReleaseName { .. }
            | Call::Ban { .. }
            | Call::Unban { .. }
            | Call::Import { .. }
    )
}
