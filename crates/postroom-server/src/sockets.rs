//! The sockets of connections: their events, and the bytes that go in and out.

use std::io;
use std::time::Instant;

use mio::{Interest, Token};
use postroom_engine::{Broken, ConnectionKey, Read};
use postroom_store::Store;

use crate::connection::Peer;
use crate::event_loop::{FIRST_CONNECTION, READ_BYTES, Server};
use crate::transport::{Handshake, Received, broken};

const LEFT_ALONE: &str = "the client did not finish the TLS handshake";

impl<S: Store> Server<S> {
    pub(crate) fn connection_event(&mut self, key: ConnectionKey, event: &mio::event::Event) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        match connection.peer {
            Peer::Dialled => return self.dial_event(key, event.is_read_closed()),
            Peer::Header => return self.read_header(key, event.is_read_closed()),
            Peer::Open | Peer::Ending | Peer::Ended => {}
        }
        if event.is_read_closed() && connection.peer == Peer::Open {
            connection.peer = Peer::Ending;
        }
        if event.is_error() && !self.engine.takes_bytes(key) {
            // A reset: no read would report it.
            let error = connection.transport.take_error();
            self.break_off(key, error.as_ref().map_or(Broken::Reset, broken));
            return;
        }
        let waits_for_room = event.is_writable() && connection.transport.regain_room();
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.take_input(key);
        }
        if waits_for_room {
            self.flush(key);
            self.transmit(key);
        }
    }

    /// The socket may have something: a part of the handshake, or what the engine reads.
    pub(crate) fn take_input(&mut self, key: ConnectionKey) {
        let connection = self.connections.get_mut(key);
        match connection.filter(|connection| connection.transport.is_shaking_hands()) {
            Some(connection) => self.handshakes.add(key, connection),
            None => self.engine.readable(key),
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

    /// Lets handshakes go on for the time that is left to them in this turn.
    pub(crate) fn shake_hands(&mut self) {
        while let Some(key) = self.handshakes.next() {
            let begun = Instant::now();
            self.take_step(key);
            self.handshakes.took(begun.elapsed());
        }
    }

    fn take_step(&mut self, key: ConnectionKey) {
        // Another connection may have its key by now.
        let connection = self.connections.get_mut(key);
        let Some(connection) = connection.filter(|other| other.in_handshakes) else {
            return;
        };
        connection.in_handshakes = false;
        match connection.transport.shake_hands() {
            // No event tells again of a half-close that was reported.
            Ok(Handshake::Waits) if connection.peer != Peer::Ending => {}
            Ok(Handshake::Waits | Handshake::MayGoOn) => self.handshakes.add(key, connection),
            Ok(Handshake::Done) => {
                self.engine.handshake_done(key);
                self.engine.readable(key);
                self.transmit(key);
            }
            Err(broken) => self.break_off(key, broken),
        }
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
        let buffer = &mut self.buffer[..bytes_max.min(READ_BYTES)];
        match connection.transport.read(buffer, proves) {
            Ok(Received::End { acknowledged }) => {
                connection.peer = Peer::Ended;
                engine.half_closed(now, key, acknowledged);
            }
            Ok(Received::Bytes { length, acknowledged, may_be_more }) => {
                // No event tells again of a half-close that was reported.
                if !may_be_more && connection.peer != Peer::Ending {
                    engine.drained(key);
                }
                engine.received(now, key, &self.buffer[..length], acknowledged);
            }
            Ok(Received::Nothing) => engine.drained(key),
            Err(broken) => self.break_off(key, broken),
        }
    }

    /// Writes unsent bytes of a connection, as far as its socket has room.
    pub(crate) fn transmit(&mut self, key: ConnectionKey) {
        while let Some(connection) = self.connections.get_mut(key) {
            if connection.transport.is_shaking_hands() {
                return self.end_in_handshake(key);
            }
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
                Err(broken) => return self.break_off(key, broken),
            }
        }
    }

    /// Sends what the transport has of its own to send.
    pub(crate) fn flush(&mut self, key: ConnectionKey) {
        let flushed = self.connections.get_mut(key).map(|connection| connection.transport.flush());
        if let Some(Err(broken)) = flushed {
            self.break_off(key, broken);
        }
    }

    pub(crate) fn half_close(&mut self, key: ConnectionKey) {
        match self.connections.get_mut(key) {
            Some(connection) if connection.transport.is_shaking_hands() => {
                self.end_in_handshake(key);
            }
            Some(connection) => connection.transport.half_close(),
            None => {}
        }
    }

    pub(crate) fn close(&mut self, key: ConnectionKey) {
        if let Some(mut connection) = self.connections.remove(key) {
            connection.transport.close();
        }
    }

    /// Breaks a connection off whose session is closed before its client has finished the
    /// handshake: nothing can be told to it, so nothing is waited for.
    fn end_in_handshake(&mut self, key: ConnectionKey) {
        if self.engine.is_closing(key) {
            self.break_off(key, Broken::Tls(LEFT_ALONE));
        }
    }

    pub(crate) fn break_off(&mut self, key: ConnectionKey, broken: Broken) {
        self.engine.broken(self.now, key, broken);
    }

    pub(crate) fn ask_for_acknowledgements(&mut self) {
        let connections = &mut self.connections;
        self.engine.ask_for_acknowledgements(self.now, |key| {
            connections.get_mut(key).map_or(0, |connection| connection.transport.acknowledged())
        });
    }
}
