//! Taking bytes, ends and deadlines to the sessions.

use std::time::Instant;

use postroom_model::{Fault, Notice, SessionKey, faulty};
use postroom_protocol::{Close, Input, Login, Outputs, PostHandling, Reading, Stream, Timer};
use postroom_store::Store;

use crate::connection::{Broken, Connection, Ending, Phase};
use crate::http::HttpOutput;
use crate::key::ConnectionKey;
use crate::listener::Proof;
use crate::timers::{Deadline, Slot};
use crate::turns::Listed;
use crate::{Engine, EngineSettings, Output};

/// Deadlines that pass in a turn: each may be the end of a session.
const DEADLINES_MAX: usize = 512;

/// A deadline of a session that has passed, while input is taken that came before.
pub(crate) struct Overdue {
    session: SessionKey,
    timer: Timer,
    /// The deadline.
    slot: Slot,
    /// The last connection whose input is taken before.
    after: Listed,
}

/// What a session works with: the buffers of its connections.
pub(crate) struct Buffers {
    front: ConnectionKey,
    back: Option<ConnectionKey>,
    /// Bytes of memory that what waited before took.
    held: usize,
    pub(crate) outputs: Box<Outputs>,
}

/// A read for the driver to do.
#[derive(Clone, Copy, Debug)]
pub struct Read {
    /// The connection: [`Engine::received`] takes its bytes, [`Engine::half_closed`] its
    /// end, and [`Engine::drained`] tells that its socket has no more.
    pub connection: ConnectionKey,
    /// How many bytes, at most.
    pub bytes_max: usize,
    /// Whether the bytes or the end may prove the receipt of messages.
    pub proves: bool,
}

impl<S: Store> Engine<S> {
    /// The socket of a connection may have bytes, or its end.
    pub fn readable(&mut self, key: ConnectionKey) {
        let Some(connection) = self.connections.get_mut(key.index()) else {
            return;
        };
        connection.is_readable = true;
        // Whether it may be read from is seen when it is its turn.
        if connection.listed.is_none() {
            connection.listed = Some(self.turns.add_fresh(key));
        }
    }

    /// The socket of a connection has no more bytes until it is
    /// [`readable`](Self::readable) again.
    pub fn drained(&mut self, key: ConnectionKey) {
        if let Some(connection) = self.connections.get_mut(key.index()) {
            connection.is_readable = false;
        }
    }

    /// The next read for the driver to do in this turn. Before it returns, sessions
    /// take lines that they have already.
    pub fn next_read(&mut self, now: Instant) -> Option<Read> {
        self.now = now;
        while let Some((key, listed)) = self.turns.next() {
            let connection = self.connections.get(key.index());
            let Some(connection) = connection.filter(|other| other.listed == Some(listed)) else {
                continue;
            };
            let (is_held, reading) = (self.is_held(connection), self.reading(connection));
            let connection = &mut self.connections[key.index()];
            connection.listed = None;
            if is_held {
                continue;
            }
            match (reading, connection.session) {
                (Reading::Lines, Some(session)) => self.feed_lines(session, Input::Continue),
                (Reading::Bytes | Reading::Proof, _) if connection.is_readable => {
                    let (bytes_max, proves) = (self.turns.begin_read(), reading == Reading::Proof);
                    return Some(Read { connection: key, bytes_max, proves });
                }
                _ => {}
            }
        }
        None
    }

    /// Whether bytes of a connection would be read, if it had any.
    pub fn takes_bytes(&self, key: ConnectionKey) -> bool {
        let connection = self.connections.get(key.index());
        let connection = connection.filter(|connection| !self.is_held(connection));
        let reading = connection.map(|connection| self.reading(connection));
        matches!(reading, Some(Reading::Bytes | Reading::Proof))
    }

    fn reading(&self, connection: &Connection) -> Reading {
        match connection.phase {
            Phase::Open if connection.stream == Stream::Back => Reading::Bytes,
            Phase::Open if connection.waits.is_set() => Reading::Nothing,
            Phase::Open if connection.waiting() <= self.output_bytes_max() => connection.reading,
            // Nothing more is answered; the socket is emptied once all is written.
            Phase::Open | Phase::Dialling | Phase::Header | Phase::Closing(_) => Reading::Nothing,
            // The end that the client asked for may be a proof.
            Phase::Draining(_) if connection.reading == Reading::Proof => Reading::Proof,
            Phase::Draining(_) => Reading::Bytes,
        }
    }

