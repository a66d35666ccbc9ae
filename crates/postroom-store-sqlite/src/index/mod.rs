//! What waits where: the part of the store that is kept in memory.
//!
//! The truth is on disk; this is a view of it, rebuilt at start. Its changes run
//! ahead of the commit, so each can be taken back.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use postroom_model::{Channel, ChannelKey, Fault, Name, faulty};
use postroom_store::{AccountId, AccountRef, Admits, Key, Outcome, PasswordHash, Sender, Standing};

use crate::bans::Bans;
use crate::blocks::Blocks;
use crate::channels::{Channels, Private, Said, SetAside};
use crate::damage::Damages;
use crate::expiry::Expiry;
use crate::idle::ChannelId;
use crate::kept::KeptMail;
use crate::keys::Keys;
use crate::mailbox::Mailbox;
use crate::reserved::Reserved;
use crate::senders::Senders;
use crate::skeletons::Skeletons;
use crate::state::State;
use crate::unused::Unused;

/// All accounts, the messages that wait in their mailboxes, and the channels.
#[derive(Debug, Default)]
pub(crate) struct Index {
    accounts: Vec<Account>,
    by_name: HashTable<AccountId>,
    /// The deleted accounts whose names are reserved.
    deleted: HashMap<Name, AccountId>,
    skeletons: Skeletons,
    hasher: RandomState,
    last_sequence: u64,
    /// Unread messages in all mailboxes, as the latest commit has left them.
    pub(crate) unread: u64,
    reserved: Reserved,
    gaps: HashSet<AccountId>,
    unused: Unused,
    pub(crate) channels: Channels,
    blocks: Blocks,
    /// As they are committed.
    pub(crate) bans: Bans,
    /// They take back what a group has changed by themselves.
    pub(crate) keys: Keys,
    pub(crate) expiry: Expiry,
    /// As it is committed.
    pub(crate) kept: KeptMail,
    /// Set if a sender may not fill a mailbox.
    pub(crate) senders: Option<Senders>,
    pub(crate) damages: Damages,
}

#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) name: Name,
    pub(crate) password: Option<PasswordHash>,
    pub(crate) mailbox: Mailbox,
    /// Sessions on this server.
    sessions: u32,
    /// A message or post may name it that is in the table, or was when the store was
    /// opened.
    is_named: bool,
    pub(crate) state: State,
    /// The group under way registers it.
    pub(crate) is_pending: bool,
}

impl Account {
    fn new(name: Name, password: Option<PasswordHash>) -> Self {
        let (mailbox, sessions, state) = (Mailbox::default(), 0, State::Known);
        Self { name, password, mailbox, sessions, is_named: false, state, is_pending: false }
    }

    /// Who can log in to it; `None` where its name may be another account's.
    pub(crate) fn standing(&self) -> Option<Standing> {
        match (self.state, &self.password) {
            (State::Known, None) => Some(Standing::Open),
            (State::Known, Some(_)) => Some(Standing::Password),
            (State::Reserved, _) => Some(Standing::Reserved),
            (State::Released, _) => None,
        }
    }

    /// Whether nobody would miss it. What is unread names its account.
    fn is_unused(&self) -> bool {
        self.password.is_none()
            && self.state != State::Reserved
            && self.sessions == 0
            && (!self.is_named || faulty(Fault::UnreadEvicted))
            && !self.is_pending
    }
}

/// How to take back one change of the index.
#[derive(Debug)]
pub(crate) enum Undo {
    Register,
    /// The account has got another one's place, which had this name.
    Replace(AccountId, Name, State),
    /// The account got another name; this is the one that it had.
    Rename(AccountId, Name),
    /// The account was deleted, or its name released.
    State(AccountId, State),
    /// A message or post names the account, and none did before.
    Named(AccountId),
    Append(AccountId),
    Lease(AccountId, u64),
    SetAside(AccountId, u64),
    GiveBack(AccountId, u64),
    Confirm(AccountId, u64),
    /// A message has left a mailbox, whose senders are counted.
    Uncount {
        sequence: u64,
        recipient: AccountId,
        sender: Sender,
    },
    SetPassword(AccountId, Option<PasswordHash>),
    Block(AccountId, Name),
    /// The block had a row of this number.
    Unblock(AccountId, Name, u64),
    Channel(Channel),
    ReuseChannel(ChannelId),
    EvictChannel(ChannelId, Channel),
    Post(ChannelId, Said),
    SetPostAside(ChannelId, SetAside),
    /// The channel was made private.
    MakePrivate(ChannelId),
    /// The channel was private, in this way.
    MakePublic(ChannelId, Private),
    /// The channel had this key.
    SetKey(ChannelId, Option<ChannelKey>),
    Invite(ChannelId, AccountId),
    /// The invitation had a row of this number.
    Uninvite(ChannelId, AccountId, u64),
}

