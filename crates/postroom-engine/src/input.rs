//! Taking bytes, ends and deadlines to the sessions.

use std::time::Instant;

use postroom_model::{Request, SessionKey};
use postroom_protocol::{Input, Login, Outputs, Reading, Session, Stream, Timer};
use postroom_store::Store;

use crate::connection::{Broken, Ending, Phase};
use crate::key::ConnectionKey;
use crate::listener::Proof;
use crate::timers::{Deadline, Slot};
use crate::{Engine, Output};

impl<S: Store> Engine<S> {
    /// What the driver may read from a connection now. Where that is nothing, it leaves
    /// the bytes in the socket until [`Output::Receive`].
    pub fn reading(&mut self, key: ConnectionKey) -> Reading {
        let Some(connection) = self.connections.get_mut(key.index()) else {
            return Reading::Nothing;
        };
        let output_bytes_max = self.settings.session.output_bytes_max;
        let reading = match connection.phase {
            Phase::Open if connection.stream == Stream::Back => Reading::Bytes,
            Phase::Open if connection.output.len() <= output_bytes_max => connection.reading,
            // Nothing more is answered; the socket is emptied once all is written.
            Phase::Open | Phase::Dialling | Phase::Closing(_) => Reading::Nothing,
            // The end that the client asked for may be a proof.
            Phase::Draining(_) if connection.reading == Reading::Proof => Reading::Proof,
            Phase::Draining(_) => Reading::Bytes,
        };
        connection.is_paused = reading == Reading::Nothing;
        reading
    }

    /// Takes bytes of a connection. `acknowledged` says, where they may be a
    /// [proof](Reading::Proof), how many bytes of ours its peer had acknowledged before
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
        let work = |session: &mut dyn Session, outputs: &mut Outputs| session.input(input, outputs);
        if let Some(front) = self.run_session(session, work) {
            self.will_transmit(front);
        }
    }

    /// Lets a session work, and does what it wants done. The caller transmits the bytes
    /// for its client's connection, which is returned.
    pub(crate) fn run_session(
        &mut self,
        key: SessionKey,
        work: impl FnOnce(&mut dyn Session, &mut Outputs) -> Reading,
    ) -> Option<ConnectionKey> {
        let session = self.sessions.get_mut(key)?;
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
        let reading = work(&mut *session.state, &mut outputs);
        let connection = &mut self.connections[front.index()];
        connection.reading = reading;
        std::mem::swap(&mut outputs.front, &mut connection.output);
        if let Some(back) = back {
            std::mem::swap(&mut outputs.back, &mut self.connections[back.index()].output);
        }
        self.apply(key, front, &mut outputs);
        // Bytes for a stream that is not there are dropped.
        outputs.back.clear();
        self.session_outputs = outputs;
        if let Some(back) = back {
            self.will_transmit(back);
        }
        self.resume(front);
        Some(front)
    }

    /// Does what a session wants done, its bytes excepted.
    pub(crate) fn apply(&mut self, key: SessionKey, front: ConnectionKey, outputs: &mut Outputs) {
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
        let connection = self.connections.get(key.index());
        if connection.is_some_and(|connection| connection.is_paused)
            && self.reading(key) != Reading::Nothing
        {
            self.outputs.push_back(Output::Receive(key));
        }
    }
}
