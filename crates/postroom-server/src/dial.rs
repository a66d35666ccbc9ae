//! Dialling back to a client: the rules that keep it from being a way to reach
//! others (RFC 2577).
//!
//! Only the address that the client's connection comes from is dialled, ports from
//! 1024 on, one at a time, while there is a place for one more connection, and no
//! more for an account that has failed too often. A
//! dial that fails, or is not even made, is answered when the limit has passed, so
//! that the answer tells nothing of what listens where.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Interest, Token};
use postroom_model::Name;
use postroom_protocol::{Dial, Input, Stream};
use postroom_store::Store;

use crate::connection::{Connection, Ending, Phase};
use crate::event_loop::{FIRST_CONNECTION, Server};
use crate::listener::KeepAlive;
use crate::timers::Deadline;

/// The lowest port that is dialled.
const PORT_MIN: u16 = 1_024;

/// Failed dials of an account in [`FAILURES_WITHIN`] after which none is made.
const FAILURES_MAX: usize = 3;
const FAILURES_WITHIN: Duration = Duration::from_mins(1);

/// The wait before a refused dial is tried again; it doubles each time. The
/// original client of seed 002 sends its port before it listens there.
const FIRST_RETRY_AFTER: Duration = Duration::from_millis(20);

/// A dial under way.
#[derive(Debug)]
pub(crate) struct Dialling {
    account: Name,
    port: u16,
    /// When it has failed at the latest.
    limit: Option<Instant>,
    /// When it is tried again.
    retry: Option<Instant>,
    /// The wait before the next try.
    retry_after: Duration,
    /// Why no connection came about so far.
    failure: Option<DialFailure>,
}

/// Why a client was not reached.
#[derive(Debug)]
pub(crate) enum DialFailure {
    /// Nothing was tried: a rule forbids it.
    NotAllowed(&'static str),
    /// What the operating system said last.
    System(io::Error),
}

impl fmt::Display for DialFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAllowed(rule) => formatter.write_str(rule),
            Self::System(error) => error.fmt(formatter),
        }
    }
}

/// The dials that failed a short time ago, by account.
#[derive(Debug, Default)]
pub(crate) struct Failures(HashMap<Name, Vec<Instant>>);

impl Failures {
    fn are_too_many(&mut self, account: &Name, now: Instant) -> bool {
        // What is old is forgotten for all: the table holds a minute.
        self.0.retain(|_, failures| {
            failures.retain(|at| now.saturating_duration_since(*at) < FAILURES_WITHIN);
            !failures.is_empty()
        });
        self.0.get(account).is_some_and(|failures| failures.len() >= FAILURES_MAX)
    }

    fn add(&mut self, account: Name, now: Instant) {
        self.0.entry(account).or_default().push(now);
    }
}

impl<S: Store> Server<S> {
    /// Dials, if that is allowed. The session has its answer at the latest when the
    /// time limit has passed.
    pub(crate) fn dial(&mut self, session: usize, dial: Dial) {
        let Dial { port, account } = dial;
        let failure = self.forbids_dial(session, &account, port).map(DialFailure::NotAllowed);
        let is_allowed = failure.is_none();
        let retry_after = FIRST_RETRY_AFTER;
        let mut dialling =
            Box::new(Dialling { account, port, limit: None, retry: None, retry_after, failure });
        let limit = self.now + self.settings.dial_limit;
        self.timers.set(&mut dialling.limit, Deadline::Dial(session), Some(limit));
        if let Some(seat) = self.seats.get_mut(session) {
            seat.dialling = Some(dialling);
        }
        if is_allowed {
            self.try_dial(session);
        }
    }

