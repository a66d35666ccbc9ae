//! The event loop: polls sockets, feeds the engine, runs the store's jobs, and carries
//! out the engine's outputs.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token, Waker};
use postroom_engine::{ConnectionKey, Engine, ListenerKey, Output};
use postroom_protocol::{Category, Report};
use postroom_store::{Job, Store, StoreFailure};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};

use crate::administration::{Administration, Administrator, Question};
use crate::certificate::TlsSettings;
use crate::commits::{self, Commits, GATHERING, Ran, timestamp};
use crate::connection::Connections;
use crate::handshakes::Handshakes;
use crate::http_gate::HttpQueue;
use crate::listener::{BoundListener, KeepAlive};
use crate::log_line;
use crate::metrics::ServerMetrics;
use crate::new_settings::LogControl;
use crate::parts::{Parts, Passwords, Reporter};
use crate::service_manager::ServiceManager;
use crate::signals::CaughtSignals;
use crate::threads::{Sources, Threads, Told};
use crate::{ServerError, ServerSettings};

const THREADS: Token = Token(0);
const SIGNALS: Token = Token(1);
const FIRST_LISTENER: usize = 2;
pub(crate) const FIRST_CONNECTION: usize = 1 << 16;

/// Maximum bytes of a read; the engine asks for no more.
pub(crate) const READ_BYTES: usize = 8 << 10;
/// Turns in which what has arrived is taken once a stop was asked for.
const LAST_TURNS: u32 = 64;
/// Maximum events of a poll; a turn has two. Each may be the end of a session.
const EVENTS: usize = 256;

/// A server with all its listeners open.
pub struct Server<S: Store> {
    pub(crate) engine: Engine<S>,
    pub(crate) stop_limit: Duration,
    pub(crate) keep_alive: KeepAlive,
    pub(crate) poll: Poll,
    signals: CaughtSignals,
    pub(crate) commits: Commits,
    threads: Threads<S::Job>,
    pub(crate) administration: Administration,
    pub(crate) http: HttpQueue,
    pub(crate) listeners: Vec<Listening>,
    /// When connections are accepted again after a shortage.
    pub(crate) accept_again_at: Option<Instant>,
    /// It was said that there is one.
    pub(crate) is_short: bool,
    /// The listener that a connection was last accepted from.
    pub(crate) next_listener: usize,
    pub(crate) connections: Connections,
    pub(crate) handshakes: Handshakes,
    /// What new connections of TLS get, if a listener has it.
    pub(crate) tls: Option<TlsSettings>,
    reporter: Box<dyn Reporter>,
    pub(crate) log: Box<dyn LogControl>,
    /// What the log has since an operator set it, until the settings are read again.
    pub(crate) log_level_set: Option<tracing::Level>,
    pub(crate) manager: ServiceManager,
    /// The start of this turn.
    pub(crate) now: Instant,
    pub(crate) buffer: Box<[u8]>,
    stop: Stop,
}

/// The progress of a stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stop {
    No,
    /// Bytes already in the sockets are still read, for so many turns at most.
    Asked(u32),
    /// Connections that remain at this time are cut.
    Until(Instant),
}

pub(crate) struct Listening {
    pub(crate) bound: BoundListener,
    pub(crate) key: ListenerKey,
    /// Connections may wait in the listen backlog.
    pub(crate) waiting: bool,
}

fn refused(what: &'static str) -> impl FnOnce(io::Error) -> ServerError {
    move |cause| ServerError::System { what, cause }
}

