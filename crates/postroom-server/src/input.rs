//! Taking bytes, ends and deadlines to the sessions.

use postroom_model::Request;
use postroom_office::SessionKey;
use postroom_protocol::{Input, Login, Outputs, Session, Stream, Timer};
use postroom_store::Store;

use crate::connection::{Connection, Ending, Peer, Phase, Taken};
use crate::event_loop::Server;
use crate::seat::Seat;
use crate::timers::Deadline;

/// Connections that have not logged in may be this share of all: a quarter.
const BEFORE_LOGIN_SHARE: usize = 4;

impl<S: Store> Server<S> {
    /// Notes that a connection may have bytes to be taken.
    pub(crate) fn will_take(&mut self, key: usize) {
        let connection = &mut self.connections[key];
        if !std::mem::replace(&mut connection.in_readable, true) {
            self.readable.push(key);
        }
    }

    /// Takes from each connection that has bytes what it has, up to the size of
    /// the buffer.
    pub(crate) fn take_input(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut keys = std::mem::take(&mut self.readable);
        for key in keys.drain(..) {
            if let Some(connection) = self.connections.get_mut(key) {
                connection.in_readable = false;
                self.take_from(key, &mut buffer);
            }
        }
        // Those that have more are in the new list already.
        keys.append(&mut self.readable);
        self.readable = keys;
        self.buffer = buffer;
    }

    fn take_from(&mut self, key: usize, buffer: &mut [u8]) {
        while let Some(connection) = self.connections.get_mut(key) {
            let seat = connection.session.and_then(|session| self.seats.get(session));
            if !wants_bytes(connection, seat, self.settings.session.output_bytes_max) {
                return;
            }
            let awaits_proof = connection.stream == Stream::Front
                && seat.is_some_and(|seat| seat.session.awaits_proof());
            match connection.take(buffer, awaits_proof, self.settings.proof) {
                Taken::Bytes { length, proof } => {
                    // Bytes that come after a short read are told anew, an end
                    // that has been told is not.
                    connection.readable = length == buffer.len() || connection.peer == Peer::Ending;
                    let (session, stream) = (connection.session, connection.stream);
                    if connection.phase == Phase::Open
                        && let Some(session) = session
                    {
                        let bytes = &buffer[..length];
                        self.feed(session, Input::Bytes { stream, bytes, proof });
                    }
                    if length == buffer.len() {
                        self.will_take(key);
                        return;
                    }
                }
                Taken::End { proof } => self.end_taken(key, proof),
                Taken::Nothing => {}
                Taken::Broken(error) => self.remove(key, Ending::Broken(error)),
            }
        }
    }

    /// Whether bytes of a connection would be taken if there were any.
    pub(crate) fn takes_bytes(&mut self, key: usize) -> bool {
        let connection = &mut self.connections[key];
        connection.readable = true;
        let seat = connection.session.and_then(|session| self.seats.get(session));
        wants_bytes(connection, seat, self.settings.session.output_bytes_max)
    }

    fn end_taken(&mut self, key: usize, proof: bool) {
        let connection = &self.connections[key];
        let is_draining = matches!(connection.phase, Phase::Draining(_));
        let (session, stream) = (connection.session, connection.stream);
        if let Some(session) = session {
            self.feed(session, Input::End { stream, proof });
            // A client that has ended its side takes no connection back.
            if self.seats.get(session).is_some_and(|seat| seat.dialling.is_some()) {
                self.dial_limit_passed(session);
            }
        }
        if is_draining {
            self.remove(key, Ending::AsItsPhase);
        }
    }

    /// Tells the sessions which of their deadlines have passed.
    pub(crate) fn pass_deadlines(&mut self) {
        while let Some(deadline) = self.timers.take_passed(self.now) {
            match deadline {
                Deadline::Session(key, timer) => self.elapsed(key, timer),
                Deadline::Dial(key) => self.dial_limit_passed(key),
                Deadline::Redial(key) => self.redial(key),
                Deadline::Accept => self.accept_again(),
                // The logins are tended in each turn.
                Deadline::Passwords => self.passwords_deadline = None,
                Deadline::Drain(key) => {
                    if let Some(connection) = self.connections.get_mut(key) {
                        connection.drain = None;
                        self.remove(key, Ending::AsItsPhase);
                    }
                }
            }
        }
    }

    fn elapsed(&mut self, session: usize, timer: Timer) {
        if let Some(seat) = self.seats.get_mut(session) {
            *seat.deadlines.timer(timer) = None;
            self.feed(session, Input::Elapsed(timer));
        }
    }

    /// Gives a session one input and does what it wants done.
    pub(crate) fn feed(&mut self, session: usize, input: Input<'_>) {
        self.run_session(session, |session, outputs| session.input(input, outputs));
        self.will_flush_session(session);
    }

