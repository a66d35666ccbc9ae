//! TLS over a socket, at the client's side.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::ClientConnection;

use super::Received;
use crate::signals::is_transient;
use crate::tls_failure::TlsFailure;
use crate::trust::Trust;

/// One side of TLS; the socket is the caller's.
#[derive(Debug)]
pub(super) struct Tls {
    connection: ClientConnection,
    /// The server has said that it ends its side.
    has_ended: bool,
    /// Our side ends once all is sent.
    is_ending: bool,
}

impl Tls {
    pub(super) fn new(trust: &Trust) -> io::Result<Self> {
        let connection = ClientConnection::new(Arc::clone(&trust.settings), trust.name.clone())
            .map_err(TlsFailure::of)?;
        Ok(Self { connection, has_ended: false, is_ending: false })
    }

    pub(super) fn is_shaking_hands(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// Reads once, for the handshake.
    pub(super) fn shake_hands(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        match self.take(stream) {
            Err(error) if is_transient(&error) => Ok(()),
            Ok(0) if self.is_shaking_hands() => Err(TlsFailure::EndedEarly.into()),
            // A server that does not understand this may reset the connection.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                Err(TlsFailure::EndedEarly.into())
            }
            taken => taken.map(drop),
        }
    }

    /// Reads once, and decrypts.
    fn take(&mut self, stream: &mut TcpStream) -> io::Result<usize> {
        let length = self.connection.read_tls(stream)?;
        let processed = self.connection.process_new_packets();
        // A failure is told to the server too.
        let sent = self.send(stream);
        self.has_ended = processed.map_err(TlsFailure::of)?.peer_has_closed();
        sent.map(|()| length)
    }

    pub(super) fn receive(&mut self, stream: &mut TcpStream) -> io::Result<Received> {
        self.send(stream)?;
        let mut bytes = Vec::new();
        if !self.has_ended {
            match self.take(stream) {
                // Without the end of TLS anyone may have cut the connection.
                Ok(0) if !self.has_ended => return Err(io::ErrorKind::ConnectionAborted.into()),
                Ok(_) => {}
                Err(error) if is_transient(&error) => return Ok(Received::Nothing),
                Err(error) => return Err(error),
            }
            // It has no more, or has ended.
            match self.connection.reader().read_to_end(&mut bytes) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
        }
        Ok(match (bytes.is_empty(), self.has_ended) {
            (false, _) => Received::Bytes(bytes),
            (true, true) => Received::End,
            (true, false) => Received::Nothing,
        })
    }

    /// Encrypts and sends what the socket takes of these bytes, and what waits; removes
    /// from `unsent` what it has encrypted.
    pub(super) fn flush(&mut self, stream: &mut TcpStream, unsent: &mut Vec<u8>) -> io::Result<()> {
        loop {
            self.send(stream)?;
            if unsent.is_empty() || self.has_unsent() {
                return Ok(());
            }
            let taken = self.connection.writer().write(unsent)?;
            unsent.drain(..taken);
        }
    }

    /// Sends what is encrypted, as far as the socket takes it.
    fn send(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        while self.has_unsent() {
            match self.connection.write_tls(stream) {
                Ok(_) => {}
                Err(error) if is_transient(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        if std::mem::take(&mut self.is_ending) {
            stream.shutdown(std::net::Shutdown::Write)?;
        }
        Ok(())
    }

    pub(super) fn has_unsent(&self) -> bool {
        self.connection.wants_write()
    }

    /// Ends our side: TLS says so, and TCP once that is sent.
    pub(super) fn half_close(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        self.say_end();
        self.is_ending = true;
        self.send(stream)
    }

    fn say_end(&mut self) {
        self.connection.send_close_notify();
    }

    /// Says that our side ends, if that can be sent at once.
    pub(super) fn close(&mut self, stream: &mut TcpStream) {
        self.say_end();
        let _ = self.send(stream);
    }
}