impl Undo {
    /// How many unread messages the change has added to which account.
    pub(crate) fn unread_change(&self) -> Option<(AccountId, i64)> {
        match self {
            Self::Append(account) => Some((*account, 1)),
            Self::Confirm(account, _) | Self::SetAside(account, _) => Some((*account, -1)),
            _ => None,
        }
    }
}

impl Index {
    /// An index with room for so many accounts.
    pub(crate) fn new(accounts: usize) -> Self {
        Self {
            accounts: Vec::with_capacity(accounts),
            by_name: HashTable::with_capacity(accounts),
            deleted: HashMap::new(),
            skeletons: Skeletons::with_capacity(accounts),
            hasher: RandomState::new(),
            last_sequence: 0,
            unread: 0,
            reserved: Reserved::default(),
            gaps: HashSet::new(),
            unused: Unused::default(),
            channels: Channels::default(),
            blocks: Blocks::default(),
            bans: Bans::default(),
            keys: Keys::default(),
            expiry: Expiry::default(),
            kept: KeptMail::default(),
            senders: None,
            damages: Damages::default(),
        }
    }

    /// The latest sequence number given out.
    pub(crate) fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// This sequence number was given out before.
    pub(crate) fn given_out(&mut self, sequence: u64) {
        self.last_sequence = self.last_sequence.max(sequence);
    }

    /// Gives out a sequence number. It is never given out again, even where its
    /// message is not stored in the end.
    pub(crate) fn next_sequence(&mut self) -> u64 {
        self.last_sequence += 1;
        self.last_sequence
    }

