//! The transport of a connection: plain TCP or TLS. Only it tracks short reads, written
//! bytes and the bytes that the peer has acknowledged.

mod plain;
mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use mio::net::TcpStream;
use postroom_engine::Broken;
use rustls::ServerConfig;

use plain::Plain;
use tls::Tls;

/// Sends bytes to a peer and receives them, without blocking.
pub(crate) enum Transport {
    Plain(Plain),
    Tls(Box<Tls>),
}

/// What a read has brought.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Received {
    /// Nothing; an event tells of more.
    Nothing,
    /// Bytes.
    Bytes {
        length: usize,
        /// How many of our bytes the peer had acknowledged before it sent any of these, as
        /// far as is known and was asked for.
        acknowledged: Option<u64>,
        /// There may be more. Otherwise an event tells of it.
        may_be_more: bool,
    },
    /// The peer has half-closed in order.
    End { acknowledged: Option<u64> },
}

/// How far a TLS handshake has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Handshake {
    /// An event tells that it goes on.
    Waits,
    /// There may be more of it in the socket.
    MayGoOn,
    Done,
}

impl Transport {
    pub(crate) fn plain(socket: TcpStream) -> Self {
        Self::Plain(Plain::new(socket))
    }

    /// The server's side of TLS, before the handshake.
    pub(crate) fn tls(socket: TcpStream, settings: Arc<ServerConfig>) -> Result<Self, Broken> {
        Tls::new(socket, settings).map(|tls| Self::Tls(Box::new(tls)))
    }

    /// Whether there is a handshake to be done before anything can be read or written.
    pub(crate) fn is_shaking_hands(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.is_shaking_hands(),
        }
    }

    /// Takes one step of the handshake.
    pub(crate) fn shake_hands(&mut self) -> Result<Handshake, Broken> {
        match self {
            Self::Plain(_) => Ok(Handshake::Done),
            Self::Tls(tls) => tls.shake_hands(),
        }
    }

    /// Reads received bytes. Where these may prove the receipt of messages, it asks before
    /// how many bytes the peer has acknowledged.
    pub(crate) fn read(&mut self, buffer: &mut [u8], proves: bool) -> Result<Received, Broken> {
        match self {
            Self::Plain(plain) => plain.read(buffer, proves),
            Self::Tls(tls) => tls.read(buffer, proves),
        }
    }

    /// How many bytes may be written now.
    pub(crate) fn room(&self) -> usize {
        match self {
            Self::Plain(plain) => plain.room(),
            Self::Tls(tls) => tls.room(),
        }
    }

    /// Notes the operating system's event that there is room; returns whether there was
    /// none before.
    pub(crate) fn regain_room(&mut self) -> bool {
        match self {
            Self::Plain(plain) => plain.regain_room(),
            Self::Tls(tls) => tls.regain_room(),
        }
    }

    /// Sends what it has of its own to send.
    pub(crate) fn flush(&mut self) -> Result<(), Broken> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(tls) => tls.flush(),
        }
    }

    /// Writes as many of the bytes as there is room for; returns how many. The next bytes
    /// begin with those that were not written.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        match self {
            Self::Plain(plain) => plain.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    /// How many of the written bytes the peer has acknowledged.
    pub(crate) fn acknowledged(&mut self) -> u64 {
        match self {
            Self::Plain(plain) => plain.acknowledged(),
            Self::Tls(tls) => tls.acknowledged(),
        }
    }

    /// Half-closes the connection; all bytes are written.
    pub(crate) fn half_close(&mut self) {
        match self {
            Self::Plain(plain) => plain.half_close(),
            Self::Tls(tls) => tls.half_close(),
        }
    }

    /// Says, before the connection is dropped, that it ends in order, where it does and
    /// that is to be said.
    pub(crate) fn close(&mut self) {
        match self {
            Self::Plain(_) => {}
            Self::Tls(tls) => tls.close(),
        }
    }

    /// The error that has broken the connection, if known.
    pub(crate) fn take_error(&self) -> Option<io::Error> {
        self.stream().take_error().unwrap_or_else(Some)
    }

    /// The addresses of both ends, the local one first.
    pub(crate) fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((self.stream().local_addr()?, self.stream().peer_addr()?))
    }

    /// The socket, for polling.
    pub(crate) fn socket(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(plain) => &mut plain.socket,
            Self::Tls(tls) => tls.socket(),
        }
    }

    /// The socket of plain TCP.
    pub(crate) fn into_plain(self) -> Option<TcpStream> {
        match self {
            Self::Plain(plain) => Some(plain.socket),
            Self::Tls(_) => None,
        }
    }

    fn stream(&self) -> &TcpStream {
        match self {
            Self::Plain(plain) => &plain.socket,
            Self::Tls(tls) => tls.stream(),
        }
    }
}

/// What a failed system call says about the connection.
pub(crate) fn broken(error: &io::Error) -> Broken {
    match error.kind() {
        io::ErrorKind::TimedOut => Broken::TimedOut,
        _ => Broken::Reset,
    }
}
