//! The log of what connections do: a structured line each, with the address of the
//! peer, the listener and the account. No text of a message is in any of them.
//!
//! `info` is for sessions, `warn` for a limit that was reached, `debug` for requests.
//! One peer can cause lines at `warn` and `debug` without end, so beyond
//! [`LINES_A_SECOND_MAX`] of one kind and peer they are counted, and the count is
//! logged once the second is over. That never concerns joins, leaves and logins, failed
//! ones included.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use postroom_model::{
    Attendee, Blocked, ComposeRefusal, LogInRefusal, Name, Network, PasswordRefusal, PostRefusal,
    Reply, Request, SessionKey,
};
use postroom_office::Operator;
use postroom_protocol::{Category, Report};
use postroom_store::Store;

use crate::Engine;
use crate::dial::DialFailure;
use crate::listener::ListenerKey;
use crate::origin::Origin;
use crate::session::Session;

/// Lines at `warn` or `debug` of one kind and peer that are written in a second.
const LINES_A_SECOND_MAX: u32 = 20;
/// Kinds and peers that are told apart in a second; further peers count as one.
const PEERS_MAX: usize = 4_096;
const SECOND: Duration = Duration::from_secs(1);

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
    /// A session has ended, for this reason.
    Disconnected(&'static str),
    /// There are as many connections as there may be.
    Full {
        /// So many.
        connections: usize,
    },
    /// More lines of one kind were left out within a second.
    LeftOut {
        /// Whose they were, if one peer's.
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
}

/// A limit that a request met.
#[derive(Debug)]
enum Limit {
    MailboxFull { recipient: Name, capacity: u32 },
    DiskFull,
    TooManyAccounts,
    TooManyHashtags,
    NewAccounts,
    NewHashtags,
    TooManyPasswordChecks,
}

impl Limit {
    /// The limit that a reply tells of, if any.
    fn of(reply: &Reply) -> Option<Self> {
        Some(match reply {
            Reply::NotComposed(ComposeRefusal::MailboxFull { recipient, capacity }) => {
                Self::MailboxFull { recipient: recipient.clone(), capacity: *capacity }
            }
            Reply::NotComposed(ComposeRefusal::DiskFull)
            | Reply::NotPosted(PostRefusal::DiskFull)
            | Reply::LogInRefused(LogInRefusal::DiskFull) => Self::DiskFull,
            Reply::NotComposed(ComposeRefusal::TooManyAccounts)
            | Reply::LogInRefused(LogInRefusal::TooManyAccounts) => Self::TooManyAccounts,
            Reply::NotPosted(PostRefusal::TooManyChannels) => Self::TooManyHashtags,
            Reply::NotComposed(ComposeRefusal::MayNotCreate)
            | Reply::LogInRefused(LogInRefusal::MayNotCreate) => Self::NewAccounts,
            Reply::NotPosted(PostRefusal::MayNotCreate) => Self::NewHashtags,
            Reply::LogInRefused(LogInRefusal::Busy) => Self::TooManyPasswordChecks,
            _ => return None,
        })
    }

    fn as_str(&self) -> &'static str {
        match self {
            Self::MailboxFull { .. } => "refused: the mailbox is full",
            Self::DiskFull => "refused: the disk is full (disk.reserve_bytes)",
            Self::TooManyAccounts => "refused: the server is full (accounts.max)",
            Self::TooManyHashtags => "refused: the server is full (channels.max)",
            Self::TooManyPasswordChecks => {
                "refused: too many logins wait (accounts.password_checks_max)"
            }
            Self::NewAccounts => {
                "refused: the peer has created too many accounts (accounts.new_per_hour)"
            }
            Self::NewHashtags => {
                "refused: the peer has created too many hashtags (channels.new_per_hour)"
            }
        }
    }
}

/// How many lines of each kind and peer came in this second.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Ordered, so that what was left out is logged in the same order in each run.
    lines: BTreeMap<(Level, &'static str, Option<IpAddr>), u32>,
    /// When the second is over.
    over: Option<Instant>,
}