    /// One more than the highest number of an account.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.accounts.len()).unwrap_or(u32::MAX)
    }

    /// How many accounts there are.
    pub(crate) fn accounts(&self) -> u32 {
        u32::try_from(self.accounts.len() - self.gaps.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn find(&self, name: &Name) -> Option<AccountId> {
        self.by_name
            .find(self.hasher.hash_one(name), |id| self.accounts[id.0 as usize].name == *name)
            .copied()
    }

    /// The deleted account for which a name is reserved.
    pub(crate) fn reserved_for(&self, name: &Name) -> Option<AccountId> {
        // Most stores have none.
        if self.deleted.is_empty() { None } else { self.deleted.get(name).copied() }
    }

    /// Whether an unknown name would be taken for that of an account. Of names in ASCII
    /// nobody expects more than their letters.
    pub(crate) fn looks_alike(&self, name: &Name) -> bool {
        name.has_non_ascii() && self.skeletons.contains(name) && self.reserved_for(name).is_none()
    }

    /// The account that a record names, if there is one.
    pub(crate) fn get(&self, id: AccountId) -> Option<&Account> {
        self.accounts.get(id.0 as usize)
    }

    /// The account, which must be one that this index gave out.
    pub(crate) fn account(&self, id: AccountId) -> &Account {
        &self.accounts[id.0 as usize]
    }

    /// The name under which a sender is shown, and blocked.
    pub(crate) fn sender_name(&self, sender: Sender) -> Name {
        match sender {
            Sender::Account(account) => self.account(account).name.clone(),
            Sender::Web => Name::web(),
        }
    }

    pub(crate) fn account_mut(&mut self, id: AccountId) -> &mut Account {
        &mut self.accounts[id.0 as usize]
    }

    /// Whether an account, or a name that is not `known`, may be opened at all.
    pub(crate) fn admits(&self, known: Option<AccountId>, key: &Key, admits: Admits) -> bool {
        let admits = match known {
            Some(id) => admits.without_password || self.account(id).password.is_some(),
            None => admits.unknown,
        };
        admits || *key == Key::Trusted
    }

    /// What it comes to that an account is opened with this key.
    pub(crate) fn open(&self, id: AccountId, key: &Key, registered: bool, unread: u32) -> Outcome {
        let Account { name, password, .. } = self.account(id);
        match password {
            Some(password) if !key.fits(password) => Outcome::Locked { password: password.clone() },
            _ => Outcome::Opened { account: id, name: name.clone(), registered, unread },
        }
    }

    /// Never gives this number to a new account.
    pub(crate) fn reserve(&mut self, id: AccountId) {
        self.reserved.add(id.0);
    }

    /// Gives up the numbers that come next and are reserved.
    pub(crate) fn skip_reserved(&mut self) {
        while self.reserved.contains(self.len()) {
            self.register_damaged();
        }
    }

    /// Adds an account under the next number. The caller has seen that the name
    /// is unknown, and has skipped the reserved numbers.
    pub(crate) fn register(&mut self, name: Name) -> AccountId {
        self.add(Account::new(name, None))
    }

    /// Adds a deleted account under the next number.
    pub(crate) fn register_deleted(&mut self, name: Name, state: State) -> AccountId {
        self.add(Account { state, ..Account::new(name, None) })
    }

    fn add(&mut self, account: Account) -> AccountId {
        let id = AccountId(self.len());
        self.accounts.push(account);
        self.give_name(id);
        id
    }

    /// Gives the place of the account that is unused for longest to a new one, whose name
    /// is unknown. Returns the place, and the name and the state that are gone.
    pub(crate) fn replace_unused(&mut self, name: Name) -> Option<(AccountId, Name, State)> {
        let id = self.unused.first()?;
        self.unused.remove(id);
        self.account_mut(id).is_pending = true;
        let (name, state) = self.replace(id, name, State::Known);
        Some((id, name, state))
    }

    /// Deletes an account, or releases its name, or takes that back; returns the state
    /// that it had.
    pub(crate) fn set_state(&mut self, id: AccountId, state: State) -> State {
        self.take_name(id);
        let earlier = std::mem::replace(&mut self.account_mut(id).state, state);
        self.give_name(id);
        self.settle(id);
        earlier
    }

    /// Gives an account another name; returns the one that it had.
    pub(crate) fn rename(&mut self, id: AccountId, name: Name) -> Name {
        self.replace(id, name, self.account(id).state).0
    }

    /// Gives an account another name and state; returns those that it had.
    fn replace(&mut self, id: AccountId, name: Name, state: State) -> (Name, State) {
        self.take_name(id);
        let account = self.account_mut(id);
        let earlier = (
            std::mem::replace(&mut account.name, name),
            std::mem::replace(&mut account.state, state),
        );
        self.give_name(id);
        earlier
    }

    /// From now on the name of an account is taken.
    fn give_name(&mut self, id: AccountId) {
        let Account { name, state, .. } = &self.accounts[id.0 as usize];
        match state {
            State::Known => {
                let (accounts, hasher) = (&self.accounts, &self.hasher);
                let hash = |id: &AccountId| hasher.hash_one(&accounts[id.0 as usize].name);
                self.by_name.insert_unique(hash(&id), id, hash);
            }
            State::Reserved => {
                self.deleted.insert(name.clone(), id);
            }
            State::Released => return,
        }
        self.skeletons.add(name);
    }

    /// From now on the name of an account is free.
    fn take_name(&mut self, id: AccountId) {
        let Account { name, state, .. } = &self.accounts[id.0 as usize];
        match state {
            State::Known => {
                let hash = self.hasher.hash_one(name);
                if let Ok(entry) = self.by_name.find_entry(hash, |other| *other == id) {
                    entry.remove();
                }
            }
            State::Reserved => {
                self.deleted.remove(name);
            }
            State::Released => return,
        }
        self.skeletons.remove(name);
    }

    /// The registration of an account is committed.
    pub(crate) fn registered(&mut self, id: AccountId) {
        self.account_mut(id).is_pending = false;
        self.settle(id);
    }

    /// A message or post names this account; returns whether none did before.
    pub(crate) fn name_in_record(&mut self, id: AccountId) -> bool {
        let was_named = std::mem::replace(&mut self.account_mut(id).is_named, true);
        if !was_named {
            self.unused.remove(id);
        }
        !was_named
    }

    pub(crate) fn set_password(&mut self, id: AccountId, password: Option<PasswordHash>) {
        self.account_mut(id).password = password;
        self.settle(id);
    }

    pub(crate) fn session_began(&mut self, id: AccountId) {
        self.account_mut(id).sessions += 1;
        self.unused.remove(id);
    }

    pub(crate) fn session_ended(&mut self, id: AccountId) {
        let sessions = &mut self.account_mut(id).sessions;
        *sessions = sessions.saturating_sub(1);
        self.settle(id);
    }

    /// All records are loaded.
    pub(crate) fn loaded(&mut self) {
        self.unread = self.accounts.iter().map(|of| u64::from(of.mailbox.unread())).sum();
        (0..self.len()).map(AccountId).for_each(|id| self.settle(id));
    }

    fn settle(&mut self, id: AccountId) {
        if self.account(id).is_unused() && self.blocks.count_of(id) == 0 {
            self.unused.push(id);
        } else {
            self.unused.remove(id);
        }
    }

    fn undo_register(&mut self) {
        let id = AccountId(self.len().saturating_sub(1));
        self.unused.remove(id);
        self.take_name(id);
        self.accounts.pop();
    }

    /// The account, if it is known.
    pub(crate) fn resolve(&self, account: &AccountRef) -> Option<AccountId> {
        match account {
            AccountRef::Id(id) => Some(*id),
            AccountRef::Name(name) => self.find(name),
        }
    }

    /// Takes changes back, the latest first.
    pub(crate) fn undo(&mut self, changes: impl DoubleEndedIterator<Item = Undo>) {
        for change in changes.rev() {
            match change {
                Undo::Register => self.undo_register(),
                Undo::Replace(id, name, state) => {
                    self.replace(id, name, state);
                    self.account_mut(id).is_pending = false;
                    self.unused.push_first(id);
                }
                Undo::Rename(id, name) => {
                    self.rename(id, name);
                }
                Undo::State(id, state) => {
                    self.set_state(id, state);
                }
                Undo::Named(id) => {
                    self.account_mut(id).is_named = false;
                    self.settle(id);
                }
                Undo::Append(id) => {
                    let sequence = self.account_mut(id).mailbox.undo_append();
                    if let (Some(senders), Some(sequence)) = (&mut self.senders, sequence) {
                        senders.remove(sequence, id);
                    }
                }
                Undo::Uncount { sequence, recipient, sender } => {
                    if let Some(senders) = &mut self.senders {
                        senders.add(sequence, recipient, sender);
                    }
                }
                Undo::Lease(id, sequence) => self.account_mut(id).mailbox.give_back(sequence),
                Undo::SetAside(id, sequence) => self.account_mut(id).mailbox.insert(sequence),
                Undo::GiveBack(id, sequence) => {
                    self.account_mut(id).mailbox.undo_give_back(sequence);
                }
                Undo::Confirm(id, sequence) => {
                    self.account_mut(id).mailbox.undo_confirm(sequence);
                }
                Undo::SetPassword(id, password) => self.set_password(id, password),
                Undo::Block(id, sender) => {
                    self.unblock(id, &sender);
                }
                Undo::Unblock(id, sender, number) => {
                    self.block(id, sender, number);
                }
                Undo::Channel(channel) => self.channels.undo_add(&channel),
                Undo::ReuseChannel(id) => self.channels.undo_reuse(id),
                Undo::EvictChannel(id, channel) => self.channels.undo_evict(id, channel),
                Undo::Post(id, before) => self.channels.undo_append(id, before),
                Undo::SetPostAside(id, taken) => self.channels.undo_set_aside(id, taken),
                Undo::MakePrivate(id) => {
                    self.channels.make_public(id);
                }
                Undo::MakePublic(id, private) => self.channels.make_private(id, private),
                Undo::SetKey(id, key) => {
                    self.channels.set_key(id, key);
                }
                Undo::Invite(id, account) => {
                    self.channels.uninvite(id, account);
                }
                Undo::Uninvite(id, account, number) => {
                    self.channels.invite(id, number, account);
                }
            }
        }
    }
}

pub(crate) use damaged::stand_in;

mod blocked;
mod damaged;
mod kept;
mod lists;
mod private;
#[cfg(test)]
mod tests;
