//! The engine: the whole server as one object without input or output.
//!
//! Everything that decides anything is here: which session a connection belongs to, who
//! is told what and when, deadlines, limits, and which clients are dialled back. The
//! engine owns no socket, clock, thread or source of randomness. Its driver
//!
//! - says what happened, with the time: a connection was [opened](Engine::open), has
//!   shown a proxy's [header](Engine::header), has something to be [read](Engine::readable) or is [broken](Engine::broken), a dial
//!   [ended](Engine::dialled), a password was [checked](Engine::checked), a deadline
//!   has [passed](Engine::time_passed);
//! - reads from the connections that the engine [names](Engine::next_read), in that
//!   order, once it has begun a [turn](Engine::begin_turn), and gives it the bytes
//!   [received](Engine::received) or the [end](Engine::half_closed);
//! - runs the store's [jobs](Engine::next_job) and gives their results
//!   [back](Engine::finish);
//! - does what [outputs](Engine::next_output) ask for, and asks for
//!   [bytes](Engine::transmit) when a socket has room.
//!
//! So transcripts, laws and simulations drive the very object that ships.

mod administration;
mod announcing;
mod asking;
mod backlog;
mod backup;
mod bans;
mod before_login;
mod connection;
mod counts;
mod delivery;
mod dial;
mod due;
mod ending;
mod history;
mod http;
mod input;
mod key;
mod listener;
mod log;
mod metrics;
mod newcomer;
mod opening;
mod origin;
mod output_limit;
mod peers;
mod proxied;
mod rates;
mod recent;
mod refusal;
mod rendered;
mod session;
mod settings;
mod spare;
mod sweeping;
mod telling;
mod timers;
mod transmit;
mod turns;

use std::collections::VecDeque;
use std::time::Instant;

use postroom_model::{Access, Fault, SessionKey, faulty};
use postroom_office::{Check, Checked, FilePasswords, Office, PasswordRead, PasswordsRead};
use postroom_protocol::{Outputs, Report};
use postroom_store::{Job, Limits, Store, StoreFailure, Timestamp};
use slab::Slab;

use announcing::Announcing;
use asking::QueuedSessions;
use backup::BackupUnderWay;
use before_login::BeforeLogin;
use connection::Connection;
use counts::Turn;
use delivery::Watch;
use dial::Failures;
use due::DueChannels;
use http::HandedOver;
use input::Overdue;
use listener::Listeners;
use log::{BannedCounts, LineCounts};
use peers::Peers;
use proxied::AwaitedHeaders;
use rates::Rates;
use recent::RecentPosts;
use rendered::RenderedPosts;
use session::Sessions;
use spare::SpareBuffers;
use sweeping::Sweeping;
use telling::{Telling, TellsLeft};
use timers::{Deadline, Slot, Timers};
use turns::Turns;

pub use administration::{AdminAnswer, AdminRequest, Kick, SESSIONS_PAGE, SessionSummary};
pub use backup::BACKUP_PAUSE;
pub use connection::{Broken, Cause};
pub use counts::{EngineCounts, Tally};
pub use dial::Dialled;
pub use http::{HTTP_SESSIONS_MAX, HttpOutput};
pub use input::Read;
pub use key::{ConnectionKey, HttpConnection, HttpSession};
pub use listener::{Listener, ListenerKey, ListenerName, ListenerOptions, Proof};
pub use log::{Level, LogLine, What};
pub use metrics::{EngineMetrics, Status};
pub use newcomer::{Opened, Refused};
pub use origin::Origin;
pub use postroom_office::{
    AboutAccounts, AboutBan, AboutChannels, AccountAnswer, AccountCommand, AccountRefusal,
    AccountRequest, AdminTicket, BanAnswer, BanCommand, BanRefusal, BanRequest, ChannelRefusal,
    CreationLimits, CreationRates, DeletedChannel, ListedChannel, LoginLimits, OfficeCounts,
};
pub use proxied::HeaderRead;
pub use settings::{EngineSettings, PeerLimits, ProxySettings, Rate, RateLimits, RecentLimits};
pub use sweeping::Expired;

