//! A connection whose calls return errors: the server may be killed at any moment.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use crate::harness::stream::{Stream, prepare};
use crate::harness::support::Server;

/// The error for a line that was cut off: the server is gone.
fn broken() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

pub(crate) struct FallibleConnection {
    input: BufReader<Stream>,
}

impl FallibleConnection {
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        Self::connect_with(address, None)
    }

    /// Connects as the server's other clients do: perhaps over TLS.
    pub(crate) fn connect_to(server: &Server, protocol: &str) -> io::Result<Self> {
        let (address, tls) = server.next_place(protocol);
        Self::connect_with(address, tls)
    }

    fn connect_with(address: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        prepare(&stream);
        let stream = match tls {
            Some(tls) => Stream::shake_hands(stream, tls)?,
            None => Stream::Plain(stream),
        };
        Ok(Self { input: BufReader::new(stream) })
    }

    pub(crate) fn send(&mut self, lines: &str) -> io::Result<()> {
        self.send_bytes(lines.as_bytes())
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.input.get_mut().write_all(bytes)
    }

    /// The next bytes, so many.
    pub(crate) fn bytes(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.input.read_exact(&mut bytes).inspect_err(|error| {
            assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "the server does not answer");
        })?;
        Ok(bytes)
    }

    pub(crate) fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.input.read_line(&mut line).inspect_err(|error| {
            assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "the server does not answer");
        })?;
        match line.pop() {
            Some('\n') => Ok(line),
            _ => Err(broken()),
        }
    }

    /// Half-closes: ends this side and keeps reading.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        self.input.get_mut().say_end();
        self.input.get_ref().socket().shutdown(Shutdown::Write)
    }

    /// Ends this side, as a client does that has all its answers, and waits for the
    /// server's end.
    pub(crate) fn finish(mut self) {
        let _ = self.end();
        let _ = self.input.read_to_end(&mut Vec::new());
    }

    pub(crate) fn reset(self) {
        let socket = socket2::SockRef::from(self.input.get_ref().socket());
        let _ = socket.set_linger(Some(Duration::ZERO));
    }
}
