//! One connection: its socket, its session and what is still to be written.
//!
//! ```text
//!  Open ──the session closes──▶ Closing ──all written──▶ Draining ──▶ gone
//!  any ──a reset, or a limit──▶ gone
//! ```

use std::io::{self, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;
use postroom_office::SessionId;
use postroom_protocol::{Close, Session};

use crate::settings::Proof;
use crate::socket::unacknowledged_bytes;
use crate::timers::Deadlines;

pub(crate) struct Connection {
    stream: TcpStream,
    pub(crate) session: Box<dyn Session>,
    pub(crate) visit: SessionId,
    /// Answers not yet taken by the operating system.
    pub(crate) output: Vec<u8>,
    pub(crate) phase: Phase,
    /// The socket may have bytes that were not taken yet.
    pub(crate) readable: bool,
    pub(crate) peer: Peer,
    /// Already in the event loop's list of connections to take bytes from.
    pub(crate) in_readable: bool,
    /// Already in the event loop's list of connections to be written.
    pub(crate) in_unflushed: bool,
    pub(crate) deadlines: Deadlines,
}

/// The peer's side of the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Peer {
    Open,
    /// Its end is in the socket, perhaps behind some bytes.
    Ending,
    /// Its end has been taken from the socket.
    Ended,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    Open,
    /// The session has ended; its last answers are being written.
    Closing(Close),
    /// Our side has ended; the peer's bytes are dropped until it ends too.
    Draining(Close),
}

/// What came of taking bytes from the socket.
#[derive(Debug)]
pub(crate) enum Taken {
    /// So many bytes, and whether the peer had acknowledged all answers before
    /// they were taken.
    Bytes { length: usize, proof: bool },
    /// The peer's end, likewise.
    End { proof: bool },
    /// Nothing at present.
    Nothing,
    /// The connection is broken.
    Broken,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, session: Box<dyn Session>, visit: SessionId) -> Self {
        Self {
            stream,
            session,
            visit,
            output: Vec::new(),
            phase: Phase::Open,
            readable: true,
            peer: Peer::Open,
            in_readable: false,
            in_unflushed: false,
            deadlines: Deadlines::default(),
        }
    }

    pub(crate) fn stream_mut(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Takes bytes from the socket.
    pub(crate) fn take(&mut self, buffer: &mut [u8], proof: Proof) -> Taken {
        // Before the bytes are taken, or a line sent without having seen the
        // answer could seem to prove it.
        let proved = self.session.awaits_proof() && self.is_acknowledged();
        loop {
            match self.stream.read(buffer) {
                Ok(0) => {
                    self.readable = false;
                    self.peer = Peer::Ended;
                    return Taken::End { proof: proved && proof == Proof::Tcp };
                }
                Ok(length) => {
                    return Taken::Bytes { length, proof: proved };
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return Taken::Nothing;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Taken::Broken,
            }
        }
    }

    /// Whether the peer's operating system has all answers.
    fn is_acknowledged(&self) -> bool {
        // The end of our side counts as one more byte, after all answers.
        let end = usize::from(matches!(self.phase, Phase::Draining(_)));
        self.output.is_empty() && unacknowledged_bytes(&self.stream).is_ok_and(|bytes| bytes <= end)
    }

    /// Writes what waits, as far as the operating system takes it.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let mut written = 0;
        while written < self.output.len() {
            match self.stream.write(&self.output[written..]) {
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output.drain(..written);
        Ok(())
    }

    /// Ends our side of the connection.
    pub(crate) fn end(&mut self) {
        // A peer that is gone already needs no end.
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}