/// A server without input or output, over the store `S`.
pub struct Engine<S> {
    settings: EngineSettings,
    listeners: Listeners,
    office: Office<S>,
    /// The latest time that the driver has told.
    now: Instant,
    counts: EngineCounts,
    turn: Turn,
    connections: Slab<Connection>,
    sessions: Sessions,
    before_login: BeforeLogin,
    peers: Peers,
    /// Connections of proxies that have not said whose they are.
    headers: AwaitedHeaders,
    /// Connections of HTTP.
    handed_over: HandedOver,
    /// Connections that were evicted before their login and may still be drained.
    evicted: VecDeque<ConnectionKey>,
    /// It was said that there are as many connections as there may be.
    is_full: bool,
    watches: Vec<Watch>,
    /// When the driver was last asked for acknowledgements.
    asked_at: Option<Instant>,
    dial_failures: Failures,
    timers: Timers,
    passwords_deadline: Slot,
    checks_deadline: Slot,
    announcing: Announcing,
    sweeping: Sweeping,
    /// Lines of the log in this second.
    line_counts: LineCounts,
    /// Connections from banned addresses in this minute.
    banned_counts: BannedCounts,
    /// Connections with input to be taken.
    turns: Turns,
    /// Deadlines that have passed and wait for input.
    overdue: VecDeque<Overdue>,
    outputs: VecDeque<Output>,
    /// What is being passed on to several sessions.
    telling: Option<Telling>,
    rates: Rates,
    recent: RecentPosts,
    rendered: RenderedPosts,
    queued: QueuedSessions,
    /// Bytes that events have left to be transmitted before more sessions are told.
    event_bytes: usize,
    /// Members to be told of new posts.
    due: DueChannels,
    /// Sessions that are behind, and whose connections have room again.
    catching_up: VecDeque<SessionKey>,
    /// How much they may still be told in this turn.
    tells_left: TellsLeft,
    /// Bytes of memory that what waits for all peers takes, pushes of sessions included.
    held_bytes: usize,
    /// Connections with bytes to be transmitted, or to be ended.
    unsent: VecDeque<ConnectionKey>,
    /// What sessions put out, kept for its memory.
    session_outputs: Option<Box<Outputs>>,
    /// Empty buffers for answers: an idle connection keeps none.
    spare: SpareBuffers,
    backup: Option<BackupUnderWay>,
}

/// Something for the driver to do.
#[derive(Debug)]
pub enum Output {
    /// There are bytes for a connection: [`Engine::transmit`] has them, as soon as its
    /// socket has room.
    Transmit(ConnectionKey),
    /// All bytes are transmitted: half-close the connection.
    HalfClose(ConnectionKey),
    /// Close the connection, which the engine has forgotten.
    Close(ConnectionKey),
    /// Try to open a connection; [`Engine::dialled`] takes what came of it.
    Dial {
        /// The new connection.
        connection: ConnectionKey,
        /// The connection whose peer's address is dialled, from our address there.
        front: ConnectionKey,
        /// The port.
        port: u16,
    },
    /// Write a line to the log.
    Log(Box<LogLine>),
    /// Add a line to the operator's report.
    Report(Report),
    /// Tell the driver of HTTP.
    Http(HttpOutput),
    /// Tell the operator who asked.
    Administered(AdminTicket, Box<AdminAnswer>),
}

