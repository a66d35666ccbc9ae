//! The event loop: waits, takes, commits, answers.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};
use postroom_office::{
    FilePasswords, Member, News, Office, PasswordRead, PasswordsRead, SessionKey,
};
use postroom_protocol::{Category, Outputs, Report};
use postroom_store::{Store, StoreFailure};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use slab::Slab;

use crate::acknowledgement::Watch;
use crate::audit::Counts;
use crate::before_login::BeforeLogin;
use crate::connection::{Buffer, Connection, Ending, Peer, Phase};
use crate::dial::Failures;
use crate::listener::BoundListener;
use crate::seat::Seats;
use crate::signals::CaughtSignals;
use crate::spare::SpareBuffers;
use crate::tell::Untold;
use crate::threads::{self, Threads};
use crate::timers::{Deadline, Timers};
use crate::{ServerError, ServerSettings};

const NEWS: Token = Token(0);
const SIGNALS: Token = Token(1);
const FIRST_LISTENER: usize = 2;
pub(crate) const FIRST_CONNECTION: usize = 1 << 16;

/// Bytes taken from a connection before the others have their turn.
const TAKE_BYTES: usize = 64 << 10;
/// Events taken in one turn.
const EVENTS: usize = 1_024;

/// A server with all its listeners open.
pub struct Server<S> {
    pub(crate) settings: ServerSettings,
    pub(crate) poll: Poll,
    signals: CaughtSignals,
    pub(crate) threads: Threads,
    pub(crate) listeners: Vec<Listening>,
    /// When connections are accepted again after a shortage.
    pub(crate) accept_again: Option<Instant>,
    /// Connections wait since there are as many as there may be.
    pub(crate) is_full: bool,
    /// The listener that a connection was last accepted from.
    pub(crate) next_listener: usize,
    /// Connections that were evicted before their login and may still be drained.
    pub(crate) evicted: VecDeque<usize>,
    pub(crate) office: Office<S>,
    pub(crate) connections: Slab<Connection>,
    pub(crate) seats: Seats,
    pub(crate) before_login: BeforeLogin,
    /// Lines of the log in this second.
    pub(crate) line_counts: Counts,
    /// What is heard once it is acknowledged.
    pub(crate) watches: Vec<Watch>,
    pub(crate) dial_failures: Failures,
    pub(crate) reporter: Box<dyn Reporter>,
    pub(crate) timers: Timers,
    pub(crate) passwords_deadline: Option<Instant>,
    /// The time at which this turn began.
    pub(crate) now: Instant,
    /// Connections with bytes to be taken.
    pub(crate) readable: Vec<usize>,
    /// Connections with answers to be written, or to be ended.
    pub(crate) unflushed: Vec<usize>,
    pub(crate) news: Vec<News>,
    /// Posts in one channel that are still to be told.
    pub(crate) posts: Vec<Untold>,
    /// Whom they are told.
    pub(crate) members: Vec<Member>,
    /// Whom an event is told.
    pub(crate) audience: Vec<SessionKey>,
    pub(crate) outputs: Outputs,
    /// Empty buffers for answers: an idle connection keeps none.
    pub(crate) spare: SpareBuffers,
    pub(crate) buffer: Box<[u8]>,
    stop: Stop,
}

/// What a server is made of.
pub struct Parts<S> {
    /// The limits.
    pub settings: ServerSettings,
    /// Where everything is kept.
    pub store: S,
    /// Where it listens.
    pub listeners: Vec<BoundListener>,
    /// The signals, caught since before the listeners were opened.
    pub signals: CaughtSignals,
    /// Passwords that the store does not have, if there are any.
    pub passwords: Option<Passwords>,
    /// The operator's report.
    pub reporter: Box<dyn Reporter>,
}

/// Passwords of a password file.
pub struct Passwords {
    /// What it says at the start.
    pub first: FilePasswords,
    /// Reads it again.
    pub source: Box<dyn PasswordSource>,
}

/// A password file, read on a thread of its own: it may be slow or hang.
pub trait PasswordSource: Send {
    /// Reads it if it has changed, and writes to the log what the operator must
    /// know.
    fn read(&mut self, read: PasswordRead) -> PasswordsRead;
}

/// The operator's report.
pub trait Reporter {
    /// Adds a line; what goes wrong with that stops nothing.
    fn report(&mut self, report: &Report);
}

/// How far a stop has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stop {
    No,
    /// What has come to the sockets by now is still taken.
    Asked,
    /// Connections that are left at this time are cut.
    Until(Instant),
}

