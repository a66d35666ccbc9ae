//! The server's side of TLS: what its transport knows, with the parts of it that ship.

use std::collections::VecDeque;

use postroom_protocol::tls::{Positions, Records};

use super::{Decoder, Kind, PLAINTEXT_BYTES_MAX, push_record};

/// Bytes of the server's part of the handshake, and of the tickets after it.
const HELLO: [u8; 900] = [2; 900];
const TICKET: [u8; 200] = [4; 200];

/// TLS between the engine and a socket.
#[derive(Debug, Default)]
pub(crate) struct ServerTls {
    state: State,
    records: Records,
    decoder: Decoder,
    /// What is decrypted and not taken.
    plaintext: VecDeque<u8>,
    /// What is encrypted and not written to the socket.
    ciphertext: VecDeque<u8>,
    /// Plaintext of it that the engine counts as not transmitted.
    unwritten: usize,
    /// Plaintext and ciphertext that are written.
    written: u64,
    written_ciphertext: u64,
    positions: Positions,
    /// The sample that the next bytes carry.
    acknowledged: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    /// Nothing has come from the client.
    #[default]
    Silent,
    /// The end of its handshake has not come.
    Handshake,
    Open,
    /// The client has ended its side in order.
    Ended,
}

impl ServerTls {
    pub(crate) fn is_shaking_hands(&self) -> bool {
        matches!(self.state, State::Silent | State::Handshake)
    }

    /// Whether the client has ended its side in order, and all before it is taken.
    pub(crate) fn is_at_end(&self) -> bool {
        self.state == State::Ended && self.plaintext.is_empty()
    }

    /// Whether there is something to be taken.
    pub(crate) fn has_plaintext(&self) -> bool {
        !self.plaintext.is_empty()
    }

    /// Takes plaintext.
    pub(crate) fn take(&mut self, bytes_max: usize) -> Vec<u8> {
        self.plaintext.drain(..bytes_max.min(self.plaintext.len())).collect()
    }

    /// Notes before a read of the socket how far its peer has acknowledged, unless it has
    /// sent a part of a record before that.
    pub(crate) fn sample(&mut self, proves: bool, ciphertext: u64) {
        if self.records.is_between() {
            self.acknowledged = proves.then(|| self.acknowledged(ciphertext));
        }
    }

    /// The sample for what is taken.
    pub(crate) fn sampled(&self, proves: bool) -> Option<u64> {
        self.acknowledged.filter(|_| proves)
    }

    /// How much plaintext the peer has acknowledged, which has so much ciphertext.
    pub(crate) fn acknowledged(&mut self, ciphertext: u64) -> u64 {
        self.positions.acknowledged(ciphertext)
    }

    /// Takes ciphertext from the socket.
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.records.pass(bytes);
        for (kind, plaintext) in self.decoder.take(bytes) {
            match (kind, self.state) {
                (Kind::Handshake, State::Silent) => {
                    push_record(&mut self.ciphertext, Kind::Handshake, &HELLO);
                    self.state = State::Handshake;
                }
                (Kind::Handshake, State::Handshake) => {
                    push_record(&mut self.ciphertext, Kind::Handshake, &TICKET);
                    self.state = State::Open;
                }
                (Kind::Data, State::Open) => self.plaintext.extend(plaintext),
                (Kind::End, State::Open) => self.state = State::Ended,
                (kind, state) => panic!("{kind:?} comes when TLS is {state:?}"),
            }
        }
    }

    /// Encrypts a record's worth of bytes. They count as written once all of their
    /// ciphertext is.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let part = &bytes[..bytes.len().min(PLAINTEXT_BYTES_MAX)];
        push_record(&mut self.ciphertext, Kind::Data, part);
        self.unwritten = part.len();
    }

    /// The end of what the server says.
    pub(crate) fn end(&mut self) {
        push_record(&mut self.ciphertext, Kind::End, &[]);
    }

    /// Whether ciphertext waits for room in the socket.
    pub(crate) fn wants_write(&self) -> bool {
        !self.ciphertext.is_empty()
    }

    /// Whether plaintext of the engine is among it.
    pub(crate) fn has_unwritten(&self) -> bool {
        self.unwritten > 0
    }

    /// Takes as much ciphertext as there is room for. Returns it with the plaintext that is
    /// written by now.
    pub(crate) fn flush(&mut self, room: usize) -> (Vec<u8>, usize) {
        let out: Vec<u8> = self.ciphertext.drain(..room.min(self.ciphertext.len())).collect();
        self.written_ciphertext += out.len() as u64;
        if self.wants_write() {
            return (out, 0);
        }
        let written = std::mem::take(&mut self.unwritten);
        if written > 0 {
            self.written += written as u64;
            self.positions.wrote(self.written, self.written_ciphertext);
        }
        (out, written)
    }
}
