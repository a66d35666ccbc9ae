//! What the service manager is told of this process, as in `sd_notify(3)`.
//!
//! A service manager such as systemd names a datagram socket in `NOTIFY_SOCKET`. It learns
//! there when the server is ready, when it reads files again and when it stops. If it asks
//! for it in `WATCHDOG_USEC`, the event loop also says at half of that time that it goes
//! round. Nothing here waits: what the socket has no room for is sent later.

use std::collections::VecDeque;
use std::env;
use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Messages that wait for room in the socket; further ones are dropped.
const UNSENT_MAX: usize = 8;
/// How long to wait after the socket had no room: no event reports that it has.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// The shortest time between two signs of life.
const ALIVE_EVERY_MIN: Duration = Duration::from_millis(1);

/// The service manager that has started this process, if there is one that wants to know.
#[derive(Debug, Default)]
pub struct ServiceManager {
    socket: Option<NotifySocket>,
    /// Between two signs of life. `None`: it waits for none.
    alive_every: Option<Duration>,
    /// When the next sign of life is due, once the server was ready.
    alive_at: Option<Instant>,
    /// In their order.
    unsent: VecDeque<String>,
    /// When the socket may have room again.
    again_at: Option<Instant>,
    phase: Phase,
    /// It was said that it cannot be told.
    is_failing: bool,
}

/// Starting -> Ready <-> Reloading, and from each of these to Stopping, which lasts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Phase {
    #[default]
    Starting,
    Ready,
    Reloading,
    Stopping,
}

/// The socket is sent to by name each time, so that a service manager that has restarted
/// hears on.
#[derive(Debug)]
struct NotifySocket {
    socket: UnixDatagram,
    to: SocketAddr,
}

impl ServiceManager {
    /// The one that the environment names. What is wrong there is logged and stops nothing.
    #[must_use]
    pub fn from_environment() -> Self {
        let name = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty());
        let Some(name) = name else { return Self::default() };
        match NotifySocket::open(&name) {
            Ok(socket) => {
                Self { socket: Some(socket), alive_every: alive_every(), ..Self::default() }
            }
            Err(error) => {
                tracing::warn!(
                    "the service manager is told nothing: NOTIFY_SOCKET is {name:?}: {error}"
                );
                Self::default()
            }
        }
    }

    /// All listeners accept, and the files are read.
    pub(crate) fn ready(&mut self, now: Instant, listeners: usize) {
        if self.phase != Phase::Stopping {
            self.phase = Phase::Ready;
            self.tell(now, format!("READY=1\nSTATUS=ready, listeners: {listeners}"));
            self.alive_at = self.alive_at.or(self.alive_every.map(|every| now + every));
        }
    }

    /// The settings, the password file and the certificate are read again, until the server is
    /// [ready](Self::ready).
    pub(crate) fn reloading(&mut self, now: Instant) {
        if self.phase == Phase::Stopping {
            return;
        }
        self.phase = Phase::Reloading;
        let clock = clock_gettime(ClockId::Monotonic);
        let monotonic_us = clock.tv_sec * 1_000_000 + clock.tv_nsec / 1_000;
        self.tell(
            now,
            format!(
                "RELOADING=1\nMONOTONIC_USEC={monotonic_us}\n\
                 STATUS=reading the settings, the password file and the certificate"
            ),
        );
    }

    pub(crate) fn is_reloading(&self) -> bool {
        self.phase == Phase::Reloading
    }

    /// The server stops, and ends so many connections.
    pub(crate) fn stopping(&mut self, now: Instant, connections: usize) {
        self.phase = Phase::Stopping;
        self.tell(now, format!("STOPPING=1\nSTATUS=stopping, connections: {connections}"));
    }

    /// A turn of the event loop: says that it goes round, if that is due, and what had no
    /// room.
    pub(crate) fn turn(&mut self, now: Instant) {
        if self.again_at.take_if(|at| *at <= now).is_some() {
            self.send(now);
        }
        if let (Some(at), Some(every)) = (self.alive_at, self.alive_every)
            && at <= now
        {
            self.alive_at = Some(now + every);
            self.tell(now, "WATCHDOG=1".to_owned());
        }
    }

    /// When [`turn`](Self::turn) has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        [self.alive_at, self.again_at].into_iter().flatten().min()
    }

    fn tell(&mut self, now: Instant, what: String) {
        if self.socket.is_some() && self.unsent.len() < UNSENT_MAX {
            self.unsent.push_back(what);
            self.send(now);
        }
    }

    fn send(&mut self, now: Instant) {
        let Some(NotifySocket { socket, to }) = &self.socket else { return };
        while let Some(what) = self.unsent.front() {
            match socket.send_to_addr(what.as_bytes(), to) {
                Ok(_) => self.is_failing = false,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.again_at = Some(now + AGAIN_AFTER);
                    return;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    if !std::mem::replace(&mut self.is_failing, true) {
                        tracing::warn!(
                            "the service manager cannot be told, at NOTIFY_SOCKET: {error}"
                        );
                    }
                }
            }
            self.unsent.pop_front();
        }
    }
}

impl NotifySocket {
    fn open(name: &OsStr) -> io::Result<Self> {
        let to = match name.as_bytes() {
            [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
            [b'/', ..] => SocketAddr::from_pathname(name)?,
            _ => {
                let what = "it names no Unix socket: it begins with neither / nor @";
                return Err(io::Error::new(ErrorKind::InvalidInput, what));
            }
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, to })
    }
}

/// Half of the time within which the service manager wants a sign of life, if it wants one
/// of this process.
fn alive_every() -> Option<Duration> {
    let limit = env::var("WATCHDOG_USEC").ok()?;
    let is_of_another = |pid: String| pid.parse() != Ok(process::id());
    if env::var("WATCHDOG_PID").is_ok_and(is_of_another) {
        return None;
    }
    match limit.parse() {
        Ok(0) => None,
        Ok(limit_us) => Some((Duration::from_micros(limit_us) / 2).max(ALIVE_EVERY_MIN)),
        Err(_) => {
            tracing::warn!(
                "the watchdog gets no sign of life: WATCHDOG_USEC is {limit:?}, which is no \
                 number of microseconds"
            );
            None
        }
    }
}