pub(crate) struct Listening {
    pub(crate) bound: BoundListener,
    /// Connections may wait in the operating system's queue.
    pub(crate) waiting: bool,
}

fn refused(what: &'static str) -> impl FnOnce(io::Error) -> ServerError {
    move |cause| ServerError::System { what, cause }
}

impl<S: Store> Server<S> {
    /// Takes over the listeners and starts the threads, `housekeeping` on one of
    /// its own.
    pub fn new(
        parts: Parts<S>,
        housekeeping: impl FnOnce() -> Result<(), StoreFailure> + Send + 'static,
    ) -> Result<Self, ServerError> {
        let Parts { settings, store, listeners, mut signals, passwords, reporter } = parts;
        let poll = Poll::new().map_err(refused("watch sockets"))?;
        let registry = poll.registry();
        signals.register(registry, SIGNALS).map_err(refused("catch signals"))?;
        let mut listening = Vec::new();
        for (number, mut bound) in listeners.into_iter().enumerate() {
            registry
                .register(&mut bound.listener, Token(FIRST_LISTENER + number), Interest::READABLE)
                .map_err(refused("watch a listener"))?;
            listening.push(Listening { bound, waiting: true });
        }
        let waker = Waker::new(registry, NEWS).map_err(refused("wake the server"))?;
        let mut office = Office::new(store, settings.password_checks_max);
        let source = passwords.map(|Passwords { first, source }| {
            office.use_password_file(first);
            source
        });
        let threads =
            Threads::start(waker, source, housekeeping).map_err(refused("start a thread"))?;
        let mut server = Self {
            office,
            settings,
            poll,
            signals,
            threads,
            listeners: listening,
            accept_again: None,
            is_full: false,
            next_listener: 0,
            evicted: VecDeque::new(),
            connections: Slab::new(),
            seats: Seats::default(),
            before_login: BeforeLogin::default(),
            line_counts: Counts::default(),
            watches: Vec::new(),
            dial_failures: Failures::default(),
            reporter,
            timers: Timers::default(),
            passwords_deadline: None,
            now: Instant::now(),
            readable: Vec::new(),
            unflushed: Vec::new(),
            news: Vec::new(),
            posts: Vec::new(),
            members: Vec::new(),
            audience: Vec::new(),
            outputs: Outputs::default(),
            spare: SpareBuffers::default(),
            buffer: vec![0; TAKE_BYTES].into_boxed_slice(),
            stop: Stop::No,
        };
        server.report(Category::General, "server started");
        Ok(server)
    }

    /// Serves until a signal asks it to stop, or the store fails.
    pub fn run(mut self) -> Result<(), ServerError> {
        let served = self.serve();
        self.log_cut_off();
        self.log_all_left_out();
        match &served {
            Ok(()) => self.report(Category::Connection, "server stopped"),
            Err(error) => self.report(Category::Error, &format!("server failed: {error}")),
        }
        // The store closes its file and calls off its housekeeping.
        drop(self.office);
        self.threads.join();
        served
    }

    fn serve(&mut self) -> Result<(), ServerError> {
        let mut events = Events::with_capacity(EVENTS);
        while !self.has_stopped() {
            self.wait(&mut events)?;
            self.take_events(&events);
            self.gather(&mut events)?;
            self.begin_stop();
            self.pass_deadlines();
            self.read_news()?;
            self.tend_logins();
            self.settle()?;
            // What those that are here have sent was taken by now: none is ended whose
            // login has come.
            self.evict_before_login();
            self.accept();
            self.check_passwords();
            self.flush();
            self.ask_for_acknowledgements();
            self.log_left_out();
        }
        Ok(())
    }

    pub(crate) fn report(&mut self, category: Category, what: &str) {
        self.reporter.report(&Report::new(category, what));
    }

    fn take_events(&mut self, events: &Events) {
        for event in events {
            self.event(event);
        }
        self.take_input();
    }

    /// Takes what has come while input was taken: before a sync, one more look
    /// costs less than one more group.
    fn gather(&mut self, events: &mut Events) -> Result<(), ServerError> {
        if self.office.asks_the_store() {
            self.poll_for(events, Some(Duration::ZERO))?;
            self.take_events(events);
        }
        Ok(())
    }

