//! The log of what connections do: a structured line each, with the address of the
//! peer, the listener and the account. No text of a message is in any of them.
//!
//! `info` is for sessions, `warn` for a limit that was reached, `debug` for requests.
//! One peer can cause lines at `warn` and `debug` without end, so beyond
//! [`LINES_A_SECOND_MAX`](counts::LINES_A_SECOND_MAX) of one kind and peer (of IPv6 a /48) they
//! are counted, and the count is logged once the second is over. That never concerns joins, leaves and logins, failed
//! ones included.

mod banned;
mod counts;
mod words;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use postroom_model::{
    Attendee, Blocked, Composed, Full, Name, Network, Prefix, Reply, Request, SessionKey,
};
use postroom_office::Operator;
use postroom_protocol::{Category, Report};
use postroom_store::{BanSubject, Store, Timestamp};

use crate::Engine;
use crate::connection::Cause;
use crate::dial::DialFailure;
use crate::listener::ListenerKey;
use crate::origin::Origin;
use crate::refusal::{self, Refusal};
use crate::session::Session;

pub(crate) use banned::BannedCounts;
pub(crate) use counts::LineCounts;
pub(crate) use words::{LIMITS, LOGIN_FAILURES};
use words::{Limit, failure, reason, request_name, why_not_changed};

/// How important a line is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// Something is broken.
    Error,
    /// A limit was reached.
    Warn,
    /// What sessions do.
    Info,
    /// Single requests.
    Debug,
}

/// A line for the log.
#[derive(Debug)]
pub struct LogLine {
    /// How important it is.
    pub level: Level,
    /// The session that it is about, if it is about one.
    pub origin: Option<Origin>,
    /// What happened.
    pub what: What,
}

