//! A socket of the generator: what it has not taken yet, and what came without
//! its end.

use std::io::{ErrorKind, Read as _, Write as _};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use mio::net::TcpStream;
use mio::{Interest, Poll, Token};

/// Room for what one read brings; all sockets of a side share it.
pub(crate) const READ_BUFFER_BYTES: usize = 256 * 1024;

/// Wakes taken from the kernel in one call.
pub(crate) const EVENTS: usize = 1024;

#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    number: u32,
    /// What the operating system had no room for.
    unsent: Vec<u8>,
    /// The front of something whose end has not come.
    incomplete: Vec<u8>,
}

impl Socket {
    /// Takes over a connection whose wakes bear `number`.
    pub(crate) fn new(
        stream: std::net::TcpStream,
        number: u32,
        poll: &Poll,
    ) -> anyhow::Result<Self> {
        stream.set_nonblocking(true).context("making a socket non-blocking")?;
        let mut stream = TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry()
            .register(&mut stream, Token(number as usize), interest)
            .context("registering a socket with the poll")?;
        Ok(Self { stream, number, unsent: Vec::new(), incomplete: Vec::new() })
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Shows `take` what has come, in one read unless it fills `buffer`, and
    /// when that was; `take` returns how many bytes it is done with, and sees
    /// the rest again with more behind it.
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
                "connection {} was sent {kept} bytes that come to no end",
                self.number
            );
            buffer[..kept].copy_from_slice(&self.incomplete);
            match self.stream.read(&mut buffer[kept..]) {
                Ok(0) => bail!("the server closed connection {}; its log may say why", self.number),
                Ok(size) => {
                    let now = Instant::now();
                    let end = kept + size;
                    let taken = take(&buffer[..end], now)?;
                    self.incomplete.clear();
                    self.incomplete.extend_from_slice(&buffer[taken..end]);
                    // A short read emptied the socket: whatever comes later
                    // raises a new event, and asking now would cost a call.
                    if end < buffer.len() {
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

    /// Sends what there was no room for earlier.
    #[inline]
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        while !self.unsent.is_empty() {
            let taken = self.write(&self.unsent)?;
            if taken == 0 {
                break;
            }
            self.unsent.drain(..taken);
        }
        Ok(())
    }

    /// Sends `bytes`, or keeps what there is no room for.
    #[inline]
    pub(crate) fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let taken = if self.unsent.is_empty() { self.write(bytes)? } else { 0 };
        self.unsent.extend_from_slice(&bytes[taken..]);
        Ok(())
    }

    #[inline]
    fn write(&self, bytes: &[u8]) -> anyhow::Result<usize> {
        match (&self.stream).write(bytes) {
            Ok(size) => Ok(size),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock) => Ok(0),
            Err(error) => {
                Err(error).with_context(|| format!("writing to connection {}", self.number))
            }
        }
    }
}