    /// Lets a session work, and does what it wants done, its bytes excepted.
    pub(crate) fn run_session(
        &mut self,
        session: usize,
        work: impl FnOnce(&mut dyn Session, &mut Outputs),
    ) {
        let Some(seat) = self.seats.get_mut(session) else {
            return;
        };
        let mut outputs = std::mem::take(&mut self.outputs);
        let front = &mut self.connections[seat.front].output;
        if front.capacity() == 0 {
            *front = self.spare.take();
        }
        std::mem::swap(&mut outputs.front, front);
        if let Some(back) = seat.back {
            std::mem::swap(&mut outputs.back, &mut self.connections[back].output);
        }
        work(&mut *seat.session, &mut outputs);
        std::mem::swap(&mut outputs.front, &mut self.connections[seat.front].output);
        if let Some(back) = seat.back {
            std::mem::swap(&mut outputs.back, &mut self.connections[back].output);
        }
        self.apply(session, &mut outputs);
        // Of what is said over a stream that is not there nothing is kept.
        outputs.back.clear();
        self.outputs = outputs;
    }

    /// Does what a session wants done, its bytes excepted.
    pub(crate) fn apply(&mut self, session: usize, outputs: &mut Outputs) {
        let Some(seat) = self.seats.get_mut(session) else {
            return;
        };
        let (visit, front) = (seat.visit, seat.front);
        for request in &outputs.requests {
            if let Request::LogIn { name, .. } = request {
                seat.account = Some(name.into());
            }
        }
        self.ask(visit, outputs);
        for notice in outputs.notices.drain(..) {
            self.office.note(visit, notice);
        }
        self.set_timers(session, outputs);
        if let Some(close) = outputs.close.take() {
            self.connections[front].phase = Phase::Closing(close);
            self.before_login.remove(session);
            self.office.depart(visit);
        }
        for mark in outputs.delivered_once_acknowledged.drain(..) {
            self.watch(front, visit, mark);
        }
        for report in outputs.reports.drain(..) {
            self.log_report(session, &report);
            self.reporter.report(&report);
        }
        if let Some(dial) = outputs.dial.take() {
            self.dial(session, dial);
        }
    }

    fn ask(&mut self, visit: SessionKey, outputs: &mut Outputs) {
        for request in outputs.requests.drain(..) {
            self.log_request(visit.key(), &request);
            self.office.ask(visit, request);
        }
    }

    fn set_timers(&mut self, session: usize, outputs: &mut Outputs) {
        let Some(seat) = self.seats.get_mut(session) else {
            return;
        };
        for (timer, after) in outputs.timers.drain(..) {
            let at = after.map(|after| self.now + after);
            let deadline = Deadline::Session(session, timer);
            self.timers.set(seat.deadlines.timer(timer), deadline, at);
        }
        match outputs.login.take() {
            Some(Login::Awaited) => self.before_login.await_login(session, seat.peer.ip.into()),
            Some(Login::UnderWay) => self.before_login.begin_login(session),
            Some(Login::Done) => self.before_login.remove(session),
            None => {}
        }
    }

    /// Ends connections that wait to log in where they are too many.
    pub(crate) fn evict_before_login(&mut self) {
        let most = (self.settings.connections_max / BEFORE_LOGIN_SHARE).max(1);
        while self.before_login.len() > most
            && let Some(session) = self.before_login.take_longest_of_most()
        {
            self.feed(session, Input::Evicted);
            if let Some(front) = self.seats.get(session).map(|seat| seat.front) {
                self.limit_end(front);
            }
        }
    }

    /// Gives an evicted connection no more than the drain limit in all: a peer that
    /// reads nothing must not keep its place.
    fn limit_end(&mut self, key: usize) {
        let limit = self.now + self.settings.drain_limit;
        let connection = &mut self.connections[key];
        self.timers.set(&mut connection.drain, Deadline::Drain(key), Some(limit));
        self.evicted.push_back(key);
        self.flush_one(key);
    }

    /// Notes which of a session's connections have something to be written, or
    /// are to be ended.
    pub(crate) fn will_flush_session(&mut self, session: usize) {
        let Some(Seat { front, back, .. }) = self.seats.get(session) else {
            return;
        };
        let (front, back) = (*front, *back);
        let connection = &self.connections[front];
        if !connection.output.is_empty() || matches!(connection.phase, Phase::Closing(_)) {
            self.will_flush(front);
        }
        if let Some(back) = back.filter(|back| !self.connections[*back].output.is_empty()) {
            self.will_flush(back);
        }
    }
}

/// Whether bytes are to be taken from a connection now.
fn wants_bytes(connection: &Connection, seat: Option<&Seat>, output_bytes_max: usize) -> bool {
    connection.readable
        && match connection.phase {
            Phase::Open if connection.stream == Stream::Back => true,
            Phase::Open => {
                seat.is_some_and(|seat| seat.session.takes_bytes())
                    && connection.output.len() <= output_bytes_max
            }
            // Nothing more is answered; the socket is emptied once all is
            // written.
            Phase::Dialling | Phase::Closing(_) => false,
            Phase::Draining(_) => true,
        }
}
