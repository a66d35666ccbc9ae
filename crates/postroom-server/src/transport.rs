//! The transport of a connection. Only it tracks short reads, written bytes and the
//! bytes that the peer has acknowledged.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};

use mio::net::TcpStream;

use crate::socket::unacknowledged_bytes;

/// Sends bytes to a peer and receives them, without blocking.
pub(crate) trait Transport {
    /// Reads received bytes. `WouldBlock` if there are none, 0 if the peer has
    /// half-closed.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// How many bytes may be written now.
    fn room(&self) -> usize;

    /// Notes the operating system's event that there is room; returns whether there was
    /// none before.
    fn regain_room(&mut self) -> bool;

    /// Writes as many of the bytes as there is room for; returns how many.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// How many of the written bytes the peer has acknowledged.
    fn acknowledged(&self) -> u64;

    /// Half-closes the connection.
    fn half_close(&mut self);

    /// The error that has broken the connection, if known.
    fn take_error(&self) -> Option<io::Error>;

    /// The addresses of both ends, the local one first.
    fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)>;

    /// The socket, for polling.
    fn socket(&mut self) -> &mut TcpStream;
}

/// Plain TCP.
pub(crate) struct Plain {
    socket: TcpStream,
    has_room: bool,
    has_half_closed: bool,
    written: u64,
}

impl Plain {
    pub(crate) fn new(socket: TcpStream) -> Self {
        Self { socket, has_room: true, has_half_closed: false, written: 0 }
    }
}

impl Transport for Plain {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.socket.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    fn room(&self) -> usize {
        if self.has_room { usize::MAX } else { 0 }
    }

    fn regain_room(&mut self) -> bool {
        !std::mem::replace(&mut self.has_room, true)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
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
                Err(error) => return Err(error),
            }
        }
    }

    fn acknowledged(&self) -> u64 {
        let Ok(unacknowledged) = unacknowledged_bytes(&self.socket) else {
            return 0;
        };
        // Our FIN counts as one more byte, after all others.
        let end = u64::from(self.has_half_closed);
        self.written.saturating_sub((unacknowledged as u64).saturating_sub(end))
    }

    fn half_close(&mut self) {
        self.has_half_closed = true;
        // A peer that has disconnected needs no FIN.
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    fn take_error(&self) -> Option<io::Error> {
        self.socket.take_error().unwrap_or_else(Some)
    }

    fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.socket.local_addr()?, self.socket.peer_addr()?))
    }

    fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }
}