    /// Waits until there is something to do.
    fn wait(&mut self, events: &mut Events) -> Result<(), ServerError> {
        let busy = !self.readable.is_empty()
            || !self.unflushed.is_empty()
            || self.office.is_unsettled()
            || self.may_accept();
        let timeout = if busy {
            Some(Duration::ZERO)
        } else {
            let stop = match self.stop {
                Stop::No => None,
                Stop::Asked => Some(Duration::ZERO),
                Stop::Until(limit) => Some(limit.saturating_duration_since(self.now)),
            };
            let line_counts = self.line_counts.over_in(self.now);
            let next = [self.timers.next_in(self.now), self.next_ask_in(), line_counts, stop];
            next.into_iter().flatten().min()
        };
        self.poll_for(events, timeout)?;
        self.now = Instant::now();
        Ok(())
    }

    fn poll_for(
        &mut self,
        events: &mut Events,
        timeout: Option<Duration>,
    ) -> Result<(), ServerError> {
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                Err(refused("wait for sockets")(error))
            }
            _ => Ok(()),
        }
    }

    fn event(&mut self, event: &mio::event::Event) {
        match event.token() {
            NEWS => {}
            SIGNALS => self.signal(),
            Token(token) if token >= FIRST_CONNECTION => {
                self.connection_event(token - FIRST_CONNECTION, event);
            }
            Token(token) => {
                if let Some(listener) = self.listeners.get_mut(token - FIRST_LISTENER) {
                    listener.waiting = true;
                }
            }
        }
    }

    fn connection_event(&mut self, key: usize, event: &mio::event::Event) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        if event.is_read_closed() && connection.peer == Peer::Open {
            connection.peer = Peer::Ending;
        }
        if connection.phase == Phase::Dialling {
            self.dial_event(key);
            return;
        }
        if event.is_writable() {
            connection.buffer = Buffer::HasRoom;
        }
        if event.is_error() && !self.takes_bytes(key) {
            // A reset, which no one would come to read.
            let ending = Ending::Broken(self.connections[key].take_error());
            self.remove(key, ending);
            return;
        }
        let connection = &mut self.connections[key];
        let writes = event.is_writable() && !connection.output.is_empty();
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            connection.readable = true;
            self.will_take(key);
        }
        if writes {
            self.will_flush(key);
        }
    }

    /// A first signal asks for an orderly stop, a second one for a quick one;
    /// SIGHUP asks to read the passwords anew.
    fn signal(&mut self) {
        for signal in self.signals.pending() {
            match (signal, self.stop) {
                (SIGHUP, _) => self.office.ask_for_passwords(),
                // Some tools send it to ask a program for its state; by default it
                // would end this one.
                (SIGUSR1, _) => {}
                (SIGINT | SIGTERM, Stop::No) => {
                    tracing::info!(connections = self.connections.len(), "stopping");
                    self.stop = Stop::Asked;
                }
                _ => self.stop = Stop::Until(self.now),
            }
        }
    }

    /// Lets logins go on that need wait no longer for the password file, and has it
    /// read where they do.
    fn tend_logins(&mut self) {
        if let Some(read) = self.office.tend_logins(self.now) {
            self.threads.read_passwords(read);
        }
        let at = self.office.logins_wait_until();
        self.timers.set(&mut self.passwords_deadline, Deadline::Passwords, at);
    }

    /// Begins a stop: no new connection, and no more of those there are than what
    /// they have asked for already.
    fn begin_stop(&mut self) {
        if self.stop == Stop::Asked {
            self.stop = Stop::Until(self.now + self.settings.stop_limit);
            self.listeners.clear();
            self.stop_sessions();
        }
    }

    fn has_stopped(&self) -> bool {
        match self.stop {
            Stop::No | Stop::Asked => false,
            Stop::Until(limit) => self.has_finished() || self.now >= limit,
        }
    }

    /// Whether no client is left, and all names of the password file are locked: one
    /// that is gone from the file at the next start must not be open then.
    fn has_finished(&self) -> bool {
        self.connections.is_empty() && !self.office.asks_the_store()
    }

    /// Takes what the threads have to tell.
    fn read_news(&mut self) -> Result<(), ServerError> {
        while let Some(news) = self.threads.take_news() {
            match news {
                threads::News::Checked(checked) => self.office.checked(checked),
                threads::News::PasswordsRead(read) => self.office.passwords_read(read),
                threads::News::Failed(failure) => return Err(failure.into()),
                threads::News::Panicked(thread) => return Err(ServerError::Panicked { thread }),
            }
        }
        Ok(())
    }
}
