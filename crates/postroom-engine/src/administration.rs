//! What operators ask of a running server.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ipnet::IpNet;
use postroom_model::{Blocked, Channel, Fault, Name, Request, SessionKey, faulty};
use postroom_office::{
    AboutAccounts, AboutBan, AboutChannels, AccountAnswer, AccountRequest, AdminTicket, BanRequest,
};
use postroom_protocol::{DropReason, Input};
use postroom_store::{AccountId, Backup, BackupToken, BanPage, BanPlace, NotBackedUp, Store};

use crate::connection::{Connection, Phase};
use crate::listener::ListenerName;
use crate::metrics::Status;
use crate::session::Session;
use crate::{Engine, Output};

/// Sessions that [`AdminRequest::Sessions`] tells at a time.
pub const SESSIONS_PAGE: usize = 1_000;

/// A question of an operator, or a command.
#[derive(Clone, Debug, PartialEq)]
pub enum AdminRequest {
    /// Do something with an account.
    Account(AccountRequest),
    /// Tell accounts and reserved names, a page at a time.
    Accounts {
        /// Where to begin.
        from: AccountId,
    },
    /// Tell channels, a page at a time.
    Channels {
        /// The last one of the page before.
        after: Option<Channel>,
    },
    /// Delete the posts of a channel.
    DeleteChannel(Channel),
    /// Ban someone, or lift a ban.
    Ban(BanRequest),
    /// Tell the bans in force, a page at a time.
    Bans {
        /// Where to begin.
        from: BanPlace,
    },
    /// Tell how the server is.
    Status,
    /// Tell the sessions, a page at a time.
    Sessions {
        /// Where to begin.
        from: usize,
    },
    /// End sessions.
    Kick(Kick),
    /// Copy the store. The answer comes when the copy is complete.
    Backup(BackupToken),
}

/// Whose sessions end.
#[derive(Clone, Debug, PartialEq)]
pub enum Kick {
    /// Those of an account.
    Account(Name),
    /// Those of addresses.
    Addresses(IpNet),
}

/// What an operator is told.
#[derive(Debug)]
pub enum AdminAnswer {
    /// What came of a question about accounts.
    Accounts(AboutAccounts),
    /// What came of a question about channels.
    Channels(AboutChannels),
    /// What came of a ban, or of its end.
    Ban(AboutBan),
    /// A page of bans.
    Bans(BanPage),
    /// How the server is.
    Status(Status),
    /// A page of sessions.
    Sessions {
        /// They, in no particular order.
        sessions: Vec<SessionSummary>,
        /// Where the next page begins, if there is one.
        next: Option<usize>,
    },
    /// So many sessions end.
    Kicked(usize),
    /// The copy of the store, or why there is none.
    Backup(Result<Backup, NotBackedUp>),
}

/// A session, as operators see it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionSummary {
    /// The account that it has logged in as, or else tried last.
    pub account: Option<String>,
    /// Whether it waits for its login.
    pub is_before_login: bool,
    /// Where its client is.
    pub peer: SocketAddr,
    /// Its listener.
    pub listener: ListenerName,
    /// How long there has been one.
    pub age: Duration,
    /// Bytes that wait for its client.
    pub output_bytes: usize,
}

impl<S: Store> Engine<S> {
    /// Takes a question or command of an operator. The answer is an
    /// [`Output::Administered`] with this ticket.
    pub fn administer(&mut self, now: Instant, ticket: AdminTicket, asked: AdminRequest) {
        self.now = now;
        let answer = match asked {
            AdminRequest::Account(request) => return self.office.administer(ticket, request),
            AdminRequest::Accounts { from } => return self.office.list_accounts(ticket, from),
            AdminRequest::Channels { after } => return self.office.list_channels(ticket, after),
            AdminRequest::DeleteChannel(channel) => {
                return self.office.delete_channel(ticket, channel);
            }
            AdminRequest::Ban(request) => return self.office.ban(ticket, request),
            AdminRequest::Bans { from } => AdminAnswer::Bans(self.office.bans(from)),
            AdminRequest::Status => AdminAnswer::Status(self.status()),
            AdminRequest::Sessions { from } => self.session_page(from),
            AdminRequest::Kick(kick) => AdminAnswer::Kicked(self.kick(&kick)),
            AdminRequest::Backup(token) => return self.begin_backup(ticket, token),
        };
        self.outputs.push_back(Output::Administered(ticket, Box::new(answer)));
    }