    /// Bytes that may wait for a connection: while three quarters of what may wait in all
    /// do, its share of the last quarter.
    pub(crate) fn output_bytes_max(&self) -> usize {
        let EngineSettings { output_bytes_in_all, connections_max, .. } = self.settings;
        let of_one = self.settings.session.output_bytes_max;
        if faulty(Fault::OutputUnlimited) {
            return usize::MAX;
        }
        if self.held_bytes > output_bytes_in_all / 4 * 3 && !faulty(Fault::OutputUnlimitedInAll) {
            of_one.min(output_bytes_in_all / 4 / connections_max)
        } else {
            of_one
        }
    }

    fn has_input(&self, connection: &Connection) -> bool {
        // Most have nothing: that is seen first.
        let may_have = connection.is_readable || connection.reading == Reading::Lines;
        may_have
            && match self.reading(connection) {
                Reading::Lines => true,
                Reading::Bytes | Reading::Proof => connection.is_readable,
                Reading::Nothing => false,
            }
    }

    /// Lists a connection if it has input left over.
    pub(crate) fn list_rest(&mut self, key: ConnectionKey) {
        let Some(connection) = self.connections.get(key.index()) else {
            return;
        };
        if connection.listed.is_none() && self.has_input(connection) {
            self.connections[key.index()].listed = Some(self.turns.add_rest(key));
        }
    }

    /// Takes bytes of a connection. `acknowledged` says, where they may be a
    /// [proof](Read::proves), how many bytes of ours its peer had acknowledged before
    /// these were taken from the socket: a line sent without having seen an answer must
    /// not seem to prove it.
    pub fn received(
        &mut self,
        now: Instant,
        key: ConnectionKey,
        bytes: &[u8],
        acknowledged: Option<u64>,
    ) {
        self.now = now;
        self.turns.end_read(bytes.len());
        self.counts.received_bytes += bytes.len() as u64;
        let proof = self.has_acknowledged_all(key, acknowledged);
        let Some(connection) = self.connections.get(key.index()) else {
            return;
        };
        if connection.phase == Phase::Open
            && let Some(session) = connection.session
        {
            let stream = connection.stream;
            self.feed_lines(session, Input::Bytes { stream, bytes, proof });
        }
        self.list_rest(key);
    }

    /// The peer has half-closed; `acknowledged` as for [`received`](Self::received).
    pub fn half_closed(&mut self, now: Instant, key: ConnectionKey, acknowledged: Option<u64>) {
        self.now = now;
        let proof =
            self.proof(key) == Some(Proof::Tcp) && self.has_acknowledged_all(key, acknowledged);
        let Some(connection) = self.connections.get_mut(key.index()) else {
            return;
        };
        connection.has_half_closed = true;
        connection.is_readable = false;
        let is_draining = matches!(connection.phase, Phase::Draining(_));
        let (session, stream) = (connection.session, connection.stream);
        if let Some(session) = session {
            self.feed_lines(session, Input::End { stream, proof });
            // A client that has half-closed takes no connection back.
            if self.sessions.get(session).is_some_and(|session| session.dialling.is_some()) {
                self.dial_limit_passed(session);
            }
        }
        if is_draining {
            self.remove(key, Ending::AsItsPhase);
        }
    }

    /// What proves on a connection that a message arrived.
    fn proof(&self, key: ConnectionKey) -> Option<Proof> {
        let session = self.connections.get(key.index())?.session?;
        let listener = self.sessions.get(session)?.listener;
        Some(self.listeners.get(listener).options.proof)
    }

    fn has_acknowledged_all(&self, key: ConnectionKey, acknowledged: Option<u64>) -> bool {
        acknowledged.is_some_and(|acknowledged| {
            self.connections.get(key.index()).is_some_and(|connection| {
                connection.waiting() == 0 && connection.transmitted <= acknowledged
            })
        })
    }

    /// The driver can use a connection no more.
    pub fn broken(&mut self, now: Instant, key: ConnectionKey, broken: Broken) {
        self.now = now;
        let is_kept = broken == Broken::TimedOut && faulty(Fault::DeadPeerKept);
        if self.connections.contains(key.index()) && !is_kept {
            self.remove(key, Ending::Broken(broken));
        }
    }

    /// The handshake of TLS is done.
    pub fn handshake_done(&mut self, key: ConnectionKey) {
        if let Some(connection) = self.connections.get_mut(key.index())
            && connection.phase == Phase::Open
        {
            self.timers.set(&mut connection.drain, Deadline::Drain(key), None);
        }
    }

