//! Requests to a server and their answers, with a deadline for each.
//!
//! Until [`Exchange::leave`], every end of the connection, that of a killed
//! process included, is a reset: it tells the server that what it handed out
//! last has not arrived. Only `leave` ends it in order.

use std::io;
use std::time::{Duration, Instant};

use crate::connection::{Connection, Resolved};
use crate::signals::Signals;
use crate::transport::Received;
use crate::{ANSWER_BYTES_MAX, ClientError, Deviation, ServerAddress};

/// How long `leave` waits for the server to close.
const LEAVE_WAIT_MAX: Duration = Duration::from_secs(2);

/// A connection on which the client sends requests and waits for answers.
#[derive(Debug)]
pub(crate) struct Exchange {
    connection: Connection,
    timeout: Duration,
    /// When the answer to the last request must be complete.
    deadline: Instant,
    signals: Signals,
}

impl Exchange {
    /// Connects within `timeout`, which also holds for each request and its
    /// answer.
    pub(crate) fn open(
        resolved: Resolved,
        protocol: &'static str,
        timeout: Duration,
        signals: Signals,
    ) -> Result<Self, ClientError> {
        let connection = Connection::open(resolved, protocol, timeout, &mut &signals)?;
        Ok(Self { connection, timeout, deadline: Instant::now() + timeout, signals })
    }

    /// The server's address.
    pub(crate) fn server(&self) -> &ServerAddress {
        self.connection.server()
    }

    /// Sends whole lines, a line feed added to each, in one piece.
    ///
    /// The caller must have shown everything received so far: what is sent here
    /// confirms it.
    pub(crate) fn send(&mut self, lines: &[&[u8]]) -> Result<(), ClientError> {
        if self.connection.has_unread() {
            return Err(self.deviation(Deviation::Unasked));
        }
        self.deadline = Instant::now() + self.timeout;
        let mut request = lines.join(&b'\n');
        request.push(b'\n');
        self.write(&request)
    }

    /// The next line of the server's answer, without its line feed.
    pub(crate) fn line(&mut self) -> Result<String, ClientError> {
        loop {
            if let Some(line) = self.connection.line()? {
                return Ok(line);
            }
            match self.receive()? {
                Some(bytes) => self.connection.push(&bytes),
                None => return Err(ClientError::Dropped { server: self.server().clone() }),
            }
        }
    }

    /// The error for a server that left the protocol; the caller drops the
    /// connection for it.
    pub(crate) fn deviation(&self, deviation: Deviation) -> ClientError {
        self.connection.deviation(deviation)
    }

    /// The error for a server that closed where its protocol has an answer.
    pub(crate) fn unanswered(&self) -> ClientError {
        self.connection.unanswered()
    }

    /// Sends the only request, half-closes, and returns all that the server
    /// sends until it closes.
    pub(crate) fn ask_all(mut self, request: &[u8]) -> Result<Vec<u8>, ClientError> {
        self.deadline = Instant::now() + self.timeout;
        self.write(request)?;
        // If it fails the server has closed already, maybe after an answer.
        let _ = self.connection.transport.half_close();
        let mut answer = Vec::new();
        while let Some(bytes) = self.receive()? {
            answer.extend_from_slice(&bytes);
            if answer.len() > ANSWER_BYTES_MAX {
                return Err(self.deviation(Deviation::LineTooLong));
            }
        }
        // Both sides have ended, so a reset no longer undoes anything.
        if answer.is_empty() { Err(self.unanswered()) } else { Ok(answer) }
    }

    /// Sends EXIT, which confirms what was received, and waits briefly until
    /// the server has closed.
    ///
    /// A failure does no harm: at worst the last message arrives again.
    pub(crate) fn leave(&mut self) {
        self.signals = Signals::default();
        self.deadline = Instant::now() + self.timeout.min(LEAVE_WAIT_MAX);
        let orderly = self.connection.transport.close_in_order().is_ok()
            && self.write(b"EXIT\n").is_ok()
            && self.connection.transport.half_close().is_ok();
        while orderly && matches!(self.receive(), Ok(Some(_))) {}
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        let mut sent = self.connection.transport.send(bytes);
        while sent.is_ok() && self.connection.is_behind() {
            self.wait(false)?;
            sent = self.connection.transport.flush();
        }
        sent.map_err(|error| self.failure(error))
    }

    /// Waits for bytes; `None` once the server has ended its side.
    fn receive(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        loop {
            self.wait(true)?;
            match self.connection.receive()? {
                Received::Bytes(bytes) => return Ok(Some(bytes)),
                Received::Nothing => {}
                Received::End => return Ok(None),
            }
        }
    }

    fn wait(&self, receiving: bool) -> Result<(), ClientError> {
        self.connection
            .transport
            .wait(receiving, self.deadline, &mut &self.signals)
            .map_err(|error| self.failure(error))
    }

    fn failure(&self, error: io::Error) -> ClientError {
        self.connection.failure(error)
    }
}
