//! Lines to and from a server, with a limit on every line and every queue.
//!
//! Nothing here waits but [`Connection::open`]: the owner polls what is
//! [`watched`](Connection::watched), lets the connection do what can be done at
//! once, and takes the lines that have arrived. An
//! [`Exchange`](crate::exchange::Exchange) waits for answers.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::PollFlags;

use crate::line_splitter::{LineSplitter, NextLine};
use crate::settings::Settings;
use crate::signals::Wait;
use crate::transport::{Received, Transport};

pub(crate) use crate::transport::DEAD_AFTER;
use crate::trust::Trust;
use crate::{ANSWER_BYTES_MAX, ClientError, Deviation, ServerAddress};

/// Bytes that the server may leave unread before the client gives up.
const OUTPUT_BYTES_MAX: usize = 65_536;

/// A server, the addresses of its host name, and how it is trusted.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    server: ServerAddress,
    addresses: Vec<SocketAddr>,
    /// Set where the connection is to be TLS.
    trust: Option<Trust>,
}

impl Resolved {
    /// Looks the addresses up, which takes as long as the system's resolver
    /// allows.
    pub(crate) fn new(settings: &Settings) -> Result<Self, ClientError> {
        let server = settings.server.clone();
        let trust = Trust::new(&settings.security, server.host())?;
        let found = (server.host(), server.port()).to_socket_addrs().map(Vec::from_iter);
        match found {
            Ok(addresses) => Ok(Self { server, addresses, trust }),
            Err(source) => Err(ClientError::HostUnknown { host: server.host().to_owned(), source }),
        }
    }
}

impl Resolved {
    /// Connects within `timeout`.
    pub(crate) fn connect(
        &self,
        timeout: Duration,
        wait: &mut dyn Wait,
    ) -> Result<Transport, ClientError> {
        let Self { server, addresses, trust } = self;
        Transport::connect(addresses, trust.as_ref(), timeout, wait)
            .map_err(|error| ClientError::connection(server, timeout, error))
    }

    /// The server's address.
    pub(crate) fn server(&self) -> &ServerAddress {
        &self.server
    }
}

/// A stream of lines in each direction.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) transport: Transport,
    lines: LineSplitter,
    server: ServerAddress,
    protocol: &'static str,
    /// How long a silent server is waited for, as errors state it.
    timeout: Duration,
    has_ended: bool,
}

impl Connection {
    /// Connects within `timeout`. Dropping the connection resets it.
    pub(crate) fn open(
        resolved: Resolved,
        protocol: &'static str,
        timeout: Duration,
        wait: &mut dyn Wait,
    ) -> Result<Self, ClientError> {
        let transport = resolved.connect(timeout, wait)?;
        Ok(Self::over(transport, resolved.server, protocol, timeout))
    }

    /// A further connection of the same server, over `transport`, for lines at
    /// any time.
    pub(crate) fn beside(&self, transport: Transport) -> Result<Self, ClientError> {
        Self::over(transport, self.server.clone(), self.protocol, self.timeout).kept_alive()
    }

    fn over(
        transport: Transport,
        server: ServerAddress,
        protocol: &'static str,
        timeout: Duration,
    ) -> Self {
        let lines = LineSplitter::new(ANSWER_BYTES_MAX);
        Self { transport, lines, server, protocol, timeout, has_ended: false }
    }

    /// Prepares for lines at any time: the system notices a dead server, and
    /// dropping the connection ends it with a FIN.
    pub(crate) fn kept_alive(mut self) -> Result<Self, ClientError> {
        let prepared = self.transport.close_in_order().and_then(|()| self.transport.keep_alive());
        self.timeout = prepared.map_err(|error| self.failure(error))?;
        Ok(self)
    }

    /// The server's address.
    pub(crate) fn server(&self) -> &ServerAddress {
        &self.server
    }

    /// Queues a line, without its line feed, and sends what the socket takes.
    pub(crate) fn send(&mut self, line: &[u8]) -> Result<(), ClientError> {
        let sent = self.transport.send(&[line, b"\n"].concat());
        self.tolerate_reset(sent)?;
        if self.transport.unsent_bytes() > OUTPUT_BYTES_MAX {
            return Err(self.deviation(Deviation::Untaken));
        }
        Ok(())
    }

    /// Whether the server has yet to read what was sent. A client adds only
    /// required answers until it has.
    pub(crate) fn is_behind(&self) -> bool {
        self.transport.unsent_bytes() > 0
    }

    /// What to poll, and for what.
    pub(crate) fn watched(&self) -> (BorrowedFd<'_>, PollFlags) {
        self.transport.watched(!self.has_ended)
    }

    /// Sends and receives what is possible at once, in one read: the rest has
    /// its turn after these lines. A connection that was reset has ended like
    /// any other, after the lines that had arrived before.
    pub(crate) fn pump(&mut self) -> Result<(), ClientError> {
        let flushed = self.transport.flush();
        self.tolerate_reset(flushed)?;
        if self.has_ended {
            return Ok(());
        }
        match self.receive() {
            Ok(Received::Bytes(bytes)) => self.lines.push(&bytes),
            Ok(Received::Nothing) => {}
            Ok(Received::End) | Err(ClientError::Dropped { .. }) => self.has_ended = true,
            Err(other) => return Err(other),
        }
        Ok(())
    }

    /// Reads once, past the lines.
    pub(crate) fn receive(&mut self) -> Result<Received, ClientError> {
        self.transport.receive().map_err(|error| self.failure(error))
    }

    /// Adds received bytes to the lines.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.lines.push(bytes);
    }

    /// The next line that has arrived, without its line feed. Take them all
    /// before more bytes are added.
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

    /// Whether bytes have arrived that were not taken as lines.
    pub(crate) fn has_unread(&self) -> bool {
        !self.lines.is_empty()
    }

    /// Whether the server has ended its side.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// The error for a server that left the protocol.
    pub(crate) fn deviation(&self, deviation: Deviation) -> ClientError {
        ClientError::deviation(&self.server, self.protocol, deviation)
    }

    /// The error for a server that closed where its protocol has an answer.
    pub(crate) fn unanswered(&self) -> ClientError {
        ClientError::Unanswered { server: self.server.clone(), protocol: self.protocol }
    }

    /// The error for a server that has ended a lasting connection.
    pub(crate) fn gone(&self) -> ClientError {
        ClientError::Gone { server: self.server.clone() }
    }

    /// The error for a connection that failed.
    pub(crate) fn failure(&self, error: io::Error) -> ClientError {
        ClientError::connection(&self.server, self.timeout, error)
    }

    /// Where a reset keeps bytes from being sent, the server's last lines may
    /// still have arrived.
    fn tolerate_reset(&self, sent: io::Result<()>) -> Result<(), ClientError> {
        match sent.map_err(|error| self.failure(error)) {
            Err(ClientError::Dropped { .. }) => Ok(()),
            other => other,
        }
    }
}
