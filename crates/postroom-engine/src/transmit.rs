//! Bytes for the peers.

use std::time::Instant;

use postroom_protocol::{Input, Reading, Stream};
use postroom_store::Store;

use crate::connection::Phase;
use crate::key::ConnectionKey;
use crate::{Engine, Output};

impl<S: Store> Engine<S> {
    /// What the driver is to do next, if anything.
    pub fn next_output(&mut self, now: Instant) -> Option<Output> {
        self.now = now;
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return Some(output);
            }
            if !self.transmits_first() && self.tell() {
                continue;
            }
            let Some(key) = self.unsent.pop_front() else {
                if self.tell_next_due() {
                    continue;
                }
                return None;
            };
            let Some(connection) = self.connections.get_mut(key.index()) else {
                continue;
            };
            connection.in_unsent = false;
            if connection.phase == Phase::Dialling {
                continue;
            }
            if connection.waiting() > 0 {
                return Some(Output::Transmit(key));
            }
            self.all_transmitted(key);
        }
    }

    /// The bytes that wait for a connection, at most `room` of them.
    pub fn transmit(&self, key: ConnectionKey, room: usize) -> &[u8] {
        let connection = self.connections.get(key.index());
        let waiting = connection.filter(|connection| connection.phase != Phase::Dialling);
        let bytes = waiting.map_or(&[][..], |connection| &connection.output[connection.sent..]);
        &bytes[..room.min(bytes.len())]
    }

    /// Whether the session of a connection is closed, so that nothing but what waits is
    /// transmitted any more.
    #[must_use]
    pub fn is_closing(&self, key: ConnectionKey) -> bool {
        let phase = self.connections.get(key.index()).map(|connection| connection.phase);
        matches!(phase, Some(Phase::Closing(_) | Phase::Draining(_)))
    }

    /// The socket has taken so many of the bytes.
    pub fn transmitted(&mut self, now: Instant, key: ConnectionKey, bytes: usize) {
        self.now = now;
        let Some(connection) = self.connections.get_mut(key.index()) else {
            return;
        };
        self.held_bytes -= connection.held();
        connection.transmitted += bytes as u64;
        self.counts.sent_bytes += bytes as u64;
        connection.sent += bytes;
        connection.is_stuck = connection.waiting() > 0;
        if connection.is_stuck {
            // What is left moves only once as much has gone, or where it leaves most of the
            // buffer unused, to no more memory than it needs.
            let waiting = connection.waiting();
            if connection.sent >= waiting || connection.output.capacity() / 4 >= waiting {
                connection.output = connection.output[connection.sent..].to_vec();
                connection.sent = 0;
            }
            self.held_bytes += connection.held();
            return;
        }
        connection.sent = 0;
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
                if connection.reading == Reading::Nothing {
                    self.feed(session, Input::Written);
                }
                self.catch_up(session);
                self.list_rest(key);
            }
            (Phase::Open, Stream::Back)
            | (Phase::Draining(_) | Phase::Dialling | Phase::Header, _) => {}
            (Phase::Closing(close), Stream::Front) => self.end_session(key, close),
            (Phase::Closing(close), Stream::Back) => self.end(key, close),
        }
    }

    /// Notes that a connection may have something to be transmitted, or is to be ended.
    pub(crate) fn will_transmit(&mut self, key: ConnectionKey) {
        let Some(connection) = self.connections.get_mut(key.index()) else {
            return;
        };
        if (connection.waiting() > 0 || matches!(connection.phase, Phase::Closing(_)))
            && !std::mem::replace(&mut connection.in_unsent, true)
        {
            self.unsent.push_back(key);
        }
    }
}