    /// Passes deadlines that are over, as many as a turn has room for.
    pub fn time_passed(&mut self, now: Instant) {
        self.now = now;
        for _ in 0..DEADLINES_MAX {
            let Some(deadline) = self.timers.take_passed(now) else {
                break;
            };
            match deadline {
                Deadline::Session(session, timer) => self.is_overdue(session, timer),
                Deadline::Dial(session) => self.dial_limit_passed(session),
                Deadline::Redial(session) => self.redial(session),
                // The logins are tended in each turn.
                Deadline::Passwords => self.passwords_deadline = Slot::default(),
                // The driver asks for checks in each turn.
                Deadline::Checks => self.checks_deadline = Slot::default(),
                Deadline::Announcement => {
                    self.announcing.deadline = Slot::default();
                    self.announce_if_due();
                }
                Deadline::Sweep => self.sweep(),
                Deadline::Rate(key) => {
                    if let Some(connection) = self.connections.get_mut(key.index()) {
                        connection.waits = Slot::default();
                        self.list_rest(key);
                    }
                }
                Deadline::Drain(key) => {
                    if let Some(connection) = self.connections.get_mut(key.index()) {
                        connection.drain = Slot::default();
                        let ending = match connection.phase {
                            Phase::Open => Ending::HandshakeLimit,
                            _ => Ending::AsItsPhase,
                        };
                        self.log_late_header(key);
                        self.remove(key, ending);
                    }
                }
            }
        }
        self.log_left_out();
    }

    /// Notes a deadline that has passed. It counts what clients have sent before: all
    /// input that is listed by now is taken first, and the turn that takes it ends. The
    /// session's own sockets are read even if the driver has no event of them yet.
    fn is_overdue(&mut self, session: SessionKey, timer: Timer) {
        if let Some(record) = self.sessions.get(session) {
            let (slot, front, back) = (record.timers[timer.index()], record.front, record.back);
            self.readable(front);
            if let Some(back) = back {
                self.readable(back);
            }
            let after = self.turns.last_listed();
            self.overdue.push_back(Overdue { session, timer, slot, after });
        }
    }

    /// Tells sessions of the deadlines that wait for no input any more.
    pub(crate) fn elapse(&mut self) {
        if self.overdue.is_empty() {
            return;
        }
        let first = self.turns.first_listed();
        while let Some(overdue) = self.overdue.front()
            && first.is_none_or(|first| first > overdue.after)
            && !self.turns.is_over()
            && let Some(Overdue { session, timer, slot, .. }) = self.overdue.pop_front()
        {
            if let Some(record) = self.sessions.get_mut(session)
                // Otherwise it was set anew, or stopped, meanwhile.
                && record.timers[timer.index()] == slot
            {
                record.timers[timer.index()] = Slot::default();
                self.turns.took_requests(1);
                self.feed(session, Input::Elapsed(timer));
            }
        }
    }

    /// Tells all sessions that the server stops: what was asked is still answered.
    pub fn stop(&mut self, now: Instant) {
        self.now = now;
        for key in self.sessions.keys() {
            let front = self.sessions.get(key).map(|session| session.front);
            if front.is_some_and(|front| self.connections[front.index()].phase == Phase::Open) {
                self.feed(key, Input::Stop);
            }
        }
        self.close_before_header();
    }

    /// Whether no client is left, and the store has nothing to do: all names of the
    /// password file are locked, or one that is gone from it would be open at the next
    /// start.
    pub fn has_stopped(&self) -> bool {
        self.connections.is_empty() && self.office.is_idle()
    }

    /// Gives a session one input and does what it wants done.
    pub(crate) fn feed(&mut self, key: SessionKey, input: Input<'_>) {
        self.feed_with(key, input, 0);
    }

    /// Gives a session an input with which it may take lines of its client.
    fn feed_lines(&mut self, key: SessionKey, input: Input<'_>) {
        let requests = self.turns.requests().min(self.requests_by_rates(key));
        let left = self.feed_with(key, input, requests);
        self.turns.took_requests(requests - left);
    }

    /// How many requests a session may take at a time for what it may say.
    fn requests_by_rates(&self, key: SessionKey) -> u32 {
        let Some(session) = self.sessions.get(key) else {
            return 0;
        };
        self.rates.requests(&session.buckets, self.now)
    }

    fn feed_with(&mut self, key: SessionKey, input: Input<'_>, requests: u32) -> u32 {
        if let Some(mut buffers) = self.lend_buffers(key, requests)
            && let Some(session) = self.sessions.get_mut(key)
        {
            let reading = session.state.input(input, &mut buffers.outputs);
            return self.carry_out(key, buffers, reading);
        }
        requests
    }

