//! The log of what connections do: a structured line each, with the address of the
//! peer, the listener and the account. No text of a message is in any of them.
//!
//! `info` is for sessions, `warn` for a limit that was reached, `debug` for requests.
//! One peer can cause lines at `warn` and `debug` without end, so beyond
//! [`LINES_A_SECOND_MAX`] of one kind and peer they are counted, and the count is
//! logged once the second is over. That never concerns joins, leaves and logins, failed
//! ones included.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use postroom_model::{ComposeRefusal, LogInRefusal, Name, PostRefusal, Reply, Request};
use postroom_protocol::{Category, Report};
use postroom_store::Store;
use tracing::field::display;
use tracing::{Level, debug, info, warn};

use crate::dial::DialFailure;
use crate::event_loop::Server;
use crate::seat::Seat;

/// Lines at `warn` or `debug` of one kind and peer that are written in a second.
const LINES_A_SECOND_MAX: u32 = 20;
/// Kinds and peers that are told apart in a second; further peers count as one.
const PEERS_MAX: usize = 4_096;
const SECOND: Duration = Duration::from_secs(1);

/// Where a session comes from, for the log.
pub(crate) struct Origin<'a> {
    pub(crate) peer: SocketAddr,
    pub(crate) listener: &'static str,
    pub(crate) account: Option<&'a str>,
}

/// A limit that a request met.
#[derive(Debug)]
enum Limit {
    MailboxFull { recipient: Name, capacity: u32 },
    DiskFull,
    TooManyAccounts,
    TooManyHashtags,
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
            | Reply::NotPosted(PostRefusal::DiskFull) => Self::DiskFull,
            Reply::NotComposed(ComposeRefusal::TooManyAccounts)
            | Reply::LogInRefused(LogInRefusal::NoRoom) => Self::TooManyAccounts,
            Reply::NotPosted(PostRefusal::TooManyChannels) => Self::TooManyHashtags,
            Reply::LogInRefused(LogInRefusal::Busy) => Self::TooManyPasswordChecks,
            _ => return None,
        })
    }

    fn as_str(&self) -> &'static str {
        match self {
            Self::MailboxFull { .. } => "refused: the mailbox is full",
            Self::DiskFull => "refused: the disk is full (disk.reserve_bytes)",
            Self::TooManyAccounts => {
                "refused: the server is full (accounts.max), or its disk (disk.reserve_bytes)"
            }
            Self::TooManyHashtags => "refused: the server is full (channels.max)",
            Self::TooManyPasswordChecks => "refused: the server is busy (password_checks_max)",
        }
    }
}

/// How many lines of each kind and peer came in this second.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    lines: HashMap<(Level, &'static str, Option<IpAddr>), u32>,
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
        if level == Level::DEBUG && !tracing::enabled!(Level::DEBUG) {
            return false;
        }
        self.over.get_or_insert(now + SECOND);
        let is_full = self.lines.len() >= PEERS_MAX;
        let known = peer.filter(|_| !is_full || self.lines.contains_key(&(level, kind, peer)));
        let count = self.lines.entry((level, kind, known)).or_default();
        *count = count.saturating_add(1);
        *count <= LINES_A_SECOND_MAX
    }

    /// The time until what was left out is to be logged.
    pub(crate) fn over_in(&self, now: Instant) -> Option<Duration> {
        self.over.map(|over| over.saturating_duration_since(now))
    }

    /// Takes what was left out, once the second is over.
    fn take_left_out(
        &mut self,
        now: Instant,
    ) -> impl Iterator<Item = (Level, &'static str, Option<IpAddr>, u32)> + use<> {
        let is_over = self.over.take_if(|over| *over <= now).is_some();
        let lines = if is_over { std::mem::take(&mut self.lines) } else { HashMap::new() };
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
        LogInRefusal::NoRoom => "no new account can be stored",
        LogInRefusal::Present => "the account is present already",
    }
}

fn request_name(request: &Request) -> &'static str {
    match request {
        Request::LogIn { .. } => "log in",
        Request::Compose { .. } => "compose",
        Request::Read => "read",
        Request::Confirm => "confirm",
        Request::CountUnread => "count unread",
        Request::ListPresent => "list present",
        Request::Post { .. } => "post",
        Request::Tell { .. } => "tell",
        Request::Join(_) => "join",
        Request::Leave(_) => "leave",
        Request::Latest(_) => "latest",
        Request::Timeline { .. } => "timeline",
    }
}

impl<S: Store> Server<S> {
    /// A connection was accepted. On the board that is all that tells of a client, so
    /// it is a line for the operator.
    pub(crate) fn log_connected(&mut self, session: usize) {
        let Some(seat) = self.seats.get(session) else {
            return;
        };
        let Origin { peer, listener, .. } = seat.origin();
        if seat.protocol.reports {
            info!(%peer, %listener, "connected");
        } else if self.line_counts.admit(Level::DEBUG, "connected", Some(peer.ip()), self.now) {
            debug!(%peer, %listener, "connected");
        }
    }

    /// A session's reply is a login or a refusal.
    pub(crate) fn log_reply(&mut self, session: usize, reply: &Reply) {
        let Some(seat) = self.seats.get(session) else {
            return;
        };
        let Origin { peer, listener, account } = seat.origin();
        let account = account.map(display);
        match reply {
            Reply::LoggedIn { .. } => info!(%peer, %listener, account, "logged in"),
            Reply::LogInRefused(refusal) => {
                info!(%peer, %listener, account, reason = reason(*refusal), "login failed");
            }
            _ => {}
        }
        // A refused post on the board is logged with its report.
        let Some(limit) = Limit::of(reply).filter(|_| !seat.protocol.reports) else {
            return;
        };
        let what = limit.as_str();
        if !self.line_counts.admit(Level::WARN, what, Some(peer.ip()), self.now) {
            return;
        }
        if let Limit::MailboxFull { recipient, capacity } = limit {
            warn!(%peer, %listener, account, %recipient, capacity, "{what}");
        } else {
            warn!(%peer, %listener, account, "{what}");
        }
    }

