//! One connection: its socket and what is still to be written.
//!
//! ```text
//!  Dialling ──connected──▶ Open
//!  Open ──the session closes──▶ Closing ──all written──▶ Draining ──▶ gone
//!  any ──a reset, or a limit──▶ gone
//! ```

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Instant;

use mio::net::TcpStream;
use postroom_protocol::{Close, Stream};

use crate::settings::Proof;
use crate::socket::unacknowledged_bytes;

pub(crate) struct Connection {
    socket: TcpStream,
    /// The key of its session, unless that has left before it.
    pub(crate) session: Option<usize>,
    /// Which of the session's streams it is.
    pub(crate) stream: Stream,
    /// Answers not yet taken by the operating system.
    pub(crate) output: Vec<u8>,
    pub(crate) phase: Phase,
    /// The socket may have bytes that were not taken yet.
    pub(crate) readable: bool,
    pub(crate) buffer: Buffer,
    pub(crate) peer: Peer,
    /// Already in the event loop's list of connections to take bytes from.
    pub(crate) in_readable: bool,
    /// Already in the event loop's list of connections to be written.
    pub(crate) in_unflushed: bool,
    /// When a drain ends at the latest.
    pub(crate) drain: Option<Instant>,
    /// Bytes that the operating system has taken so far.
    written: u64,
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

/// What the operating system holds for the peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Buffer {
    HasRoom,
    /// It took no more when it was last asked.
    Full,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    /// The server has dialled, and the peer has not answered.
    Dialling,
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
    Broken(io::ErrorKind),
}

/// How a connection came to its end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// As its phase tells.
    AsItsPhase,
    /// It is broken.
    Broken(io::ErrorKind),
    /// Its reader let too much wait.
    Overflow,
    /// The operating system could not watch it.
    Unwatched,
}

impl Ending {
    /// The reason for the log, and whether it is a limit.
    pub(crate) fn reason(self, phase: Phase) -> (&'static str, bool) {
        match (phase, self) {
            (
                Phase::Closing(Close::Dropped(reason)) | Phase::Draining(Close::Dropped(reason)),
                _,
            ) => (reason.as_str(), reason.is_a_limit()),
            (Phase::Closing(Close::Asked) | Phase::Draining(Close::Asked), _)
            | (_, Self::AsItsPhase) => ("the client left", false),
            (_, Self::Broken(io::ErrorKind::TimedOut)) => ("the peer answers no more", false),
            (_, Self::Broken(_)) => ("the connection was reset", false),
            (_, Self::Overflow) => ("reads too slowly (connection.output_bytes_max)", true),
            (_, Self::Unwatched) => ("the system cannot watch the connection", true),
        }
    }
}

impl Connection {
    pub(crate) fn new(socket: TcpStream, session: usize, stream: Stream, phase: Phase) -> Self {
        Self {
            socket,
            session: Some(session),
            stream,
            output: Vec::new(),
            phase,
            readable: true,
            buffer: Buffer::HasRoom,
            peer: Peer::Open,
            in_readable: false,
            in_unflushed: false,
            drain: None,
            written: 0,
        }
    }

    pub(crate) fn socket_mut(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// Why the socket is broken.
    pub(crate) fn take_error(&self) -> io::ErrorKind {
        let error = self.socket.take_error();
        error.ok().flatten().map_or(io::ErrorKind::ConnectionReset, |error| error.kind())
    }

    /// Where the connection is from and to, our end first.
    pub(crate) fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.socket.local_addr()?, self.socket.peer_addr()?))
    }

    /// What came of dialling: nothing while the peer has not answered.
    pub(crate) fn dialled(&self) -> Option<io::Result<()>> {
        match (self.socket.take_error(), self.addresses()) {
            (Ok(Some(error)) | Err(error), _) => Some(Err(error)),
            // A port of ours that was dialled from itself.
            (Ok(None), Ok((ours, theirs))) if ours == theirs => {
                Some(Err(io::ErrorKind::ConnectionRefused.into()))
            }
            (Ok(None), Ok(_)) => Some(Ok(())),
            (Ok(None), Err(_)) => None,
        }
    }

    /// Takes bytes from the socket. Where the session awaits proof, it is looked
    /// for first.
    pub(crate) fn take(&mut self, buffer: &mut [u8], awaits_proof: bool, proof: Proof) -> Taken {
        // Before the bytes are taken, or a line sent without having seen the
        // answer could seem to prove it.
        let proved = awaits_proof && self.is_acknowledged();
        loop {
            match self.socket.read(buffer) {
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
                Err(error) => return Taken::Broken(error.kind()),
            }
        }
    }

    /// Whether the peer's operating system has all answers.
    fn is_acknowledged(&self) -> bool {
        // The end of our side counts as one more byte, after all answers.
        let end = usize::from(matches!(self.phase, Phase::Draining(_)));
        self.output.is_empty() && unacknowledged_bytes(&self.socket).is_ok_and(|bytes| bytes <= end)
    }

    /// How many bytes will have been given to the peer with the last one that
    /// waits now.
    pub(crate) fn position(&self) -> u64 {
        self.written + self.output.len() as u64
    }

    /// Whether the peer's operating system has acknowledged all bytes up to a
    /// position.
    pub(crate) fn has_acknowledged(&self, position: u64) -> bool {
        position <= self.written
            && unacknowledged_bytes(&self.socket)
                .is_ok_and(|bytes| position + bytes as u64 <= self.written)
    }

    /// Writes what waits, as far as the operating system takes it.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        let mut written = 0;
        while written < self.output.len() {
            match self.socket.write(&self.output[written..]) {
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.buffer = Buffer::Full;
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.written += written as u64;
        self.output.drain(..written);
        Ok(())
    }

    /// Ends our side of the connection.
    pub(crate) fn end(&mut self) {
        // A peer that is gone already needs no end.
        let _ = self.socket.shutdown(Shutdown::Write);
    }
}
