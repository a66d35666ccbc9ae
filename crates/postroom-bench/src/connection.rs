//! One connection of the generator: what it waits for, and what its socket has
//! not taken or not completed yet.

use std::io::{ErrorKind, Read as _, Write as _};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use mio::net::TcpStream;

use crate::answer::Expected;
use crate::request::Requests;
use crate::tally::Tally;

#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    number: u32,
    /// When each unanswered request was written: a ring, with room for as many
    /// as may be in flight.
    sent_at: Box<[Instant]>,
    oldest: usize,
    in_flight: usize,
    /// Requests that this round still wants from this connection.
    left: u64,
    /// Requests that the socket had no room for.
    unsent: Vec<u8>,
    /// The front of an answer whose end has not come.
    incomplete: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, number: u32, in_flight: u32) -> Self {
        Self {
            stream,
            number,
            sent_at: vec![Instant::now(); in_flight as usize].into_boxed_slice(),
            oldest: 0,
            in_flight: 0,
            left: 0,
            unsent: Vec::new(),
            incomplete: Vec::new(),
        }
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    #[cfg(test)]
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Allots the requests of a round.
    pub(crate) fn allot(&mut self, requests: u64) {
        self.left = requests;
    }

    /// Sends as many requests as may go out at `now`, in one write; returns
    /// how many.
    #[inline]
    pub(crate) fn refill(
        &mut self,
        requests: &mut Requests,
        now: Instant,
    ) -> anyhow::Result<usize> {
        let room = self.sent_at.len() - self.in_flight;
        let count = usize::try_from(self.left).map_or(room, |left| left.min(room));
        if count == 0 {
            return Ok(0);
        }
        self.left -= count as u64;
        for _ in 0..count {
            let at = self.wrap(self.oldest + self.in_flight);
            self.sent_at[at] = now;
            self.in_flight += 1;
        }
        self.send(requests.next(count, self.number))?;
        Ok(count)
    }

    /// Takes what has come, in one read unless it fills `buffer`; returns how
    /// many answers that were and when they came.
    #[inline]
    pub(crate) fn receive(
        &mut self,
        buffer: &mut [u8],
        expected: Expected,
        tally: &mut Tally,
    ) -> anyhow::Result<(usize, Instant)> {
        let before = self.in_flight;
        loop {
            let kept = self.incomplete.len();
            ensure!(
                kept < buffer.len(),
                "connection {} was sent {kept} bytes that are no complete answer",
                self.number
            );
            buffer[..kept].copy_from_slice(&self.incomplete);
            match self.stream.read(&mut buffer[kept..]) {
                Ok(0) => bail!(
                    "the server closed connection {} with {} requests unanswered; \
                     its log may say why",
                    self.number,
                    self.in_flight
                ),
                Ok(size) => {
                    let now = Instant::now();
                    let end = kept + size;
                    self.settle(&buffer[..end], now, expected, tally)?;
                    // A short read emptied the socket: whatever comes later
                    // raises a new event, and asking now would cost a call.
                    if end < buffer.len() {
                        return Ok((before - self.in_flight, now));
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok((before - self.in_flight, Instant::now()));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(error)
                        .with_context(|| format!("reading from connection {}", self.number));
                }
            }
        }
    }

    /// Sends what the socket had no room for earlier.
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

    /// Sends `bytes`, or keeps what the socket has no room for.
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

    #[inline]
    fn settle(
        &mut self,
        received: &[u8],
        now: Instant,
        expected: Expected,
        tally: &mut Tally,
    ) -> anyhow::Result<()> {
        let mut rest = received;
        while let Some(answer) = expected.take(rest) {
            let (text, behind) = rest.split_at(answer.length);
            rest = behind;
            ensure!(
                self.in_flight > 0,
                "connection {} was sent an answer that it never asked for: {}",
                self.number,
                text.escape_ascii()
            );
            tally.count(now.duration_since(self.sent_at[self.oldest]));
            if !answer.right {
                tally.count_wrong(text);
            }
            self.oldest = self.wrap(self.oldest + 1);
            self.in_flight -= 1;
        }
        self.incomplete.clear();
        self.incomplete.extend_from_slice(rest);
        Ok(())
    }

    /// A place in the ring; cheaper than `%`.
    #[inline]
    fn wrap(&self, at: usize) -> usize {
        if at >= self.sent_at.len() { at - self.sent_at.len() } else { at }
    }
}
