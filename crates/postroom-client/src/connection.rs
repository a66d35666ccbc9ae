//! One connection that both sides may use at any time.
//!
//! Nothing here waits: the owner polls, lets the link do what can be done at
//! once, and takes out the lines that came. Unlike an [`Exchange`], it has
//! no answers that are removed once they are read, so it may end in any way.
//!
//! [`Exchange`]: crate::exchange::Exchange

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::PollFlags;
use socket2::{SockRef, TcpKeepalive};

use crate::exchange::{failure, is_transient};
use crate::line_splitter::{LineSplitter, NextLine};
use crate::{ANSWER_BYTES_MAX, ClientError, Deviation, ServerAddress};

/// Bytes that one read takes.
const READ_BYTES: usize = 4_096;

/// Bytes that the server may leave untaken; it then wants no answers.
const OUTPUT_BYTES_MAX: usize = 65_536;

/// A silent connection is probed after this time, ...
const PROBE_AFTER: Duration = Duration::from_secs(30);

/// ... this often a minute, ...
const PROBE_EVERY: Duration = Duration::from_secs(10);

/// ... and a server whose system has not answered for this long is gone.
const DEAD_AFTER: Duration = Duration::from_mins(1);

/// A stream of lines in each direction.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    lines: LineSplitter,
    /// What the socket has not yet taken.
    output: Vec<u8>,
    server: ServerAddress,
    protocol: &'static str,
    ended: bool,
}

impl Connection {
    /// Takes over a connected stream.
    pub(crate) fn new(
        stream: TcpStream,
        server: ServerAddress,
        protocol: &'static str,
    ) -> Result<Self, ClientError> {
        let connection = Self {
            stream,
            lines: LineSplitter::new(ANSWER_BYTES_MAX),
            output: Vec::new(),
            server,
            protocol,
            ended: false,
        };
        connection.prepare().map_err(|error| connection.failure(error))?;
        Ok(connection)
    }

    fn prepare(&self) -> std::io::Result<()> {
        let socket = SockRef::from(&self.stream);
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_linger(None)?;
        let probes = TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_EVERY);
        socket.set_tcp_keepalive(&probes)?;
        socket.set_tcp_user_timeout(Some(DEAD_AFTER))
    }

    /// The stream, to ask for its addresses.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The server's address.
    pub(crate) fn server(&self) -> &ServerAddress {
        &self.server
    }

    /// Queues a line, its line feed left out, and sends what goes at once.
    pub(crate) fn send(&mut self, line: &[u8]) -> Result<(), ClientError> {
        self.output.extend_from_slice(line);
        self.output.push(b'\n');
        self.write()?;
        if self.output.len() > OUTPUT_BYTES_MAX {
            return Err(self.deviation(Deviation::Untaken));
        }
        Ok(())
    }

    /// Whether the server has yet to take what was sent: whoever is not asked to
    /// answer adds nothing until it has.
    pub(crate) fn is_behind(&self) -> bool {
        !self.output.is_empty()
    }

    /// What to poll, and for what.
    pub(crate) fn watched(&self) -> (BorrowedFd<'_>, PollFlags) {
        let reading = if self.ended { PollFlags::empty() } else { PollFlags::IN };
        let writing = if self.is_behind() { PollFlags::OUT } else { PollFlags::empty() };
        (self.stream.as_fd(), reading | writing)
    }

    /// Sends and receives what can be at once. A connection that was reset has
    /// ended like any other: what had come before is taken out first.
    pub(crate) fn pump(&mut self) -> Result<(), ClientError> {
        self.write()?;
        let mut bytes = [0; READ_BYTES];
        while !self.ended {
            match self.stream.read(&mut bytes) {
                Ok(0) => self.ended = true,
                Ok(count) => {
                    self.lines.push(&bytes[..count]);
                    // The rest has its turn after these lines are taken.
                    break;
                }
                Err(error) if is_transient(&error) => break,
                Err(error) => match self.failure(error) {
                    ClientError::Dropped { .. } => self.ended = true,
                    other => return Err(other),
                },
            }
        }
        Ok(())
    }

    /// The earliest line that came, its line feed left out. Take them all
    /// before the next [`pump`](Self::pump).
    pub(crate) fn line(&mut self) -> Result<Option<String>, ClientError> {
        match self.lines.take() {
            NextLine::Line(line) => match String::from_utf8(line) {
                Ok(line) => Ok(Some(line)),
                Err(_) => Err(self.deviation(Deviation::InvalidUtf8)),
            },
            NextLine::TooLong => Err(self.deviation(Deviation::LineTooLong)),
            NextLine::Nothing => Ok(None),
        }
    }

    /// Whether the server has ended its side.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// The error for a server that left the protocol.
    pub(crate) fn deviation(&self, deviation: Deviation) -> ClientError {
        ClientError::deviation(&self.server, self.protocol, deviation)
    }

    /// The error for a server that closed where its protocol has an answer.
    pub(crate) fn unanswered(&self) -> ClientError {
        ClientError::Unanswered { server: self.server.clone(), protocol: self.protocol }
    }

    /// The error for a server that has gone.
    pub(crate) fn gone(&self) -> ClientError {
        ClientError::Gone { server: self.server.clone() }
    }

    fn write(&mut self) -> Result<(), ClientError> {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(written) => drop(self.output.drain(..written)),
                Err(error) if is_transient(&error) => break,
                Err(error) => match self.failure(error) {
                    // The server's last words may still be there to be read.
                    ClientError::Dropped { .. } => self.output.clear(),
                    other => return Err(other),
                },
            }
        }
        Ok(())
    }

    fn failure(&self, error: std::io::Error) -> ClientError {
        failure(&self.server, DEAD_AFTER, error)
    }
}