    /// The rule that forbids a dial, if one does (RFC 2577: a client must not make
    /// the server connect wherever it likes).
    fn forbids_dial(&mut self, session: usize, account: &Name, port: u16) -> Option<&'static str> {
        if !self.settings.dials_back {
            return Some("dialling back is off (im.dial_back)");
        }
        if port < PORT_MIN {
            return Some("the port is below 1024");
        }
        if self.seats.get(session).is_none_or(|seat| seat.back.is_some()) {
            return Some("the client is connected back already");
        }
        if self.connections.len() >= self.settings.connections_max {
            return Some("the server has as many connections as it may have (connection.max)");
        }
        if self.dial_failures.are_too_many(account, self.now) {
            return Some("too many dials for the account have failed within a minute");
        }
        None
    }

    /// The time to try a dial again has come.
    pub(crate) fn redial(&mut self, session: usize) {
        let dialling = self.seats.get_mut(session).and_then(|seat| seat.dialling.as_mut());
        if let Some(dialling) = dialling {
            dialling.retry = None;
            self.try_dial(session);
        }
    }

    /// Begins one try of a dial.
    fn try_dial(&mut self, session: usize) {
        let seat = self.seats.get(session).filter(|seat| seat.back.is_none());
        let Some((front, port)) =
            seat.and_then(|seat| Some((seat.front, seat.dialling.as_ref()?.port)))
        else {
            return;
        };
        if let Err(error) = self.connect(session, front, port) {
            self.dial_failed(session, error);
        }
    }

    fn connect(&mut self, session: usize, front: usize, port: u16) -> io::Result<()> {
        // The addresses keep their scope, without which a link-local one of IPv6
        // cannot be reached.
        let (mut from, mut to) = self.connections[front].addresses()?;
        from.set_port(0);
        to.set_port(port);
        let socket = open(from, to, self.settings.keep_alive)?;
        let connection = Connection::new(socket, session, Stream::Back, Phase::Dialling);
        let key = self.connections.insert(connection);
        if let Some(seat) = self.seats.get_mut(session) {
            seat.back = Some(key);
        }
        let registered = self.poll.registry().register(
            self.connections[key].socket_mut(),
            Token(FIRST_CONNECTION + key),
            Interest::READABLE | Interest::WRITABLE,
        );
        registered.inspect_err(|_| self.remove(key, Ending::Unwatched))
    }

    /// Looks whether a peer that was dialled has answered.
    pub(crate) fn dial_event(&mut self, key: usize) {
        let connection = &mut self.connections[key];
        let Some(session) = connection.session else {
            return;
        };
        match connection.dialled() {
            Some(Ok(())) => {
                connection.phase = Phase::Open;
                self.end_dial(session);
                self.feed(session, Input::Dialled(true));
                self.will_take(key);
            }
            Some(Err(error)) => {
                self.remove(key, Ending::AsItsPhase);
                self.dial_failed(session, error);
            }
            None => {}
        }
    }

    /// One try has failed. A refused one is repeated; whatever failed, the session
    /// is told when the time limit has passed.
    fn dial_failed(&mut self, session: usize, error: io::Error) {
        let Some(seat) = self.seats.get_mut(session) else {
            return;
        };
        let Some(dialling) = &mut seat.dialling else {
            return;
        };
        if error.kind() == io::ErrorKind::ConnectionRefused {
            let at = self.now + dialling.retry_after;
            dialling.retry_after *= 2;
            self.timers.set(&mut dialling.retry, Deadline::Redial(session), Some(at));
        }
        dialling.failure = Some(DialFailure::System(error));
    }

    /// The time for a dial has passed.
    pub(crate) fn dial_limit_passed(&mut self, session: usize) {
        self.give_up_dial(session);
        if let Some(back) = self.seats.get(session).and_then(|seat| seat.back) {
            self.remove(back, Ending::AsItsPhase);
        }
        self.feed(session, Input::Dialled(false));
    }

    /// Ends a dial that has failed, or whose session has left before that was
    /// known. All its tries count once.
    pub(crate) fn give_up_dial(&mut self, session: usize) {
        let Some(dialling) = self.end_dial(session) else {
            return;
        };
        let Dialling { account, port, failure, .. } = *dialling;
        self.log_dial_failed(session, port, failure.as_ref());
        if !matches!(failure, Some(DialFailure::NotAllowed(_))) {
            self.dial_failures.add(account, self.now);
        }
    }

    fn end_dial(&mut self, session: usize) -> Option<Box<Dialling>> {
        let mut dialling = self.seats.get_mut(session)?.dialling.take()?;
        self.timers.set(&mut dialling.limit, Deadline::Dial(session), None);
        self.timers.set(&mut dialling.retry, Deadline::Redial(session), None);
        Some(dialling)
    }
}

/// Begins to connect, from the address that the client knows the server by.
fn open(from: SocketAddr, to: SocketAddr, keep_alive: KeepAlive) -> io::Result<TcpStream> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::for_address(to), Type::STREAM.nonblocking(), None)?;
    keep_alive.apply(&socket)?;
    socket.bind(&from.into())?;
    match socket.connect(&to.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_count_for_a_minute_and_are_forgotten_then() {
        let (mut failures, start) = (Failures::default(), Instant::now());
        let (bob, ann) = (Name::new("bob").unwrap(), Name::new("ann").unwrap());
        for seconds in 0..3 {
            let now = start + Duration::from_secs(seconds);
            assert!(!failures.are_too_many(&bob, now));
            failures.add(Name::new("BOB").unwrap(), now);
        }
        assert!(failures.are_too_many(&bob, start + Duration::from_secs(59)));
        assert!(!failures.are_too_many(&ann, start));
        assert!(!failures.are_too_many(&bob, start + FAILURES_WITHIN));
        assert!(!failures.are_too_many(&bob, start + Duration::from_secs(200)));
        assert!(failures.0.is_empty());
    }
}
