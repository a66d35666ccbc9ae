//! Plain TCP.

use std::io::{self, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;
use postroom_engine::Broken;

use super::{Received, broken};
use crate::socket::unacknowledged_bytes;

/// Plain TCP. TLS has one below it.
pub(crate) struct Plain {
    pub(super) socket: TcpStream,
    pub(super) has_room: bool,
    has_half_closed: bool,
    pub(super) written: u64,
}

impl Plain {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self { socket, has_room: true, has_half_closed: false, written: 0 }
    }

    pub(super) fn read(&mut self, buffer: &mut [u8], proves: bool) -> Result<Received, Broken> {
        // Sampled before the bytes are read, see `Engine::received`.
        let acknowledged = proves.then(|| self.acknowledged());
        match self.receive(buffer) {
            Ok(0) => Ok(Received::End { acknowledged }),
            // Bytes that arrive after a short read cause a new event.
            Ok(length) => {
                let may_be_more = length == buffer.len();
                Ok(Received::Bytes { length, acknowledged, may_be_more })
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Received::Nothing),
            Err(error) => Err(broken(&error)),
        }
    }

    /// Reads from the socket: `WouldBlock` if there is nothing, 0 after a FIN.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.socket.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    pub(super) fn room(&self) -> usize {
        if self.has_room { usize::MAX } else { 0 }
    }

    pub(super) fn regain_room(&mut self) -> bool {
        !std::mem::replace(&mut self.has_room, true)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        loop {
            match self.socket.write(bytes) {
                Ok(written) => {
                    self.written += written as u64;
                    return Ok(written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.has_room = false;
                    return Ok(0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(broken(&error)),
            }
        }
    }

    pub(super) fn acknowledged(&self) -> u64 {
        let Ok(unacknowledged) = unacknowledged_bytes(&self.socket) else {
            return 0;
        };
        // Our FIN counts as one more byte, after all others.
        let end = u64::from(self.has_half_closed);
        self.written.saturating_sub((unacknowledged as u64).saturating_sub(end))
    }

    pub(super) fn half_close(&mut self) {
        self.has_half_closed = true;
        // A peer that has disconnected needs no FIN.
        let _ = self.socket.shutdown(Shutdown::Write);
    }
}