    fn session_page(&self, from: usize) -> AdminAnswer {
        let (page, next) = self.sessions.page(from, SESSIONS_PAGE);
        let is_listed = |session: &&Session| {
            !faulty(Fault::SessionUnlisted) || !self.before_login.contains(session.key)
        };
        let sessions = page.filter(is_listed).map(|session| self.summary(session)).collect();
        AdminAnswer::Sessions { sessions, next }
    }

    fn summary(&self, session: &Session) -> SessionSummary {
        let connection = self.connections.get(session.front.index());
        let front = connection.map_or(0, Connection::held);
        SessionSummary {
            account: session.account.as_ref().map(ToString::to_string),
            is_before_login: self.before_login.contains(session.key),
            peer: session.origin().peer,
            listener: session.listener_name,
            age: self.now.saturating_duration_since(session.since),
            output_bytes: front + session.queued_bytes,
        }
    }

    /// Ends sessions; returns how many.
    fn kick(&mut self, kick: &Kick) -> usize {
        let kicked = self.end_sessions(kick);
        let subject = match kick {
            Kick::Account(name) => name.to_string(),
            Kick::Addresses(prefix) => prefix.to_string(),
        };
        if kicked > 0 {
            self.log_administered("sessions ended", subject);
        }
        kicked
    }

    /// Ends sessions, without a line about that in the log; returns how many.
    pub(crate) fn end_sessions(&mut self, kick: &Kick) -> usize {
        let is_of = |session: &Session| match kick {
            Kick::Account(name) => {
                let account =
                    session.account.as_deref().and_then(|account| Name::new(account).ok());
                account.as_ref() == Some(name) && !self.before_login.contains(session.key)
            }
            Kick::Addresses(_) if faulty(Fault::KickTooWide) => true,
            Kick::Addresses(prefix) => prefix.contains(&session.peer.ip),
        };
        let sessions = self.sessions.keys().into_iter();
        let is_open = |session: &Session| {
            let front = self.connections.get(session.front.index());
            front.is_some_and(|connection| connection.phase == Phase::Open)
        };
        let is_meant = |session: &Session| is_open(session) && is_of(session);
        let kicked: Vec<_> =
            sessions.filter(|key| self.sessions.get(*key).is_some_and(is_meant)).collect();
        for session in kicked.iter().filter(|_| !faulty(Fault::KickForgotten)) {
            self.end_by_operator(*session);
        }
        if let Kick::Addresses(prefix) = kick {
            self.close_http(*prefix);
        }
        kicked.len()
    }

    /// Tells an operator what came of a question about channels.
    pub(crate) fn tell_about_channels(&mut self, ticket: AdminTicket, about: AboutChannels) {
        if let AboutChannels::Deleted(Ok(deleted)) = &about {
            self.log_administered("channel deleted", deleted.channel.to_string());
        }
        let answer = Box::new(AdminAnswer::Channels(about));
        self.outputs.push_back(Output::Administered(ticket, answer));
    }

    /// Logs what an operator has changed.
    pub(crate) fn log_change(&mut self, about: &AboutAccounts) {
        let AboutAccounts::Account(Ok(answer)) = about else {
            return;
        };
        let (what, name) = match answer {
            // Nothing has changed.
            AccountAnswer::PasswordRemoved { had_password: false, .. }
            | AccountAnswer::BlockSet { set: Blocked { is_new: false, .. }, .. }
            | AccountAnswer::Blocked(_) => return,
            AccountAnswer::Added { name } => ("account added", name),
            AccountAnswer::Imported { name, .. } => ("account imported", name),
            AccountAnswer::PasswordSet { name, .. } => ("password set", name),
            AccountAnswer::PasswordRemoved { name, .. } => ("password removed", name),
            AccountAnswer::Renamed { from, to, .. } => {
                return self.log_administered("account renamed", format!("{from} to {to}"));
            }
            AccountAnswer::Deleted { name, .. } => ("account deleted", name),
            AccountAnswer::Released { name } => ("name released", name),
            AccountAnswer::BlockSet { name, set: Blocked { is_blocked: true, .. } } => {
                ("sender blocked", name)
            }
            AccountAnswer::BlockSet { name, .. } => ("sender unblocked", name),
        };
        self.log_administered(what, name.to_string());
    }

    /// An operator ends a session.
    pub(crate) fn end_by_operator(&mut self, session: SessionKey) {
        if faulty(Fault::KickConfirms)
            && !self.before_login.contains(session)
            && self.sessions.get(session).is_some_and(|session| session.account.is_some())
        {
            self.office.ask(session, Request::Confirm);
        }
        self.feed(session, Input::Ended(DropReason::Kicked));
    }
}