impl<S: Store> Server<S> {
    /// Takes the listeners and starts the threads, `housekeeping` on its own.
    pub fn new(
        parts: Parts<S>,
        housekeeping: impl FnOnce() -> Result<(), StoreFailure> + Send + 'static,
    ) -> Result<Self, ServerError> {
        let Parts { settings, store, listeners, mut signals, passwords, certificate, .. } = parts;
        let Parts { source, log, reporter, manager, http, .. } = parts;
        let ServerSettings { engine: settings, commits, stop_limit, keep_alive } = settings;
        let now = Instant::now();
        let mut engine = Engine::new(now, settings, store);
        let poll = Poll::new().map_err(refused("watch sockets"))?;
        let registry = poll.registry();
        signals.register(registry, SIGNALS).map_err(refused("catch signals"))?;
        let mut listening = Vec::new();
        for (number, mut bound) in listeners.into_iter().enumerate() {
            registry
                .register(&mut bound.listener, Token(FIRST_LISTENER + number), Interest::READABLE)
                .map_err(refused("watch a listener"))?;
            let key = engine.add_listener(bound.settings.listener);
            listening.push(Listening { bound, key, waiting: true });
        }
        let waker = Waker::new(registry, THREADS).map_err(refused("wake the server"))?;
        let waker = Arc::new(waker);
        let passwords = passwords.map(|Passwords { first, source }| {
            engine.use_password_file(first);
            source
        });
        let threads = Threads::start(
            Arc::clone(&waker),
            Sources { passwords, settings: source },
            housekeeping,
        )
        .map_err(refused("start a thread"))?;
        let mut server = Self {
            engine,
            stop_limit,
            keep_alive,
            poll,
            signals,
            commits: Commits::new(commits),
            threads,
            http: HttpQueue::new(Arc::clone(&waker), http),
            administration: Administration::new(waker),
            listeners: listening,
            accept_again_at: None,
            is_short: false,
            next_listener: 0,
            connections: Connections::default(),
            handshakes: Handshakes::default(),
            tls: certificate,
            reporter,
            log,
            log_level_set: None,
            manager,
            now,
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            stop: Stop::No,
        };
        server.report(Category::General, "server started");
        Ok(server)
    }

    /// Asks this server, from any thread, while it runs.
    #[must_use]
    pub fn administrator(&self) -> Administrator {
        self.administration.administrator()
    }

    /// Serves until a signal asks it to stop, or the store fails.
    pub fn run(mut self) -> Result<(), ServerError> {
        let served = self.serve().and_then(|()| self.finish_last());
        self.engine.cut_off();
        self.log_the_rest();
        match &served {
            Ok(()) => self.report(Category::Connection, "server stopped"),
            Err(error) => self.report(Category::Error, &format!("server failed: {error}")),
        }
        // The store closes its file and stops its housekeeping.
        drop(self.engine);
        self.threads.join();
        served
    }

    fn serve(&mut self) -> Result<(), ServerError> {
        let mut events = Events::with_capacity(EVENTS);
        self.manager.ready(Instant::now(), self.listeners.len());
        while !self.has_stopped() {
            self.wait(&mut events)?;
            self.manager.turn(self.now);
            self.take_events(&events);
            self.gather(&mut events)?;
            self.begin_stop();
            self.engine.time_passed(self.now);
            self.take_from_threads()?;
            self.take_http();
            self.tell_end_of_reload();
            self.administer();
            self.read_passwords();
            self.commit()?;
            self.perform();
            self.engine.evict_before_login(self.now);
            self.accept();
            self.check_passwords();
            self.ask_for_acknowledgements();
            self.engine.end_turn(Instant::now());
        }
        Ok(())
    }

    /// Waits for the job under way, if there is one: nothing that it stores is acknowledged
    /// any more, but its failure is told.
    fn finish_last(&mut self) -> Result<(), ServerError> {
        if self.threads.commits() {
            tracing::info!("waiting for the disk");
        }
        self.threads.end_commits();
        self.take_from_threads()
    }

    fn report(&mut self, category: Category, what: &str) {
        self.reporter.report(&Report::new(category, what));
    }

    fn take_events(&mut self, events: &Events) {
        for event in events {
            self.event(event);
        }
        self.shake_hands();
        self.read();
    }

    /// Reads input that arrived during this turn: before a sync, polling once more
    /// costs less than another group.
    fn gather(&mut self, events: &mut Events) -> Result<(), ServerError> {
        if self.engine.asks_the_store() && !self.threads.commits() {
            self.poll_for(events, Some(Duration::ZERO))?;
            self.take_events(events);
        }
        Ok(())
    }

