//! A socket of the generator, with the bytes not yet sent and the answers not
//! yet complete.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use mio::net::TcpStream;
use mio::{Interest, Poll, Token};
use rustls::ClientConnection;

use crate::drive::tls::Wire;

/// Size of the read buffer, which all sockets of a side share.
pub(crate) const READ_BUFFER_BYTES: usize = 256 * 1024;

/// Events taken from the kernel in one call.
pub(crate) const EVENTS: usize = 1024;

#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    number: u32,
    /// Bytes that the socket's send buffer had no room for.
    unsent: Vec<u8>,
    /// The beginning of an incomplete answer.
    incomplete: Vec<u8>,
}

impl Socket {
    /// Takes over a connection and registers it with the token `number`.
    pub(crate) fn new(wire: impl Into<Wire>, number: u32, poll: &Poll) -> anyhow::Result<Self> {
        let (stream, tls) = match wire.into() {
            Wire::Plain(stream) => (stream, None),
            Wire::Tls(tls) => (tls.sock, Some(Box::new(tls.conn))),
        };
        stream.set_nonblocking(true).context("making a socket non-blocking")?;
        let mut stream = TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry()
            .register(&mut stream, Token(number as usize), interest)
            .context("registering a socket with the poll")?;
        Ok(Self { stream, tls, number, unsent: Vec::new(), incomplete: Vec::new() })
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Reads until the socket is empty, usually once, and passes the bytes and
    /// the time to `take`. `take` returns how many bytes it consumed; it gets the
    /// others again together with the bytes that follow them.
    #[inline]
    pub(crate) fn receive(
        &mut self,
        buffer: &mut [u8],
        mut take: impl FnMut(&[u8], Instant) -> anyhow::Result<usize>,
    ) -> anyhow::Result<Instant> {
        loop {
            let kept = self.incomplete.len();
            ensure!(
                kept < buffer.len(),
                "connection {} received {kept} bytes without the end of an answer",
                self.number
            );
            buffer[..kept].copy_from_slice(&self.incomplete);
            match self.read(&mut buffer[kept..]) {
                Ok(0) => bail!("the server closed connection {}; its log may say why", self.number),
                Ok(size) => {
                    let now = Instant::now();
                    let end = kept + size;
                    let taken = take(&buffer[..end], now)?;
                    self.incomplete.clear();
                    self.incomplete.extend_from_slice(&buffer[taken..end]);
                    // A short read emptied the socket: later bytes raise a new
                    // event, and another read now would cost a system call. TLS reads a
                    // part at a time.
                    if end < buffer.len() && self.tls.is_none() {
                        return Ok(now);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Instant::now()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("reading from connection {}", self.number));
                }
            }
        }
    }

    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return self.stream.read(buffer);
        };
        loop {
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
            if tls.read_tls(&mut self.stream)? == 0 {
                return Ok(0);
            }
            tls.process_new_packets().map_err(io::Error::other)?;
        }
    }

    /// Sends the bytes that did not fit earlier.
    #[inline]
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        self.write(&[])?;
        while !self.unsent.is_empty() {
            let unsent = std::mem::take(&mut self.unsent);
            let taken = self.write(&unsent);
            self.unsent = unsent;
            let taken = taken?;
            if taken == 0 {
                break;
            }
            self.unsent.drain(..taken);
        }
        Ok(())
    }

    /// Sends `bytes`, and queues those that do not fit.
    #[inline]
    pub(crate) fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let taken = if self.unsent.is_empty() { self.write(bytes)? } else { 0 };
        self.unsent.extend_from_slice(&bytes[taken..]);
        Ok(())
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) -> anyhow::Result<usize> {
        let written = match &mut self.tls {
            Some(tls) => write_tls(tls, &mut self.stream, bytes),
            None if bytes.is_empty() => Ok(0),
            None => self.stream.write(bytes),
        };
        match written {
            Ok(size) => Ok(size),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock) => Ok(0),
            Err(error) => {
                Err(error).with_context(|| format!("writing to connection {}", self.number))
            }
        }
    }
}

/// Encrypts what there is room for, and sends as much as the socket takes.
fn write_tls(
    tls: &mut ClientConnection,
    stream: &mut TcpStream,
    bytes: &[u8],
) -> io::Result<usize> {
    let mut send = |tls: &mut ClientConnection| {
        while tls.wants_write() {
            match tls.write_tls(stream) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                sent => sent.map(drop)?,
            }
        }
        io::Result::Ok(())
    };
    send(tls)?;
    let taken = tls.writer().write(bytes)?;
    send(tls)?;
    Ok(taken)
}
