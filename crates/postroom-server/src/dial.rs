//! Dialling back to a client: the rules that keep it from being a way to reach
//! others (RFC 2577).
//!
//! Only the address that the client's connection comes from is dialled, ports from
//! 1024 on, one at a time, while there is a place for one more connection, and no
//! more for an account that has failed too often. A
//! dial that fails, or is not even made, is answered when the limit has passed, so
//! that the answer tells nothing of what listens where.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Interest, Token};
use postroom_model::Name;
use postroom_protocol::{Dial, Input, Stream};
use postroom_store::Store;

use crate::connection::{Connection, Phase};
use crate::event_loop::{FIRST_CONNECTION, Server};
use crate::listener::KeepAlive;
use crate::timers::Deadline;

/// The lowest port that is dialled.
const PORT_MIN: u16 = 1_024;

/// Failed dials of an account in [`FAILURES_WITHIN`] after which none is made.
const FAILURES_MAX: usize = 3;
const FAILURES_WITHIN: Duration = Duration::from_mins(1);

/// A dial under way.
#[derive(Debug)]
pub(crate) struct Dialling {
    account: Name,
    /// Whether a connection was tried.
    is_tried: bool,
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
    /// Dials, if that is allowed; the answer comes at the latest when the limit
    /// has passed.
    pub(crate) fn dial(&mut self, session: usize, dial: Dial) {
        let limit = self.now + self.settings.dial_limit;
        let Some(seat) = self.seats.get_mut(session) else {
            return;
        };
        self.timers.set(&mut seat.deadlines.dial, Deadline::Dial(session), Some(limit));
        let front = seat.front;
        let is_allowed = dial.port >= PORT_MIN
            && seat.back.is_none()
            && self.connections.len() < self.settings.connections_max
            && !self.dial_failures.are_too_many(&dial.account, self.now);
        seat.dialling = Some(Box::new(Dialling { account: dial.account, is_tried: is_allowed }));
        if is_allowed && let Err(error) = self.connect(session, front, dial.port) {
            tracing::debug!(%error, port = dial.port, "cannot dial a client");
        }
    }

    fn connect(&mut self, session: usize, front: usize, port: u16) -> io::Result<()> {
        let (ours, theirs) = self.connections[front].addresses()?;
        let socket = open(ours.ip(), SocketAddr::new(theirs.ip(), port), self.settings.keep_alive)?;
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
        registered.inspect_err(|_| self.remove(key))
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
                self.dialled(session, true);
                self.will_take(key);
            }
            // It is told when the limit has passed.
            Some(Err(_)) => self.remove(key),
            None => {}
        }
    }

    /// The time for a dial has passed.
    pub(crate) fn dial_limit_passed(&mut self, session: usize) {
        let Some(seat) = self.seats.get_mut(session) else {
            return;
        };
        let (dialling, back) = (seat.dialling.take(), seat.back);
        self.count_failure(dialling);
        if let Some(back) = back {
            self.remove(back);
        }
        self.dialled(session, false);
    }

    /// A dial has failed, or its session has left before it could be known.
    pub(crate) fn count_failure(&mut self, dialling: Option<Box<Dialling>>) {
        if let Some(dialling) = dialling.filter(|dialling| dialling.is_tried) {
            self.dial_failures.add(dialling.account, self.now);
        }
    }

    fn dialled(&mut self, session: usize, is_connected: bool) {
        if let Some(seat) = self.seats.get_mut(session) {
            seat.dialling = None;
            self.timers.set(&mut seat.deadlines.dial, Deadline::Dial(session), None);
            self.feed(session, Input::Dialled(is_connected));
        }
    }
}

/// Begins to connect, from the address that the client knows the server by.
fn open(from: IpAddr, to: SocketAddr, keep_alive: KeepAlive) -> io::Result<TcpStream> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::for_address(to), Type::STREAM.nonblocking(), None)?;
    keep_alive.apply(&socket)?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
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