impl<S: Store> Engine<S> {
    /// An engine over `store`, without a connection.
    pub fn new(now: Instant, settings: EngineSettings, store: S) -> Self {
        let peers = Peers::new(settings.peers.clone());
        let mut engine = Self {
            office: Office::new(now, store, settings.logins, settings.creation),
            rates: Rates::new(settings.rates),
            recent: RecentPosts::new(settings.recent),
            rendered: RenderedPosts::default(),
            queued: QueuedSessions::default(),
            settings,
            listeners: Listeners::default(),
            now,
            counts: EngineCounts::new(),
            turn: Turn::new(now),
            connections: Slab::new(),
            sessions: Sessions::default(),
            before_login: BeforeLogin::default(),
            peers,
            headers: AwaitedHeaders::default(),
            handed_over: HandedOver::default(),
            evicted: VecDeque::new(),
            is_full: false,
            watches: Vec::new(),
            asked_at: None,
            dial_failures: Failures::default(),
            timers: Timers::new(now),
            passwords_deadline: Slot::default(),
            checks_deadline: Slot::default(),
            announcing: Announcing::new(now),
            sweeping: Sweeping::default(),
            line_counts: LineCounts::default(),
            banned_counts: BannedCounts::default(),
            turns: Turns::new(),
            overdue: VecDeque::new(),
            outputs: VecDeque::new(),
            telling: None,
            event_bytes: 0,
            due: DueChannels::default(),
            catching_up: VecDeque::new(),
            tells_left: TellsLeft::WHOLE,
            held_bytes: 0,
            unsent: VecDeque::new(),
            session_outputs: None,
            spare: SpareBuffers::default(),
            backup: None,
        };
        engine.plan_sweep();
        engine
    }

    /// Adds a listener; connections to it may be [opened](Self::open) from now on.
    pub fn add_listener(&mut self, listener: Listener) -> ListenerKey {
        self.counts.accepted.push((listener.name(), 0));
        self.listeners.add(listener)
    }

    /// Replaces what clients of a listener may do, for sessions that begin from now on, and
    /// whether they are dialled back.
    pub fn set_access(&mut self, listener: ListenerKey, access: Access, dials_back: bool) {
        if faulty(Fault::AccessKept) {
            return;
        }
        let options = &mut self.listeners.get_mut(listener).options;
        (options.access, options.dials_back) = (access, dials_back);
    }

    /// Replaces the settings. Sessions keep those that they began with; limits apply from
    /// now on, and what was counted stays.
    pub fn set_settings(&mut self, settings: EngineSettings, store: Limits) {
        self.peers.set_limits(settings.peers.clone());
        self.rates.set_limits(settings.rates);
        self.recent.set_limits(settings.recent);
        self.office.set_limits(settings.logins, settings.creation, store);
        self.settings = settings;
    }

    /// Says whether the log has lines for single requests.
    pub fn set_logs_requests(&mut self, logs_requests: bool) {
        self.settings.logs_requests = logs_requests;
    }

    /// A new turn of the driver begins. Bans end at their times of day: `wall` is that.
    pub fn begin_turn(&mut self, now: Instant, wall: Timestamp) {
        self.now = now;
        self.office.set_time(now, wall);
        self.office.end_leases();
        self.turn.begin(now, &mut self.counts);
        self.turns.begin();
        self.tells_left = TellsLeft::WHOLE;
        self.elapse();
        self.ask_queued();
        self.end_those_with_most_waiting();
    }

    /// The turn of the driver ends: next it waits for work.
    pub fn end_turn(&mut self, now: Instant) {
        self.turn.end(now, &mut self.counts);
    }

    /// Takes over a password file with its first reading.
    pub fn use_password_file(&mut self, first: FilePasswords) {
        self.office.use_password_file(first);
    }

    /// The operator asks for a read of the password file.
    pub fn ask_for_passwords(&mut self) {
        self.office.ask_for_passwords();
    }

    /// Whether a read of the password file was asked for, or is under way.
    #[must_use]
    pub fn reads_passwords(&self) -> bool {
        self.office.reads_passwords()
    }

    /// A read of the password file to be carried out, if logins need one. To be asked
    /// once a turn.
    pub fn next_password_read(&mut self, now: Instant) -> Option<PasswordRead> {
        self.now = now;
        let read = self.office.tend_logins(now);
        let at = self.office.logins_wait_until();
        self.timers.set(&mut self.passwords_deadline, Deadline::Passwords, at);
        read
    }