    /// Waits until there is work.
    fn wait(&mut self, events: &mut Events) -> Result<(), ServerError> {
        let waits_for_turn = self.handshakes.has_any() || self.engine.has_work_in_memory();
        let timeout = if waits_for_turn || self.may_accept() {
            Some(Duration::ZERO)
        } else if self.engine.has_work() {
            let gathers = self.commits.is_gathering();
            Some(if gathers { GATHERING } else { Duration::ZERO })
        } else {
            self.commits.slept();
            let stop = match self.stop {
                Stop::No => None,
                Stop::Asked(_) => Some(self.now),
                Stop::Until(limit) => Some(limit),
            };
            let (engine, manager) = (self.engine.next_deadline(), self.manager.next_deadline());
            let next = [engine, manager, self.accept_again_at, stop].into_iter().flatten().min();
            next.map(|at| at.saturating_duration_since(self.now))
        };
        self.poll_for(events, timeout)?;
        self.now = Instant::now();
        self.handshakes.begin_turn();
        self.engine.begin_turn(self.now, timestamp());
        Ok(())
    }

    fn poll_for(
        &mut self,
        events: &mut Events,
        timeout: Option<Duration>,
    ) -> Result<(), ServerError> {
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                Err(refused("wait for sockets")(error))
            }
            _ => Ok(()),
        }
    }

    fn event(&mut self, event: &mio::event::Event) {
        match event.token() {
            THREADS => {}
            SIGNALS => self.signal(),
            Token(token) if token >= FIRST_CONNECTION => {
                let key = ConnectionKey::from_index(token - FIRST_CONNECTION);
                self.connection_event(key, event);
            }
            Token(token) => {
                if let Some(listener) = self.listeners.get_mut(token - FIRST_LISTENER) {
                    listener.waiting = true;
                }
            }
        }
    }

    /// Carries out the engine's outputs.
    pub(crate) fn perform(&mut self) {
        while let Some(output) = self.engine.next_output(self.now) {
            match output {
                Output::Transmit(key) => {
                    self.commits.sent();
                    self.transmit(key);
                }
                Output::HalfClose(key) => self.half_close(key),
                Output::Close(key) => {
                    self.close(key);
                    // A waiting connection can now be accepted.
                    self.connections_may_wait();
                }
                Output::Dial { connection, front, port } => self.dial(connection, front, port),
                Output::Log(line) => log_line::write(*line),
                Output::Report(report) => self.reporter.report(&report),
                Output::Http(output) => self.http.add(output),
                Output::Administered(ticket, answer) => {
                    self.administration.answer(ticket, *answer);
                }
            }
        }
        self.http.flush();
    }

    /// Runs the store's next job, if there is one: commits the requests of all sessions
    /// as one group.
    fn commit(&mut self) -> Result<(), StoreFailure> {
        // A group for which another thread waits had better be large.
        let calls = self.engine.calls_under_way();
        let gathers = !self.threads.commits() && self.commits.gathers(calls);
        if gathers || self.commits.use_thread() && self.engine.can_ask_store() {
            self.engine.take_answers();
            return Ok(());
        }
        match self.engine.next_job(timestamp()) {
            Some(job) if self.commits.use_thread() => {
                self.commits.began_on_thread(self.now);
                self.threads.commit(job);
                Ok(())
            }
            Some(job) => self.finish(commits::run(job)),
            None => Ok(()),
        }
    }

    /// Takes the result of a job.
    fn finish(&mut self, ran: Ran<<S::Job as Job>::Done>) -> Result<(), StoreFailure> {
        if let Some(change) = self.commits.ran(&ran) {
            self.commits.log(change);
        }
        self.engine.finish(ran.done)
    }

    /// Starts password checks for which a thread is free.
    fn check_passwords(&mut self) {
        while self.threads.can_check()
            && let Some(check) = self.engine.next_check()
        {
            self.threads.check(check);
        }
    }

    /// Handles signals: the first stop signal requests an orderly stop, the second an
    /// immediate one; SIGHUP reads the settings, the passwords and the certificate again.
    fn signal(&mut self) {
        for signal in self.signals.pending() {
            match (signal, self.stop) {
                (SIGHUP, _) => self.administration.reload(None),
                // Some tools send it to ask for a state report; its default action
                // would end the server.
                (SIGUSR1, _) => {}
                (SIGINT | SIGTERM, Stop::No) => {
                    tracing::info!(connections = self.engine.connections(), "stopping");
                    self.manager.stopping(self.now, self.engine.connections());
                    self.stop = Stop::Asked(LAST_TURNS);
                    self.close_listeners();
                }
                _ => self.stop = Stop::Until(self.now),
            }
        }
    }

    /// A socket that was passed stays open elsewhere, so that its events would go on.
    fn close_listeners(&mut self) {
        for mut listening in self.listeners.drain(..) {
            let listener = &mut listening.bound.listener;
            if let Err(error) = self.poll.registry().deregister(listener) {
                tracing::warn!(%error, "cannot stop watching a listener");
            }
        }
    }

    /// Takes what operators ask.
    fn administer(&mut self) {
        self.administration.begin_turn();
        while let Some(asked) = self.administration.next() {
            match asked {
                Question::OfEngine(ticket, asked) => {
                    self.engine.administer(self.now, ticket, asked);
                }
                Question::Reload(reply) => self.administration.reload(Some(reply)),
                Question::SetLogLevel(level) => self.set_log_level(level),
                Question::Metrics(take) => take(self.metrics()),
            }
        }
        if self.administration.begin_reload() {
            self.manager.reloading(self.now);
            self.engine.ask_for_passwords();
            self.threads.read_settings();
        }
    }

    fn metrics(&self) -> ServerMetrics {
        ServerMetrics {
            engine: self.engine.metrics(),
            commits: self.commits.metrics(self.now),
            is_stopping: self.stop != Stop::No,
        }
    }

    /// Starts a read of the password file if logins need one.
    fn read_passwords(&mut self) {
        if let Some(read) = self.engine.next_password_read(self.now) {
            self.threads.read_passwords(read);
        }
    }

    /// Begins a stop: accepts no more connections, and only answers requests that have
    /// already arrived.
    fn begin_stop(&mut self) {
        let Stop::Asked(turns) = self.stop else {
            return;
        };
        if turns > 0 && self.engine.has_input_left() {
            self.stop = Stop::Asked(turns - 1);
            return;
        }
        self.stop = Stop::Until(self.now + self.stop_limit);
        self.engine.stop(self.now);
        self.http.stop();
    }

    fn has_stopped(&self) -> bool {
        match self.stop {
            Stop::No | Stop::Asked(_) => false,
            Stop::Until(limit) => self.engine.has_stopped() || self.now >= limit,
        }
    }

    /// Handles the results of the threads.
    fn take_from_threads(&mut self) -> Result<(), ServerError> {
        while let Some(told) = self.threads.take_told() {
            match told {
                Told::Committed(ran) => {
                    self.commits.sent();
                    self.commits.ended_on_thread(self.now, self.threads.commits());
                    self.finish(ran)?;
                }
                Told::Checked(checked) => self.engine.checked(checked),
                Told::PasswordsRead(read) => self.engine.passwords_read(read),
                Told::NoSalt(cause) => return Err(refused("get random bytes")(cause)),
                Told::SettingsRead(read) => self.use_settings(*read),
                Told::Failed(failure) => return Err(failure.into()),
                Told::Panicked(thread) => return Err(ServerError::Panicked { thread }),
            }
        }
        Ok(())
    }

    /// Writes the remaining lines to the log and the report. After a failure no other
    /// output may be carried out.
    fn log_the_rest(&mut self) {
        for output in self.engine.last_outputs() {
            match output {
                Output::Log(line) => log_line::write(*line),
                Output::Report(report) => self.reporter.report(&report),
                _ => {}
            }
        }
    }
}
