//! The sockets of connections: their events, and the bytes that go in and out.

use std::io::{self, ErrorKind};

use mio::{Interest, Token};
use postroom_engine::{Broken, ConnectionKey, Read};
use postroom_store::Store;

use crate::connection::Peer;
use crate::event_loop::{FIRST_CONNECTION, READ_BYTES, Server};
use crate::transport::Transport as _;

impl<S: Store> Server<S> {
    pub(crate) fn connection_event(&mut self, key: ConnectionKey, event: &mio::event::Event) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        if connection.peer == Peer::Dialled {
            self.dial_event(key, event.is_read_closed());
            return;
        }
        if event.is_read_closed() && connection.peer == Peer::Open {
            connection.peer = Peer::Ending;
        }
        if event.is_error() && !self.engine.takes_bytes(key) {
            // A reset: no read would report it.
            let error = connection.transport.take_error();
            self.break_off(key, error.map_or(ErrorKind::ConnectionReset, |error| error.kind()));
            return;
        }
        let waits_for_room = event.is_writable() && connection.transport.regain_room();
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.engine.readable(key);
        }
        if waits_for_room {
            self.transmit(key);
        }
    }

    pub(crate) fn watch(&mut self, key: ConnectionKey) -> io::Result<()> {
        let Some(connection) = self.connections.get_mut(key) else {
            return Ok(());
        };
        self.poll.registry().register(
            connection.transport.socket(),
            Token(FIRST_CONNECTION + key.index()),
            Interest::READABLE | Interest::WRITABLE,
        )
    }

    /// Reads what the engine wants read in this turn.
    pub(crate) fn read(&mut self) {
        while let Some(read) = self.engine.next_read(self.now) {
            self.read_from(read);
        }
    }

    fn read_from(&mut self, Read { connection: key, bytes_max, proves }: Read) {
        let (engine, now) = (&mut self.engine, self.now);
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        // Sampled before the bytes are read, see `Engine::received`.
        let acknowledged = proves.then(|| connection.transport.acknowledged());
        let buffer = &mut self.buffer[..bytes_max.min(READ_BYTES)];
        match connection.transport.read(buffer) {
            Ok(0) => {
                connection.peer = Peer::Ended;
                engine.half_closed(now, key, acknowledged);
            }
            Ok(length) => {
                // Bytes that arrive after a short read cause a new event, a half-close
                // already reported does not.
                if length < buffer.len() && connection.peer != Peer::Ending {
                    engine.drained(key);
                }
                engine.received(now, key, &self.buffer[..length], acknowledged);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => engine.drained(key),
            Err(error) => self.break_off(key, error.kind()),
        }
    }

    /// Writes unsent bytes of a connection, as far as its socket has room.
    pub(crate) fn transmit(&mut self, key: ConnectionKey) {
        while let Some(connection) = self.connections.get_mut(key) {
            let bytes = self.engine.transmit(key, connection.transport.room());
            if bytes.is_empty() {
                return;
            }
            let is_all = |written| written == bytes.len();
            match connection.transport.write(bytes) {
                Ok(written) if is_all(written) => {
                    self.engine.transmitted(self.now, key, written);
                    return;
                }
                Ok(written) => self.engine.transmitted(self.now, key, written),
                Err(error) => {
                    self.break_off(key, error.kind());
                    return;
                }
            }
        }
    }

    fn break_off(&mut self, key: ConnectionKey, error: ErrorKind) {
        let broken = match error {
            ErrorKind::TimedOut => Broken::TimedOut,
            _ => Broken::Reset,
        };
        self.engine.broken(self.now, key, broken);
    }

    pub(crate) fn ask_for_acknowledgements(&mut self) {
        let connections = &self.connections;
        self.engine.ask_for_acknowledgements(self.now, |key| {
            connections.get(key).map_or(0, |connection| connection.transport.acknowledged())
        });
    }
}