    /// Takes the result of a read of the password file.
    pub fn passwords_read(&mut self, read: PasswordsRead) {
        self.office.passwords_read(read);
    }

    /// A password to be checked, if a check may begin. To be asked once a turn, and again
    /// while there is one and a thread for it.
    pub fn next_check(&mut self) -> Option<Check> {
        let check = self.office.take_check(self.now);
        let at = self.office.checks_wait_until();
        self.timers.set(&mut self.checks_deadline, Deadline::Checks, at);
        check
    }

    /// Takes the result of a check.
    pub fn checked(&mut self, checked: Checked) {
        self.office.checked(self.now, checked);
    }

    /// Takes what the store answers from memory. To be called when all input of a turn has
    /// been taken, unless a group is [taken](Self::next_job): else answers of several turns
    /// would come in one.
    pub fn take_answers(&mut self) {
        self.office.take_answers();
    }

    /// The next group for the store to commit, if there is one to run now. To be asked
    /// when all input of a turn has been taken. `wall` is the time of day: it is kept with
    /// what is stored, and decides what is too old and which bans have ended.
    pub fn next_job(&mut self, wall: Timestamp) -> Option<S::Job> {
        self.continue_backup();
        self.office.next_job(wall)
    }

    /// Takes the result of a job.
    ///
    /// After an error nothing may be transmitted any more.
    pub fn finish(&mut self, done: <S::Job as Job>::Done) -> Result<(), StoreFailure> {
        self.office.finish(done)?;
        self.plan_sweep();
        self.end_backup();
        Ok(())
    }

    /// Whether there is something to be done before the driver waits.
    pub fn has_work(&self) -> bool {
        self.office.has_work() || self.has_work_in_memory()
    }

    /// Whether there is something to be done that needs no job of the store.
    pub fn has_work_in_memory(&self) -> bool {
        self.office.has_work_in_memory()
            || self.turns.has_any()
            || self.can_ask_queued()
            || !self.overdue.is_empty()
            || self.telling.is_some()
            || !self.due.is_empty()
            || !self.catching_up.is_empty()
            || !self.outputs.is_empty()
            || !self.unsent.is_empty()
            || faulty(Fault::BusyLoop)
    }

    /// Whether clients have sent what was not taken yet.
    pub fn has_input_left(&self) -> bool {
        self.turns.has_any() || self.queued.has_any() || self.due.has_posters()
    }

    /// Whether [`next_job`](Self::next_job) has something to ask of the store: before a
    /// sync, one more look at the sockets costs less than one more group.
    pub fn asks_the_store(&self) -> bool {
        self.office.asks_the_store()
    }

    /// Calls to the store that have not completed. Between two jobs these are the next group.
    pub fn calls_under_way(&self) -> usize {
        self.office.calls_under_way()
    }

    /// When [`time_passed`](Self::time_passed) is to be called at the latest.
    pub fn next_deadline(&self) -> Option<Instant> {
        let left_out = [self.line_counts.over_at(), self.banned_counts.over_at()];
        let leases = self.office.leases_end_at();
        let others = [self.timers.next(), self.next_ask(), self.next_backup_part(), leases];
        others.into_iter().chain(left_out).flatten().min()
    }

    /// What is left to be done when the driver ends: the lines of the log and the
    /// report in it are still to be written.
    pub fn last_outputs(&mut self) -> impl Iterator<Item = Output> {
        self.outputs.drain(..)
    }

    /// Sessions that there are, with those that have ended and still have a request under
    /// way.
    pub fn sessions(&self) -> usize {
        self.office.sessions()
    }

    /// Connections that there are.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A first instant for tests, whose clock may begin anywhere.
    #[expect(clippy::disallowed_methods, reason = "a test needs some first instant")]
    pub(crate) fn any_time() -> Instant {
        Instant::now()
    }
}
