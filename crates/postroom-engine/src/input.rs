//! Taking bytes, ends and deadlines to the sessions.

use std::time::Instant;

use postroom_model::{Request, SessionKey};
use postroom_protocol::{Input, Login, Outputs, Session, Stream, Timer};
use postroom_store::Store;

use crate::connection::{Broken, Connection, Ending, Phase};
use crate::key::ConnectionKey;
use crate::listener::Proof;
use crate::timers::{Deadline, Slot};
use crate::{Engine, Output};

impl<S: Store> Engine<S> {
    /// Whether bytes of a connection are taken now. Where they are not, the driver
    /// leaves them in the socket until [`Output::Receive`].
    pub fn wants_bytes(&mut self, key: ConnectionKey) -> bool {
        let wants = self.would_take_bytes(key);
        if let Some(connection) = self.connections.get_mut(key.index()) {
            connection.is_paused = !wants;
        }
        wants
    }

    fn would_take_bytes(&self, key: ConnectionKey) -> bool {
        let Some(connection) = self.connections.get(key.index()) else {
            return false;
        };
        match connection.phase {
            Phase::Open if connection.stream == Stream::Back => true,
            Phase::Open => {
                let session = connection.session.and_then(|session| self.sessions.get(session));
                session.is_some_and(|session| session.state.takes_bytes())
                    && connection.output.len() <= self.settings.session.output_bytes_max
            }
            // Nothing more is answered; the socket is emptied once all is written.
            Phase::Dialling | Phase::Closing(_) => false,
            Phase::Draining(_) => true,
        }
    }

    /// Whether [`received`](Self::received) and [`half_closed`](Self::half_closed) need
    /// to know how many bytes the peer has acknowledged.
    pub fn needs_acknowledged(&self, key: ConnectionKey) -> bool {
        self.connections
            .get(key.index())
            .filter(|connection| connection.stream == Stream::Front)
            .and_then(|connection| self.sessions.get(connection.session?))
            .is_some_and(|session| session.state.awaits_proof())
    }

    /// Takes bytes of a connection. `acknowledged` says, where that is
    /// [needed](Self::needs_acknowledged), how many bytes of ours its peer had
    /// acknowledged before these were taken from the socket: a line sent without having
    /// seen an answer must not seem to prove it.
    pub fn received(
        &mut self,
        now: Instant,
        key: ConnectionKey,
        bytes: &[u8],
        acknowledged: Option<u64>,
    ) {
        self.now = now;
        let proof = self.has_acknowledged_all(key, acknowledged);
        let Some(connection) = self.connections.get(key.index()) else {
            return;
        };
        if connection.phase == Phase::Open
            && let Some(session) = connection.session
        {
            let stream = connection.stream;
            self.feed(session, Input::Bytes { stream, bytes, proof });
        }
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
        let is_draining = matches!(connection.phase, Phase::Draining(_));
        let (session, stream) = (connection.session, connection.stream);
        if let Some(session) = session {
            self.feed(session, Input::End { stream, proof });
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
                connection.output.is_empty() && connection.transmitted <= acknowledged
            })
        })
    }

    /// The driver can use a connection no more.
    pub fn broken(&mut self, now: Instant, key: ConnectionKey, broken: Broken) {
        self.now = now;
        if self.connections.contains(key.index()) {
            self.remove(key, Ending::Broken(broken));
        }
    }

    /// Passes the deadlines that are over.
    pub fn time_passed(&mut self, now: Instant) {
        self.now = now;
        while let Some(deadline) = self.timers.take_passed(now) {
            match deadline {
                Deadline::Session(session, timer) => self.elapsed(session, timer),
                Deadline::Dial(session) => self.dial_limit_passed(session),
                Deadline::Redial(session) => self.redial(session),
                // The logins are tended in each turn.
                Deadline::Passwords => self.passwords_deadline = Slot::default(),
                Deadline::Drain(key) => {
                    if let Some(connection) = self.connections.get_mut(key.index()) {
                        connection.drain = Slot::default();
                        self.remove(key, Ending::AsItsPhase);
                    }
                }
            }
        }
        self.log_left_out();
    }

    fn elapsed(&mut self, key: SessionKey, timer: Timer) {
        if let Some(session) = self.sessions.get_mut(key) {
            session.timers[timer.index()] = Slot::default();
            self.feed(key, Input::Elapsed(timer));
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
    }

    /// Whether no client is left, and the store has nothing to do: all names of the
    /// password file are locked, or one that is gone from it would be open at the next
    /// start.
    pub fn has_stopped(&self) -> bool {
        self.connections.is_empty() && self.office.is_idle()
    }

    /// Gives a session one input and does what it wants done.
    pub(crate) fn feed(&mut self, session: SessionKey, input: Input<'_>) {
        self.run_session(session, |session, outputs| session.input(input, outputs));
        self.will_transmit_of(session);
    }

    /// Lets a session work, and does what it wants done, its bytes excepted.
    pub(crate) fn run_session(
        &mut self,
        key: SessionKey,
        work: impl FnOnce(&mut dyn Session, &mut Outputs),
    ) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let (front, back) = (session.front, session.back);
        let mut outputs = std::mem::take(&mut self.session_outputs);
        let output = &mut self.connections[front.index()].output;
        if output.capacity() == 0 {
            *output = self.spare.take();
        }
        std::mem::swap(&mut outputs.front, output);
        if let Some(back) = back {
            std::mem::swap(&mut outputs.back, &mut self.connections[back.index()].output);
        }
        work(&mut *session.state, &mut outputs);
        std::mem::swap(&mut outputs.front, &mut self.connections[front.index()].output);
        if let Some(back) = back {
            std::mem::swap(&mut outputs.back, &mut self.connections[back.index()].output);
        }
        self.apply(key, &mut outputs);
        // Bytes for a stream that is not there are dropped.
        outputs.back.clear();
        self.session_outputs = outputs;
        self.resume(front);
    }

    /// Does what a session wants done, its bytes excepted.
    pub(crate) fn apply(&mut self, key: SessionKey, outputs: &mut Outputs) {
        let Some(front) = self.sessions.get(key).map(|session| session.front) else {
            return;
        };
        for request in outputs.requests.drain(..) {
            self.ask(key, request);
        }
        for notice in outputs.notices.drain(..) {
            self.office.note(key, notice);
        }
        if !outputs.timers.is_empty() {
            self.set_timers(key, outputs);
        }
        if let Some(login) = outputs.login.take() {
            self.note_login(key, login);
        }
        if let Some(close) = outputs.close.take() {
            self.connections[front.index()].phase = Phase::Closing(close);
            self.before_login.remove(key);
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

    fn ask(&mut self, key: SessionKey, request: Request) {
        if let Request::LogIn { name, .. } = &request
            && let Some(session) = self.sessions.get_mut(key)
        {
            session.account = Some(name.into());
        }
        self.log_request(key, &request);
        self.office.ask(key, request);
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
            Login::UnderWay => self.before_login.begin_login(key),
            Login::Done => self.before_login.remove(key),
        }
    }

    /// Tells the driver where bytes are taken again.
    pub(crate) fn resume(&mut self, key: ConnectionKey) {
        let is_paused = |connection: &Connection| connection.is_paused;
        if self.connections.get(key.index()).is_some_and(is_paused) && self.wants_bytes(key) {
            self.outputs.push_back(Output::Receive(key));
        }
    }
}
