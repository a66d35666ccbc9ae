//! Taking bytes, ends and deadlines to the sessions.

use postroom_protocol::{Input, Outputs, Timer};
use postroom_store::Store;

use crate::connection::{Connection, Peer, Phase, Taken};
use crate::event_loop::Server;
use crate::timers::Deadline;

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
        while let Some(connection) = self.connections.get_mut(key)
            && wants_bytes(connection, self.settings.session.output_bytes_max)
        {
            match connection.take(buffer, self.settings.proof) {
                Taken::Bytes { length, proof } => {
                    // Bytes that come after a short read are told anew, an end
                    // that has been told is not.
                    connection.readable = length == buffer.len() || connection.peer == Peer::Ending;
                    if connection.phase == Phase::Open {
                        self.feed(key, Input::Bytes { bytes: &buffer[..length], proof });
                    }
                    if length == buffer.len() {
                        self.will_take(key);
                        return;
                    }
                }
                Taken::End { proof } => self.end_taken(key, proof),
                Taken::Nothing => {}
                Taken::Broken => self.remove(key),
            }
        }
    }

    fn end_taken(&mut self, key: usize, proof: bool) {
        let is_draining = matches!(self.connections[key].phase, Phase::Draining(_));
        self.feed(key, Input::End { proof });
        if is_draining {
            self.remove(key);
        }
    }

    /// Tells the sessions which of their deadlines have passed.
    pub(crate) fn pass_deadlines(&mut self) {
        while let Some((key, deadline)) = self.timers.take_passed(self.now) {
            let Some(connection) = self.connections.get_mut(key) else {
                continue;
            };
            connection.deadlines.forget(deadline);
            match deadline {
                Deadline::LogIn => self.feed(key, Input::Elapsed(Timer::LogIn)),
                Deadline::Pause => self.feed(key, Input::Elapsed(Timer::Pause)),
                Deadline::Drain => self.remove(key),
            }
        }
    }

    /// Gives a session one input and does what it wants done.
    pub(crate) fn feed(&mut self, key: usize, input: Input<'_>) {
        let connection = &mut self.connections[key];
        let mut outputs = std::mem::take(&mut self.outputs);
        if connection.output.capacity() == 0 {
            connection.output = self.spare.take();
        }
        std::mem::swap(&mut outputs.bytes, &mut connection.output);
        connection.session.input(input, &mut outputs);
        std::mem::swap(&mut outputs.bytes, &mut connection.output);
        self.apply(key, &mut outputs);
        self.outputs = outputs;
    }

    /// Does what a session wants done, its bytes excepted.
    pub(crate) fn apply(&mut self, key: usize, outputs: &mut Outputs) {
        let connection = &mut self.connections[key];
        for request in outputs.requests.drain(..) {
            self.office.ask(connection.visit, request);
        }
        for (timer, after) in outputs.timers.drain(..) {
            let deadline = match timer {
                Timer::LogIn => Deadline::LogIn,
                Timer::Pause => Deadline::Pause,
            };
            let at = after.map(|after| self.now + after);
            self.timers.set(key, &mut connection.deadlines, deadline, at);
        }
        if let Some(close) = outputs.close.take() {
            connection.phase = Phase::Closing(close);
        }
        if !connection.output.is_empty() || matches!(connection.phase, Phase::Closing(_)) {
            self.will_flush(key);
        }
    }
}

/// Whether bytes are to be taken from a connection now.
fn wants_bytes(connection: &Connection, output_bytes_max: usize) -> bool {
    connection.readable
        && match connection.phase {
            Phase::Open => {
                connection.session.takes_bytes() && connection.output.len() <= output_bytes_max
            }
            // Nothing more is answered; the socket is emptied once all is
            // written.
            Phase::Closing(_) => false,
            Phase::Draining(_) => true,
        }
}