    /// Lends a session the buffers of its connections for one input or several, with which
    /// it may take so many requests.
    pub(crate) fn lend_buffers(&mut self, key: SessionKey, requests: u32) -> Option<Buffers> {
        let session = self.sessions.get(key)?;
        let (front, back) = (session.front, session.back);
        let mut outputs = self.session_outputs.take().unwrap_or_default();
        outputs.requests_max = requests;
        let connection = &mut self.connections[front.index()];
        let mut held = connection.held();
        if connection.output.capacity() == 0 {
            connection.output = self.spare.take();
        }
        std::mem::swap(&mut outputs.front, &mut connection.output);
        if let Some(back) = back {
            let connection = &mut self.connections[back.index()];
            held += connection.held();
            std::mem::swap(&mut outputs.back, &mut connection.output);
        }
        Some(Buffers { front, back, held, outputs })
    }

    /// Takes the buffers back, and does what the session wants done. Returns how many
    /// requests it did not take.
    pub(crate) fn carry_out(&mut self, key: SessionKey, buffers: Buffers, reading: Reading) -> u32 {
        let Buffers { front, back, held, mut outputs } = buffers;
        self.held_bytes -= held;
        let connection = &mut self.connections[front.index()];
        connection.reading = reading;
        std::mem::swap(&mut outputs.front, &mut connection.output);
        if connection.output.is_empty() {
            self.spare.put(std::mem::take(&mut connection.output));
        }
        self.held_bytes += connection.held();
        if let Some(back) = back {
            let connection = &mut self.connections[back.index()];
            std::mem::swap(&mut outputs.back, &mut connection.output);
            self.held_bytes += connection.held();
        }
        self.apply(key, front, &mut outputs);
        self.count_queued_bytes(key);
        // Bytes for a stream that is not there are dropped.
        outputs.back.clear();
        let left = outputs.requests_max;
        self.session_outputs = Some(outputs);
        self.will_transmit(front);
        if let Some(back) = back {
            self.will_transmit(back);
        }
        self.list_rest(front);
        left
    }

    /// Counts what a session queues itself.
    fn count_queued_bytes(&mut self, key: SessionKey) {
        if let Some(session) = self.sessions.get_mut(key)
            && matches!(session.protocol.posts, PostHandling::Queued)
        {
            self.held_bytes -= session.queued_bytes;
            session.queued_bytes = session.state.queued_bytes();
            self.held_bytes += session.queued_bytes;
        }
    }

    /// Does what a session wants done, its bytes excepted.
    pub(crate) fn apply(&mut self, key: SessionKey, front: ConnectionKey, outputs: &mut Outputs) {
        for request in outputs.requests.drain(..) {
            self.ask(key, request);
        }
        if !outputs.notices.is_empty() {
            for notice in outputs.notices.drain(..) {
                match notice {
                    Notice::Abandon => self.abandon(key),
                    notice => self.office.note(key, notice),
                }
            }
        }
        if !outputs.timers.is_empty() {
            self.set_timers(key, outputs);
        }
        if let Some(login) = outputs.login.take() {
            self.note_login(key, login);
        }
        if let Some((_, http)) = self.sessions.get(key).and_then(|session| session.http) {
            let told = outputs.http.drain(..).map(|input| HttpOutput::Session(http, input));
            self.outputs.extend(told.map(Output::Http));
            if let Some(Close::Dropped(reason)) = outputs.close.take() {
                self.end_http_session(key, Ending::Dropped(reason));
            }
        }
        if let Some(close) = outputs.close.take() {
            self.connections[front.index()].phase = Phase::Closing(close);
            self.before_login.remove(key);
            self.drop_queued(key);
            self.office.depart(key);
        }
        for mark in outputs.delivered_once_acknowledged.drain(..) {
            self.watch(front, key, mark);
        }
        for report in outputs.reports.drain(..) {
            self.log_report(key, &report);
            self.outputs.push_back(Output::Report(report));
        }
        if let Some(dial) = outputs.dial.take() {
            self.dial(key, dial);
        }
    }

    fn set_timers(&mut self, key: SessionKey, outputs: &mut Outputs) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        for (timer, after) in outputs.timers.drain(..) {
            let at = after.map(|after| self.now + after);
            let slot = &mut session.timers[timer.index()];
            self.timers.set(slot, Deadline::Session(key, timer), at);
        }
    }

    fn note_login(&mut self, key: SessionKey, login: Login) {
        let Some(session) = self.sessions.get(key) else {
            return;
        };
        match login {
            Login::Awaited => self.before_login.await_login(key, session.peer.ip.into()),
            Login::UnderWay if faulty(Fault::LoginEvicted) => {}
            Login::UnderWay => self.before_login.begin_login(key),
            Login::Done => self.before_login.remove(key),
        }
    }
}