impl Counts {
    /// Counts a line; whether it is to be written.
    pub(crate) fn admit(
        &mut self,
        level: Level,
        kind: &'static str,
        peer: Option<IpAddr>,
        now: Instant,
    ) -> bool {
        self.over.get_or_insert(now + SECOND);
        let is_full = self.lines.len() >= PEERS_MAX;
        let known = peer.filter(|_| !is_full || self.lines.contains_key(&(level, kind, peer)));
        let count = self.lines.entry((level, kind, known)).or_default();
        *count = count.saturating_add(1);
        *count <= LINES_A_SECOND_MAX
    }

    /// When what was left out is to be logged.
    pub(crate) fn over_at(&self) -> Option<Instant> {
        self.over
    }

    /// Takes what was left out, once the second is over.
    fn take_left_out(
        &mut self,
        now: Instant,
    ) -> impl Iterator<Item = (Level, &'static str, Option<IpAddr>, u32)> + use<> {
        let is_over = self.over.take_if(|over| *over <= now).is_some();
        let lines = if is_over { std::mem::take(&mut self.lines) } else { BTreeMap::new() };
        lines.into_iter().filter_map(|((level, kind, peer), count)| {
            let left_out = count.checked_sub(LINES_A_SECOND_MAX).filter(|count| *count > 0)?;
            Some((level, kind, peer, left_out))
        })
    }
}

/// A refused login in words.
fn reason(refusal: LogInRefusal) -> &'static str {
    match refusal {
        LogInRefusal::Password => "the password is wrong or missing",
        LogInRefusal::Busy => "too many passwords wait to be checked",
        LogInRefusal::TooManyAccounts => "there are as many accounts as may be (accounts.max)",
        LogInRefusal::DiskFull => "the disk has no room for a new account (disk.reserve_bytes)",
        LogInRefusal::Present => "the account is present already",
        LogInRefusal::MayNotCreate => "the peer has created too many accounts",
        LogInRefusal::LooksAlike => "the new name looks like that of another account",
    }
}

/// A password that was not changed, in words.
fn why_not_changed(refusal: PasswordRefusal) -> &'static str {
    match refusal {
        PasswordRefusal::Wrong => "the old password is wrong",
        PasswordRefusal::HasNone => "the account has no password",
        PasswordRefusal::InFile => "the password file decides on it",
        PasswordRefusal::Busy => "too many passwords wait to be checked",
    }
}

