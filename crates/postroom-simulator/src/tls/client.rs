//! The client's side of TLS.

use super::{Decoder, Kind, push_record};
use crate::segment::Segment;

/// Bytes that a client begins its handshake with, and that end it.
const HELLO: [u8; 240] = [1; 240];
const FINISHED: [u8; 40] = [20; 40];

/// TLS, from the client's program to its kernel.
#[derive(Debug)]
pub(crate) struct ClientTls {
    state: State,
    /// Plaintext of a record, at most.
    record_bytes_max: usize,
    /// What it has read.
    decoder: Decoder,
}

#[derive(Debug)]
enum State {
    /// It has said nothing.
    Silent,
    /// It awaits the server's part of the handshake, and says this after it.
    Handshake(Vec<Segment>),
    Open,
}

impl ClientTls {
    /// A client that puts so many bytes into a record, at most.
    pub(crate) fn new(record_bytes_max: usize) -> Self {
        Self { state: State::Silent, record_bytes_max, decoder: Decoder::default() }
    }

    /// Whether the handshake is over, as far as the client knows.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// What goes out on the network where the client sends this.
    pub(crate) fn send(&mut self, segment: Segment) -> Vec<Segment> {
        match (&mut self.state, segment) {
            // A client that says nothing ends as if it had never known of TLS.
            (State::Silent, segment @ (Segment::End | Segment::Reset))
            | (_, segment @ Segment::Reset) => vec![segment],
            (State::Silent, segment) => {
                self.state = State::Handshake(vec![segment]);
                vec![record(Kind::Handshake, &HELLO)]
            }
            (State::Handshake(waiting), segment) => {
                waiting.push(segment);
                Vec::new()
            }
            (State::Open, segment) => self.encrypt(segment),
        }
    }

    fn encrypt(&self, segment: Segment) -> Vec<Segment> {
        match segment {
            Segment::Bytes(bytes) => {
                let mut ciphertext = Vec::new();
                for part in bytes.chunks(self.record_bytes_max) {
                    push_record(&mut ciphertext, Kind::Data, part);
                }
                vec![Segment::Bytes(ciphertext)]
            }
            Segment::End => vec![record(Kind::End, &[]), Segment::End],
            Segment::Reset => vec![Segment::Reset],
        }
    }

    /// The plaintext that is there with these bytes, and what goes out for them.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> (Vec<u8>, Vec<Segment>) {
        let (mut data, mut answer) = (Vec::new(), Vec::new());
        for (kind, plaintext) in self.decoder.take(bytes) {
            match (kind, &mut self.state) {
                (Kind::Data, _) => data.extend(plaintext),
                (Kind::Handshake, State::Handshake(waiting)) => {
                    let waiting = std::mem::take(waiting);
                    self.state = State::Open;
                    answer.push(record(Kind::Handshake, &FINISHED));
                    answer.extend(waiting.into_iter().flat_map(|segment| self.encrypt(segment)));
                }
                // Tickets for the next time, and the end.
                (Kind::Handshake | Kind::End, _) => {}
            }
        }
        (data, answer)
    }
}

fn record(kind: Kind, plaintext: &[u8]) -> Segment {
    let mut ciphertext = Vec::new();
    push_record(&mut ciphertext, kind, plaintext);
    Segment::Bytes(ciphertext)
}
