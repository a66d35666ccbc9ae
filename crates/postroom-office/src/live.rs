//! Which session is where at this moment: who is in a channel, and which sessions
//! an account that is present has.
//!
//! It is about the sessions of this server alone. Who is present at all, and what
//! was said in a channel, only the store knows.

use std::collections::HashMap;

use postroom_model::{Channel, Name};
use postroom_store::AccountId;

use crate::news::{Audience, Member, Moment};
use crate::visit::{Attendance, SessionKey};

/// Sessions by channel and by account.
#[derive(Debug, Default)]
pub(crate) struct Live {
    channels: HashMap<Channel, Vec<Member>>,
    /// The latest that was said or joined.
    now: Moment,
    accounts: HashMap<AccountId, Vec<SessionKey>>,
    names: HashMap<Name, AccountId>,
    /// Who wants to be told who comes and goes.
    arrivals: Vec<SessionKey>,
    /// Who wants to be told of mail, of all accounts.
    mail: HashMap<AccountId, Vec<SessionKey>>,
    /// Who waits until something is heard.
    waiting: Vec<SessionKey>,
}

impl Live {
    pub(crate) fn enter(&mut self, session: SessionKey, attendance: &Attendance) {
        let account = attendance.account;
        self.accounts.entry(account).or_default().push(session);
        self.names.insert(attendance.name.clone(), account);
        if attendance.interests.arrivals {
            self.arrivals.push(session);
        }
        if attendance.interests.mail {
            self.mail.entry(account).or_default().push(session);
        }
        self.join(session, Channel::lobby());
    }

    pub(crate) fn leave(&mut self, session: SessionKey, attendance: &Attendance) {
        let account = attendance.account;
        if remove(&mut self.accounts, &account, session) {
            self.names.remove(&attendance.name);
        }
        if attendance.interests.arrivals {
            remove_one(&mut self.arrivals, session);
        }
        if attendance.interests.mail {
            remove(&mut self.mail, &account, session);
        }
        self.part(session, &Channel::lobby());
        self.wait_no_more(session);
    }

    /// Notes that a session waits until something is heard.
    pub(crate) fn wait(&mut self, session: SessionKey) {
        self.waiting.push(session);
    }

    /// Notes that it does not any more.
    pub(crate) fn wait_no_more(&mut self, session: SessionKey) {
        remove_one(&mut self.waiting, session);
    }

    /// The sessions that wait until something is heard.
    pub(crate) fn waiting(&self) -> &[SessionKey] {
        &self.waiting
    }

    pub(crate) fn join(&mut self, session: SessionKey, channel: Channel) {
        let since = self.tick();
        self.channels.entry(channel).or_default().push(Member { session, since });
    }

    /// The next moment.
    pub(crate) fn tick(&mut self) -> Moment {
        self.now.0 += 1;
        self.now
    }

    pub(crate) fn part(&mut self, session: SessionKey, channel: &Channel) {
        if let Some(members) = self.channels.get_mut(channel) {
            members.retain(|member| member.session != session);
            if members.is_empty() {
                self.channels.remove(channel);
            }
        }
    }

    /// The account of this name, if it is present here.
    pub(crate) fn find(&self, name: &Name) -> Option<AccountId> {
        self.names.get(name).copied()
    }

    /// Whether an account has a session here.
    pub(crate) fn is_here(&self, account: AccountId) -> bool {
        self.accounts.contains_key(&account)
    }

    /// The sessions that want to be told of mail for an account.
    pub(crate) fn mail(&self, account: AccountId) -> &[SessionKey] {
        self.mail.get(&account).map_or(&[], Vec::as_slice)
    }

    /// The sessions in a channel.
    pub(crate) fn members(&self, channel: &Channel) -> &[Member] {
        self.channels.get(channel).map_or(&[], Vec::as_slice)
    }

    /// The sessions that an event concerns.
    pub(crate) fn iter<'a>(
        &'a self,
        audience: &'a Audience,
    ) -> impl Iterator<Item = SessionKey> + 'a {
        let (sessions, members, except): (&[SessionKey], &[Member], _) = match audience {
            Audience::Session(session) => (std::slice::from_ref(session), &[], None),
            Audience::Account(account) => (list(&self.accounts, account), &[], None),
            Audience::Channel { channel, except, .. } => {
                (&[], self.members(channel), Some(*except))
            }
            Audience::Arrivals { except } => (&self.arrivals, &[], Some(*except)),
        };
        let at = match audience {
            Audience::Channel { at, .. } => *at,
            _ => self.now,
        };
        let members = members.iter().filter(move |member| member.since < at);
        let members = members.map(|member| member.session);
        let sessions = sessions.iter().copied().chain(members);
        sessions.filter(move |session| Some(*session) != except)
    }
}

fn list<'a, K: Eq + std::hash::Hash>(
    lists: &'a HashMap<K, Vec<SessionKey>>,
    key: &K,
) -> &'a [SessionKey] {
    lists.get(key).map_or(&[], Vec::as_slice)
}

/// Removes a session from a list, and the list where it is empty then; whether
/// it was.
fn remove<K: Eq + std::hash::Hash>(
    lists: &mut HashMap<K, Vec<SessionKey>>,
    key: &K,
    session: SessionKey,
) -> bool {
    let Some(list) = lists.get_mut(key) else {
        return false;
    };
    remove_one(list, session);
    let is_empty = list.is_empty();
    if is_empty {
        lists.remove(key);
    }
    is_empty
}

fn remove_one(list: &mut Vec<SessionKey>, session: SessionKey) {
    if let Some(at) = list.iter().position(|other| *other == session) {
        list.swap_remove(at);
    }
}