    /// A session reports something to the operator. The text of a message stays out of
    /// the log.
    pub(crate) fn log_report(&mut self, session: usize, report: &Report) {
        let Some(seat) = self.seats.get(session) else {
            return;
        };
        let Origin { peer, listener, .. } = seat.origin();
        let Report { category, what, text } = report;
        match category {
            Category::Error => {
                if self.line_counts.admit(Level::WARN, "refused", Some(peer.ip()), self.now) {
                    warn!(%peer, %listener, reason = what, "refused");
                }
            }
            Category::General | Category::Connection => {
                let characters = text.as_ref().map(|text| text.as_str().chars().count());
                info!(%peer, %listener, characters, "{what}");
            }
        }
    }

    /// A session asks for something.
    pub(crate) fn log_request(&mut self, session: usize, request: &Request) {
        let Some(seat) = self.seats.get(session) else {
            return;
        };
        let peer = seat.peer.ip;
        if self.line_counts.admit(Level::DEBUG, "request", Some(peer), self.now) {
            let Origin { peer, listener, account } = seat.origin();
            let account = account.map(display);
            debug!(%peer, %listener, account, what = request_name(request), "request");
        }
    }

    /// A client could not be dialled back. A rule that forbids it is a limit, so its
    /// lines may be left out.
    pub(crate) fn log_dial_failed(
        &mut self,
        session: usize,
        port: u16,
        failure: Option<&DialFailure>,
    ) {
        let Some(seat) = self.seats.get(session) else {
            return;
        };
        let Origin { peer, listener, account } = seat.origin();
        let account = account.map(display);
        match failure {
            Some(DialFailure::NotAllowed(reason)) => {
                let what = "dialling back refused";
                if self.line_counts.admit(Level::WARN, what, Some(peer.ip()), self.now) {
                    warn!(%peer, %listener, account, port, reason, "{what}");
                }
            }
            Some(DialFailure::System(reason)) => {
                info!(%peer, %listener, account, port, %reason, "dialling back failed");
            }
            None => {
                let reason = "no answer";
                info!(%peer, %listener, account, port, reason, "dialling back failed");
            }
        }
    }

    /// A session has ended.
    pub(crate) fn log_disconnected(&mut self, seat: &Seat, reason: &'static str, is_a_limit: bool) {
        let Origin { peer, listener, account } = seat.origin();
        let account = account.map(display);
        if !is_a_limit {
            info!(%peer, %listener, account, reason, "disconnected");
        } else if self.line_counts.admit(Level::WARN, reason, Some(peer.ip()), self.now) {
            warn!(%peer, %listener, account, reason, "disconnected");
        }
    }

    /// Logs the ends of the sessions that are left when the server ends.
    pub(crate) fn log_cut_off(&mut self) {
        for key in self.seats.keys() {
            if let Some(seat) = self.seats.remove(key) {
                self.log_disconnected(&seat, "the server ends (stop.limit_ms)", false);
            }
        }
    }

    /// Logs how many lines were left out, although the second is not over.
    pub(crate) fn log_all_left_out(&mut self) {
        self.now += SECOND;
        self.log_left_out();
    }

    /// Logs how many lines were left out in a second that is over.
    pub(crate) fn log_left_out(&mut self) {
        for (level, kind, peer, left_out) in self.line_counts.take_left_out(self.now) {
            let peer = peer.map(display);
            if level == Level::WARN {
                warn!(peer, kind, left_out, "more lines of this kind within a second");
            } else {
                debug!(peer, kind, left_out, "more lines of this kind within a second");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_twenty_a_second_lines_of_one_kind_and_peer_are_counted() {
        let (mut counts, now) = (Counts::default(), Instant::now());
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let admitted = |counts: &mut Counts, kind, peer, lines| {
            (0..lines).filter(|_| counts.admit(Level::WARN, kind, Some(peer), now)).count()
        };
        assert_eq!(admitted(&mut counts, "full", one, 50), 20);
        assert_eq!(admitted(&mut counts, "busy", one, 20), 20);
        assert_eq!(admitted(&mut counts, "full", other, 5), 5);
        assert_eq!(counts.over_in(now), Some(SECOND));
        assert_eq!(counts.take_left_out(now).count(), 0, "the second is not over");
        let left_out: Vec<_> = counts.take_left_out(now + SECOND).collect();
        assert_eq!(left_out, [(Level::WARN, "full", Some(one), 30)]);
        assert_eq!(counts.over_in(now), None);
        assert_eq!(admitted(&mut counts, "full", one, 1), 1, "a new second");
    }

    #[test]
    fn the_number_of_peers_is_bounded() {
        let (mut counts, now) = (Counts::default(), Instant::now());
        for peer in 0..20_000_u32 {
            counts.admit(Level::WARN, "full", Some(IpAddr::from(peer.to_be_bytes())), now);
        }
        assert!(counts.lines.len() <= PEERS_MAX + 1);
        let left_out: u32 = counts.take_left_out(now + SECOND).map(|(.., count)| count).sum();
        assert_eq!(left_out as usize, 20_000 - PEERS_MAX - LINES_A_SECOND_MAX as usize);
    }
}
