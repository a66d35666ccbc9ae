//! Bytes for the peers.

use std::time::Instant;

use postroom_model::SessionKey;
use postroom_protocol::{Input, Stream};
use postroom_store::Store;

use crate::connection::Phase;
use crate::key::ConnectionKey;
use crate::telling::Progress;
use crate::{Engine, Output};

impl<S: Store> Engine<S> {
    /// What the driver is to do next, if anything.
    pub fn next_output(&mut self, now: Instant) -> Option<Output> {
        self.now = now;
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return Some(output);
            }
            match self.tell() {
                Progress::Transmit(key) => return Some(Output::Transmit(key)),
                Progress::Told => continue,
                Progress::Nothing => {}
            }
            let key = self.unsent.pop()?;
            let Some(connection) = self.connections.get_mut(key.index()) else {
                continue;
            };
            connection.in_unsent = false;
            if connection.phase == Phase::Dialling {
                continue;
            }
            if !connection.output.is_empty() {
                return Some(Output::Transmit(key));
            }
            self.all_transmitted(key);
        }
    }

    /// The bytes that wait for a connection, at most `room` of them.
    pub fn transmit(&self, key: ConnectionKey, room: usize) -> &[u8] {
        let connection = self.connections.get(key.index());
        let waiting = connection.filter(|connection| connection.phase != Phase::Dialling);
        let bytes = waiting.map_or(&[][..], |connection| &connection.output);
        &bytes[..room.min(bytes.len())]
    }

    /// The socket has taken so many of the bytes.
    pub fn transmitted(&mut self, now: Instant, key: ConnectionKey, bytes: usize) {
        self.now = now;
        let Some(connection) = self.connections.get_mut(key.index()) else {
            return;
        };
        connection.transmitted += bytes as u64;
        if bytes < connection.output.len() {
            connection.output.drain(..bytes);
            return;
        }
        self.spare.put(std::mem::take(&mut connection.output));
        self.all_transmitted(key);
    }

    fn all_transmitted(&mut self, key: ConnectionKey) {
        let connection = &self.connections[key.index()];
        match (connection.phase, connection.stream) {
            (Phase::Open, Stream::Front) => {
                let Some(session) = connection.session else {
                    return;
                };
                let state = self.sessions.get(session).map(|session| &session.state);
                if state.is_some_and(|state| !state.takes_bytes()) {
                    self.feed(session, Input::Written);
                }
                self.resume(key);
            }
            (Phase::Open, Stream::Back) | (Phase::Draining(_) | Phase::Dialling, _) => {}
            (Phase::Closing(close), Stream::Front) => self.end_session(key, close),
            (Phase::Closing(close), Stream::Back) => self.end(key, close),
        }
    }

    /// Notes which of a session's connections have something to be transmitted, or are
    /// to be ended.
    pub(crate) fn will_transmit_of(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get(key) else {
            return;
        };
        let (front, back) = (session.front, session.back);
        let connection = &self.connections[front.index()];
        if !connection.output.is_empty() || matches!(connection.phase, Phase::Closing(_)) {
            self.will_transmit(front);
        }
        if back.is_some() {
            self.will_transmit_back_of(key);
        }
    }

    /// The same for the connection that the server opened alone.
    pub(crate) fn will_transmit_back_of(&mut self, key: SessionKey) {
        if let Some(back) = self.sessions.get(key).and_then(|session| session.back)
            && !self.connections[back.index()].output.is_empty()
        {
            self.will_transmit(back);
        }
    }

    fn will_transmit(&mut self, key: ConnectionKey) {
        let connection = &mut self.connections[key.index()];
        if !std::mem::replace(&mut connection.in_unsent, true) {
            self.unsent.push(key);
        }
    }
}