fn request_name(request: &Request) -> &'static str {
    match request {
        Request::LogIn { .. } => "log in",
        Request::Compose { .. } => "compose",
        Request::Read => "read",
        Request::Confirm => "confirm",
        Request::CountUnread => "count unread",
        Request::ChangePassword { .. } => "change password",
        Request::Block { is_blocked: true, .. } => "block",
        Request::Block { is_blocked: false, .. } => "unblock",
        Request::ListBlocked => "list blocked",
        Request::ListPresent => "list present",
        Request::Post { .. } => "post",
        Request::Tell { .. } => "tell",
        Request::Join(_) => "join",
        Request::Leave(_) => "leave",
        Request::Latest(_) => "latest",
        Request::Timeline { .. } => "timeline",
    }
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
        if self.line_counts.admit(level, kind, Some(origin.peer.ip()), self.now) {
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

    /// A connection is closed before it has a session. What floods easily has many addresses
    /// of one network, so their lines count together.
    pub(crate) fn log_refused(
        &mut self,
        listener: ListenerKey,
        peer: SocketAddr,
        reason: &'static str,
    ) {
        let counted = Network::from(peer.ip()).first_address();
        if self.line_counts.admit(Level::Warn, reason, Some(counted), self.now) {
            let listener = self.listeners.get(listener).protocol.name;
            let origin = Origin { peer, listener, account: None };
            self.log(Level::Warn, Some(origin), What::ConnectionRefused(reason));
        }
    }

    /// A session's reply is a line of the audit trail: a login, a change of an account, or a
    /// refusal.
    pub(crate) fn log_reply(&mut self, session: SessionKey, reply: &Reply) {
        match reply {
            Reply::LoggedIn { name, registered, .. } => {
                let origin = self.origin(session);
                if *registered {
                    self.log(Level::Info, origin.clone(), What::Registered(name.clone()));
                }
                self.log(Level::Info, origin, What::LoggedIn);
            }
            Reply::Composed(composed) if composed.get().registered => {
                let origin = self.origin(session);
                let name = composed.get().recipient.clone();
                self.log(Level::Info, origin, What::Registered(name));
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
                let origin = self.origin(session);
                self.log(Level::Info, origin, What::LoginFailed(reason(*refusal)));
            }
            _ => {}
        }
        let Some(limit) = Limit::of(reply) else {
            return;
        };
        // A refused post on the board is logged with its report.
        let session = self.sessions.get(session).filter(|session| !session.protocol.reports);
        let Some(origin) = session.map(Session::origin) else {
            return;
        };
        let kind = limit.as_str();
        let what = match limit {
            Limit::MailboxFull { recipient, capacity } => {
                What::MailboxFull { what: kind, recipient, capacity }
            }
            _ => What::Limit(kind),
        };
        self.log_limited(Level::Warn, kind, origin, what);
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
        is_a_limit: bool,
    ) {
        let (origin, what) = (session.origin(), What::Disconnected(reason));
        if is_a_limit {
            self.log_limited(Level::Warn, reason, origin, what);
        } else {
            self.log(Level::Info, Some(origin), what);
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
        let level = match told {
            Operator::Damaged(_) => Level::Error,
            Operator::NotLocked | Operator::PasswordsLate => Level::Warn,
            Operator::AllLocked | Operator::PasswordsInTime => Level::Info,
        };
        self.log(level, None, What::Operator(told));
    }

    /// Logs the ends of the sessions that are left when the server ends, and what was
    /// left out although the second is not over.
    pub fn cut_off(&mut self) {
        for key in self.sessions.keys() {
            if let Some(session) = self.sessions.remove(key) {
                self.log_disconnected(&session, "the server ends (stop.limit_ms)", false);
            }
        }
        self.now += SECOND;
        self.log_left_out();
    }

    /// Logs how many lines were left out in a second that is over.
    pub(crate) fn log_left_out(&mut self) {
        for (level, kind, peer, left_out) in self.line_counts.take_left_out(self.now) {
            self.log(level, None, What::LeftOut { peer, kind, left_out });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::any_time as now;

    #[test]
    fn beyond_twenty_a_second_lines_of_one_kind_and_peer_are_counted() {
        let (mut counts, now) = (Counts::default(), now());
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let admitted = |counts: &mut Counts, kind, peer, lines| {
            (0..lines).filter(|_| counts.admit(Level::Warn, kind, Some(peer), now)).count()
        };
        assert_eq!(admitted(&mut counts, "full", one, 50), 20);
        assert_eq!(admitted(&mut counts, "busy", one, 20), 20);
        assert_eq!(admitted(&mut counts, "full", other, 5), 5);
        assert_eq!(counts.over_at(), Some(now + SECOND));
        assert_eq!(counts.take_left_out(now).count(), 0, "the second is not over");
        let left_out: Vec<_> = counts.take_left_out(now + SECOND).collect();
        assert_eq!(left_out, [(Level::Warn, "full", Some(one), 30)]);
        assert_eq!(counts.over_at(), None);
        assert_eq!(admitted(&mut counts, "full", one, 1), 1, "a new second");
    }

    #[test]
    fn what_was_left_out_is_logged_in_the_same_order_in_each_run() {
        let (mut counts, now) = (Counts::default(), now());
        let peers: Vec<IpAddr> = (1..9_u8).map(|last| [192, 0, 2, last].into()).collect();
        for _ in 0..=LINES_A_SECOND_MAX {
            for peer in peers.iter().rev() {
                counts.admit(Level::Warn, "full", Some(*peer), now);
            }
        }
        let left_out = counts.take_left_out(now + SECOND);
        assert_eq!(left_out.filter_map(|(_, _, peer, _)| peer).collect::<Vec<_>>(), peers);
    }

    #[test]
    fn the_number_of_peers_is_bounded() {
        let (mut counts, now) = (Counts::default(), now());
        for peer in 0..20_000_u32 {
            counts.admit(Level::Warn, "full", Some(IpAddr::from(peer.to_be_bytes())), now);
        }
        assert!(counts.lines.len() <= PEERS_MAX + 1);
        let left_out: u32 = counts.take_left_out(now + SECOND).map(|(.., count)| count).sum();
        assert_eq!(left_out as usize, 20_000 - PEERS_MAX - LINES_A_SECOND_MAX as usize);
    }
}
