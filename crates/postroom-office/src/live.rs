//! The current sessions of channels and of present accounts.
//!
//! This state is per server; other servers never see it. Presence itself and the posts
//! are in the store.

use std::collections::{BTreeSet, HashMap, HashSet};

use postroom_model::{Channel, Name, SessionKey};
use postroom_store::AccountId;

use crate::session::Present;

static NOBODY: BTreeSet<SessionKey> = BTreeSet::new();

/// Sessions by channel and by account. Adding one and removing it cost the same however
/// many members a channel has, or nearly so: thousands may leave at once.
#[derive(Debug, Default)]
pub(crate) struct Live {
    channels: HashMap<Channel, BTreeSet<SessionKey>>,
    accounts: HashMap<AccountId, Vec<SessionKey>>,
    names: HashMap<Name, AccountId>,
    /// Sessions to which arrivals and departures are announced.
    listeners: BTreeSet<SessionKey>,
    /// Sessions that receive mail events, by account.
    mail: HashMap<AccountId, Vec<SessionKey>>,
    /// Sessions that return delivery receipts for posts.
    confirming: HashSet<SessionKey>,
    /// Sessions that wait for delivery receipts.
    waiting: BTreeSet<SessionKey>,
}

impl Live {
    pub(crate) fn enter(&mut self, session: SessionKey, present: &Present) {
        let account = present.account;
        self.accounts.entry(account).or_default().push(session);
        self.names.insert(present.name.clone(), account);
        if present.interests.arrivals {
            self.listeners.insert(session);
        }
        if present.interests.mail {
            self.watch_mail(session, account);
        }
        if present.interests.confirms_posts {
            self.confirming.insert(session);
        }
        if present.interests.in_lobby {
            self.join(session, &Channel::lobby());
        }
    }

    pub(crate) fn leave(&mut self, session: SessionKey, present: &Present) {
        let account = present.account;
        if remove(&mut self.accounts, &account, session) {
            self.names.remove(&present.name);
        }
        if present.interests.arrivals {
            self.listeners.remove(&session);
        }
        if present.interests.mail {
            remove(&mut self.mail, &account, session);
        }
        self.confirming.remove(&session);
        if present.interests.in_lobby {
            self.leave_channel(session, &Channel::lobby());
        }
        self.wait_no_more(session);
    }

    /// Adds a session that waits for delivery receipts.
    pub(crate) fn wait(&mut self, session: SessionKey) {
        self.waiting.insert(session);
    }

    /// Removes a session that no longer waits for delivery receipts.
    pub(crate) fn wait_no_more(&mut self, session: SessionKey) {
        self.waiting.remove(&session);
    }

    /// The sessions that wait for delivery receipts.
    pub(crate) fn waiting(&self) -> &BTreeSet<SessionKey> {
        &self.waiting
    }

    /// Adds a member; returns whether it is the channel's first.
    pub(crate) fn join(&mut self, session: SessionKey, channel: &Channel) -> bool {
        let members = self.channels.entry(channel.clone()).or_default();
        members.insert(session);
        members.len() == 1
    }

    /// Removes a member; returns whether the channel has none left.
    pub(crate) fn leave_channel(&mut self, session: SessionKey, channel: &Channel) -> bool {
        let Some(members) = self.channels.get_mut(channel) else {
            return true;
        };
        members.remove(&session);
        let is_empty = members.is_empty();
        if is_empty {
            self.channels.remove(channel);
        }
        is_empty
    }

    /// The account of this name, if it is present on this server.
    pub(crate) fn find(&self, name: &Name) -> Option<AccountId> {
        self.names.get(name).copied()
    }

    /// The sessions that receive mail events for an account.
    pub(crate) fn mail(&self, account: AccountId) -> &[SessionKey] {
        self.mail.get(&account).map_or(&[], Vec::as_slice)
    }

    /// Adds a session that receives mail events for its account.
    pub(crate) fn watch_mail(&mut self, session: SessionKey, account: AccountId) {
        let sessions = self.mail.entry(account).or_default();
        if !sessions.contains(&session) {
            sessions.push(session);
        }
    }

    /// Removes a session that receives no more of them.
    pub(crate) fn watch_mail_no_more(&mut self, session: SessionKey, account: AccountId) {
        remove(&mut self.mail, &account, session);
    }

    /// The sessions in a channel.
    pub(crate) fn members(&self, channel: &Channel) -> &BTreeSet<SessionKey> {
        self.channels.get(channel).unwrap_or(&NOBODY)
    }

    /// Whether a session returns delivery receipts for posts.
    pub(crate) fn confirms_posts(&self, session: SessionKey) -> bool {
        self.confirming.contains(&session)
    }

    /// The sessions of an account that is present.
    pub(crate) fn sessions(&self, account: AccountId) -> &[SessionKey] {
        self.accounts.get(&account).map_or(&[], Vec::as_slice)
    }

    /// The sessions to which arrivals and departures are announced.
    pub(crate) fn listeners(&self) -> &BTreeSet<SessionKey> {
        &self.listeners
    }
}

/// Removes a session from a list, and the list if it is then empty; returns whether the
/// list was removed.
fn remove<K: Eq + std::hash::Hash>(
    lists: &mut HashMap<K, Vec<SessionKey>>,
    key: &K,
    session: SessionKey,
) -> bool {
    let Some(list) = lists.get_mut(key) else {
        return false;
    };
    // An account has few sessions.
    list.retain(|other| *other != session);
    let is_empty = list.is_empty();
    if is_empty {
        lists.remove(key);
    }
    is_empty
}