/// What happened, for a line of the log.
#[derive(Debug)]
pub enum What {
    /// A connection was accepted.
    Connected,
    /// A connection was closed at once, for this reason.
    ConnectionRefused(&'static str),
    /// A connection was closed at once: its address is banned, with these.
    ConnectionBanned(Prefix),
    /// More connections from banned addresses were closed at once within a minute.
    ConnectionsBanned {
        /// With which addresses.
        ban: Prefix,
        /// So many.
        left_out: u32,
    },
    /// A session has logged in.
    LoggedIn,
    /// A session has registered an account, by its login or by a message to a new name.
    Registered(Name),
    /// The account of a session has another password.
    PasswordChanged,
    /// The account of a session has the password that it had, for this reason.
    PasswordNotChanged(&'static str),
    /// The account of a session has blocked a sender, or no longer.
    BlockSet {
        /// The sender.
        sender: Name,
        /// Whether it is blocked now.
        is_blocked: bool,
    },
    /// A login was refused, for this reason.
    LoginFailed(&'static str),
    /// A request has met this limit.
    Limit(&'static str),
    /// A request has met the capacity of a mailbox.
    MailboxFull {
        /// What was refused, in words.
        what: &'static str,
        /// Whose mailbox.
        recipient: Name,
        /// Messages that it holds.
        capacity: u32,
        /// Whether that is a limit, and not the recipient's wish.
        is_limit: bool,
    },
    /// A session was refused something, for this reason.
    Refused(String),
    /// What a session reports to the operator, without the text of any message.
    Reported {
        /// What happened.
        what: String,
        /// Characters of the message that was received, if one was.
        characters: Option<usize>,
    },
    /// A session asks for something.
    Request(&'static str),
    /// A rule forbids to dial a client back.
    DialRefused {
        /// The client's port.
        port: u16,
        /// The rule.
        reason: &'static str,
    },
    /// A client could not be dialled back.
    DialFailed {
        /// The client's port.
        port: u16,
        /// What the operating system said; `None` where nobody answered.
        reason: Option<String>,
    },
    /// A session has ended, for this reason, which is of this kind.
    Disconnected(&'static str, Cause),
    /// There are as many connections as there may be.
    Full {
        /// So many.
        connections: usize,
    },
    /// More lines of one kind were left out within a second.
    LeftOut {
        /// Whose they were, if one peer's: its address, or the first one of its /48.
        peer: Option<IpAddr>,
        /// Their kind.
        kind: &'static str,
        /// So many.
        left_out: u32,
    },
    /// An account became present.
    Joined(Attendee),
    /// An account is present no more.
    Left(Attendee),
    /// What the office tells the operator.
    Operator(Operator),
    /// The retention has removed something.
    Expired {
        /// Unread messages.
        messages: u64,
        /// Posts, each counted once for each of its channels.
        posts: u64,
    },
    /// The clock of the system is ahead of that of the retention.
    ClockAhead {
        /// By so much.
        behind: Duration,
    },
    /// An operator has done something.
    Administered {
        /// What, in words.
        what: &'static str,
        /// With which account, or whose sessions.
        subject: String,
    },
    /// An operator has banned someone.
    Banned {
        /// Whom.
        subject: BanSubject,
        /// When the ban ends, if it does.
        until: Option<Timestamp>,
    },
}

/// What the lines of a peer count for: its address, or with IPv6 its /48. What floods easily
/// has all addresses of one.
fn counted(peer: SocketAddr) -> IpAddr {
    Network::from(peer.ip()).site().first_address()
}

impl<S: Store> Engine<S> {
    fn log(&mut self, level: Level, origin: Option<Origin>, what: What) {
        self.outputs.push_back(crate::Output::Log(Box::new(LogLine { level, origin, what })));
    }

    /// Logs a line that one peer can cause without end, unless there are too many.
    fn log_limited(&mut self, level: Level, kind: &'static str, origin: Origin, what: What) {
        if level == Level::Debug && !self.settings.logs_requests {
            return;
        }
        if self.line_counts.admit(level, kind, Some(counted(origin.peer)), self.now) {
            self.log(level, Some(origin), what);
        }
    }

    fn origin(&self, session: SessionKey) -> Option<Origin> {
        self.sessions.get(session).map(Session::origin)
    }

    /// A connection was accepted. On the board that is all that tells of a client, so
    /// it is a line for the operator.
    pub(crate) fn log_connected(&mut self, session: SessionKey) {
        let Some(origin) = self.origin(session) else {
            return;
        };
        if self.sessions.get(session).is_some_and(|session| session.protocol.reports) {
            self.log(Level::Info, Some(origin), What::Connected);
        } else {
            self.log_limited(Level::Debug, "connected", origin, What::Connected);
        }
    }

    /// A connection is closed before it has a session.
    pub(crate) fn log_refused(
        &mut self,
        listener: ListenerKey,
        peer: SocketAddr,
        refusal: Refusal,
    ) {
        self.counts.refused.add(refusal.kind());
        let reason = refusal.as_str();
        if self.line_counts.admit(Level::Warn, reason, Some(counted(peer)), self.now) {
            let listener = self.listeners.get(listener).name();
            let origin = Origin { peer, listener, account: None };
            self.log(Level::Warn, Some(origin), What::ConnectionRefused(reason));
        }
    }

    /// A connection is closed before it has a session, since its address is banned.
    pub(crate) fn log_banned(&mut self, listener: ListenerKey, peer: SocketAddr, ban: Prefix) {
        self.counts.refused.add(refusal::BANNED);
        if self.banned_counts.is_first(ban, self.now) {
            let listener = self.listeners.get(listener).name();
            let origin = Origin { peer, listener, account: None };
            self.log(Level::Info, Some(origin), What::ConnectionBanned(ban));
        }
    }

    /// A session's reply is a line of the audit trail: a login, a change of an account, or a
    /// refusal.
    pub(crate) fn log_reply(&mut self, session: SessionKey, reply: &Reply) {
        match reply {
            Reply::LoggedIn { name, registered, .. } => {
                let origin = self.origin(session);
                self.counts.logins += 1;
                if *registered {
                    self.counts.registrations += 1;
                    self.log(Level::Info, origin.clone(), What::Registered(name.clone()));
                }
                self.log(Level::Info, origin, What::LoggedIn);
            }
            Reply::Composed(composed) => self.log_composed(session, composed.get()),
            Reply::ComposedAll(all) => {
                all.get().iter().for_each(|composed| self.log_composed(session, composed));
            }
            Reply::PasswordChanged(_) => {
                let origin = self.origin(session);
                self.log(Level::Info, origin, What::PasswordChanged);
            }
            Reply::PasswordNotChanged(refusal) => {
                let origin = self.origin(session);
                let what = What::PasswordNotChanged(why_not_changed(*refusal));
                self.log(Level::Info, origin, what);
            }
            Reply::BlockSet(set) if set.get().is_new => {
                let origin = self.origin(session);
                let Blocked { sender, is_blocked, .. } = set.get().clone();
                self.log(Level::Info, origin, What::BlockSet { sender, is_blocked });
            }
            Reply::LogInRefused(refusal) => {
                self.counts.logins_failed.add(failure(*refusal));
                let origin = self.origin(session);
                self.log(Level::Info, origin, What::LoginFailed(reason(*refusal)));
            }
            _ => {}
        }
        let Some(limit) = Limit::of(reply) else {
            return;
        };
        self.counts.limits_met.add(limit.kind());
        // A refused post on the board is logged with its report.
        let session = self.sessions.get(session).filter(|session| !session.protocol.reports);
        let Some(origin) = session.map(Session::origin) else {
            return;
        };
        let kind = limit.as_str();
        let what = match limit {
            Limit::MailboxFull { recipient, capacity, full } => {
                let is_limit = full != Full::Blocked;
                What::MailboxFull { what: kind, recipient, capacity, is_limit }
            }
            _ => What::Limit(kind),
        };
        self.log_limited(Level::Warn, kind, origin, what);
    }

    /// A message may have registered its recipient.
    fn log_composed(&mut self, session: SessionKey, composed: &Composed) {
        if composed.registered {
            self.counts.registrations += 1;
            let origin = self.origin(session);
            self.log(Level::Info, origin, What::Registered(composed.recipient.clone()));
        }
    }

    /// A session reports something to the operator. The text of a message stays out of
    /// the log.
    pub(crate) fn log_report(&mut self, session: SessionKey, report: &Report) {
        let Some(mut origin) = self.origin(session) else {
            return;
        };
        origin.account = None;
        let Report { category, what, text } = report;
        match category {
            Category::Error => {
                self.log_limited(Level::Warn, "refused", origin, What::Refused(what.clone()));
            }
            Category::General | Category::Connection => {
                let characters = text.as_ref().map(|text| text.as_str().chars().count());
                let what = What::Reported { what: what.clone(), characters };
                self.log(Level::Info, Some(origin), what);
            }
        }
    }

    /// A session asks for something.
    pub(crate) fn log_request(&mut self, session: SessionKey, request: &Request) {
        if self.settings.logs_requests
            && let Some(origin) = self.origin(session)
        {
            let what = What::Request(request_name(request));
            self.log_limited(Level::Debug, "request", origin, what);
        }
    }

    /// A client could not be dialled back. A rule that forbids it is a limit, so its
    /// lines may be left out.
    pub(crate) fn log_dial_failed(
        &mut self,
        session: SessionKey,
        port: u16,
        failure: Option<DialFailure>,
    ) {
        let Some(origin) = self.origin(session) else {
            return;
        };
        match failure {
            Some(DialFailure::NotAllowed(reason)) => {
                let what = What::DialRefused { port, reason };
                self.log_limited(Level::Warn, "dialling back refused", origin, what);
            }
            Some(DialFailure::Failed(reason)) => {
                let reason = Some(reason);
                self.log(Level::Info, Some(origin), What::DialFailed { port, reason });
            }
            None => {
                self.log(Level::Info, Some(origin), What::DialFailed { port, reason: None });
            }
        }
    }

    /// A session has ended.
    pub(crate) fn log_disconnected(
        &mut self,
        session: &Session,
        reason: &'static str,
        cause: Cause,
    ) {
        let (origin, what) = (session.origin(), What::Disconnected(reason, cause));
        self.counts.ended.add(cause.kind());
        match cause {
            Cause::Ordinary => self.log(Level::Info, Some(origin), what),
            Cause::Limit | Cause::Fault => self.log_limited(Level::Warn, reason, origin, what),
        }
    }

    /// Says once that connections wait because there are as many as there may be.
    pub(crate) fn log_full(&mut self) {
        let connections = self.connections.len();
        if self.line_counts.admit(Level::Warn, "the server is full", None, self.now) {
            self.log(Level::Warn, None, What::Full { connections });
        }
    }

    /// An account became present, or is no longer present.
    pub(crate) fn log_presence(&mut self, what: What) {
        self.log(Level::Info, None, what);
    }

    pub(crate) fn log_operator(&mut self, told: Operator) {
        self.counts.damaged_records += u64::from(matches!(told, Operator::Damaged(_)));
        let level = match told {
            Operator::Damaged(_) => Level::Error,
            Operator::NotLocked | Operator::PasswordsLate => Level::Warn,
            Operator::AllLocked | Operator::PasswordsInTime => Level::Info,
        };
        self.log(level, None, What::Operator(told));
    }

    /// Logs what the retention does.
    pub(crate) fn log_expiry(&mut self, what: What) {
        let level = if matches!(what, What::Expired { .. }) { Level::Info } else { Level::Warn };
        self.log(level, None, what);
    }

    /// An operator has done something.
    pub(crate) fn log_administered(&mut self, what: &'static str, subject: String) {
        self.log(Level::Info, None, What::Administered { what, subject });
    }

    /// An operator has banned someone.
    pub(crate) fn log_ban(&mut self, subject: BanSubject, until: Option<Timestamp>) {
        self.log(Level::Info, None, What::Banned { subject, until });
    }

    /// Logs the ends of the sessions that are left when the server ends, and what was
    /// left out although the second is not over.
    pub fn cut_off(&mut self) {
        for key in self.sessions.keys() {
            if let Some(session) = self.sessions.remove(key) {
                self.log_disconnected(&session, "the server ends (stop.limit_ms)", Cause::Ordinary);
            }
        }
        self.now += banned::PERIOD;
        self.log_left_out();
    }

    /// Logs how many lines were left out in a second, or a minute, that is over.
    pub(crate) fn log_left_out(&mut self) {
        for (ban, left_out) in self.banned_counts.take_left_out(self.now) {
            self.log(Level::Info, None, What::ConnectionsBanned { ban, left_out });
        }
        for (level, kind, peer, left_out) in self.line_counts.take_left_out(self.now) {
            self.log(level, None, What::LeftOut { peer, kind, left_out });
        }
    }
}
