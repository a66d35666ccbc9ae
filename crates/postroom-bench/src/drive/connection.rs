//! A connection that sends requests and matches the answers to them.

use std::time::Instant;

use anyhow::ensure;

use crate::drive::answer::Expected;
use crate::drive::request::Requests;
use crate::drive::socket::Socket;
use crate::measure::tally::Tally;

#[derive(Debug)]
pub(crate) struct Connection {
    socket: Socket,
    unanswered: Unanswered,
    /// Requests that this connection has yet to send in this round.
    left: u64,
}

/// When each unanswered request was written, in a ring buffer with a slot for
/// every request that may be in flight.
#[derive(Debug)]
struct Unanswered {
    sent_at: Box<[Instant]>,
    oldest: usize,
    count: usize,
}

impl Connection {
    pub(crate) fn new(socket: Socket, in_flight: u32) -> Self {
        let sent_at = vec![Instant::now(); in_flight as usize].into_boxed_slice();
        Self { socket, unanswered: Unanswered { sent_at, oldest: 0, count: 0 }, left: 0 }
    }

    pub(crate) fn socket(&mut self) -> &mut Socket {
        &mut self.socket
    }

    #[cfg(test)]
    pub(crate) fn in_flight(&self) -> usize {
        self.unanswered.count
    }

    /// Sets how many requests this connection sends in the coming round.
    pub(crate) fn allot(&mut self, requests: u64) {
        self.left = requests;
    }

    /// Sends as many requests as the in-flight limit allows, in one write, and
    /// returns how many.
    #[inline]
    pub(crate) fn refill(
        &mut self,
        requests: &mut Requests,
        now: Instant,
    ) -> anyhow::Result<usize> {
        let room = self.unanswered.room();
        let count = usize::try_from(self.left).map_or(room, |left| left.min(room));
        if count == 0 {
            return Ok(0);
        }
        self.left -= count as u64;
        self.unanswered.add(count, now);
        self.socket.send(requests.next(count, self.socket.number()))?;
        Ok(count)
    }

    /// Reads answers; returns how many, and when they were read.
    #[inline]
    pub(crate) fn receive(
        &mut self,
        buffer: &mut [u8],
        expected: Expected,
        tally: &mut Tally,
    ) -> anyhow::Result<(usize, Instant)> {
        let Self { socket, unanswered, .. } = self;
        let (number, before) = (socket.number(), unanswered.count);
        let now = socket
            .receive(buffer, |bytes, now| unanswered.settle(bytes, now, expected, tally, number))?;
        Ok((before - unanswered.count, now))
    }
}

impl Unanswered {
    #[inline]
    fn room(&self) -> usize {
        self.sent_at.len() - self.count
    }

    #[inline]
    fn add(&mut self, count: usize, now: Instant) {
        for _ in 0..count {
            let at = self.wrap(self.oldest + self.count);
            self.sent_at[at] = now;
            self.count += 1;
        }
    }

    /// Counts the complete answers in `received`; returns how many bytes they
    /// take up.
    #[inline]
    fn settle(
        &mut self,
        received: &[u8],
        now: Instant,
        expected: Expected,
        tally: &mut Tally,
        number: u32,
    ) -> anyhow::Result<usize> {
        let mut rest = received;
        while let Some(answer) = expected.take(rest) {
            let (text, behind) = rest.split_at(answer.length);
            rest = behind;
            ensure!(
                self.count > 0,
                "connection {number} received an answer without a request: {}",
                text.escape_ascii()
            );
            tally.count(now.duration_since(self.sent_at[self.oldest]));
            if !answer.right {
                tally.count_wrong(text);
            }
            self.oldest = self.wrap(self.oldest + 1);
            self.count -= 1;
        }
        Ok(received.len() - rest.len())
    }

    /// The index of a slot in the ring; cheaper than `%`.
    #[inline]
    fn wrap(&self, at: usize) -> usize {
        if at >= self.sent_at.len() { at - self.sent_at.len() } else { at }
    }
}
