//! A channel: members who each get what any other says, and the loop that drives
//! them.
//!
//! A post is seen when all witnesses have it, and all others are witnesses unless
//! a plan says otherwise. A sender has only so many unseen, so that every server,
//! however it buffers, is asked the same: to bring all posts to all, not only to
//! the quickest. Each line that comes is compared in full with the post that it
//! must be, and must be the next of its sender; a round ends when nobody lacks
//! any, which therefore proves that each member got each post exactly once, in
//! order.

mod line;
mod opening;
mod posts;
mod protocol;
mod side;
#[cfg(test)]
mod tests;

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use mio::{Events, Poll};

use crate::drive::fleet::{Extent, STALL};
use crate::drive::socket::Socket;
use crate::measure::tally::Tally;

use posts::{Posts, Reader};

pub(crate) use line::post_bytes;
pub(crate) use protocol::{Audience, Protocol};
pub(crate) use side::{ChannelSideOptions, player, sides};

/// Who is there and what is said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) audience: Audience,
    pub(crate) members: u32,
    /// The first of the members.
    pub(crate) senders: u32,
    /// Posts of each sender that are under way at most.
    pub(crate) unseen: u32,
    /// Members whose receipt makes a post seen, none of them a sender; if none
    /// is told, all that do not send it.
    pub(crate) witnesses: Option<u32>,
    /// Bytes of a post.
    pub(crate) body: usize,
}

/// When the senders post.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// As soon as fewer than so many are unseen.
    Seen(Extent),
    /// In turn, one such interval after the other, for so long.
    Every(Duration, Duration),
}

/// All members, entered and introduced.
#[derive(Debug)]
pub(crate) struct Channel {
    poll: Poll,
    events: Events,
    members: Vec<Member>,
    posts: Posts,
    buffer: Box<[u8]>,
    protocol: Protocol,
}

#[derive(Debug)]
struct Member {
    socket: Socket,
    reader: Reader,
}

impl Channel {
    /// Posts at `pace`, and returns when all has been seen.
    pub(crate) fn run(&mut self, pace: Pace) -> anyhow::Result<Tally> {
        match pace {
            Pace::Seen(extent) => self.run_seen(extent),
            Pace::Every(interval, duration) => self.run_every(interval, duration),
        }
    }

    /// Bytes of a post as its readers get it.
    pub(crate) fn line_bytes(&self) -> usize {
        self.posts.line_bytes()
    }

    /// Ends all connections in order.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        let farewell = self.protocol.login().farewell();
        self.members.iter_mut().try_for_each(|member| member.socket.send(farewell))
    }

    fn run_seen(&mut self, extent: Extent) -> anyhow::Result<Tally> {
        let mut tally = Tally::new();
        let begin = Instant::now();
        self.posts.allot(extent, extent.deadline(begin));
        post(&mut self.posts, &mut self.members, begin)?;
        while self.posts.lacking() > 0 {
            if !self.turn(STALL, &mut tally)? {
                bail!(
                    "no member got anything for {} seconds, with {} posts unseen{}",
                    STALL.as_secs(),
                    self.posts.lacking(),
                    self.posts.stranger()
                );
            }
        }
        Ok(tally)
    }

    fn run_every(&mut self, interval: Duration, duration: Duration) -> anyhow::Result<Tally> {
        let mut tally = Tally::new();
        let begin = Instant::now();
        let end = begin + duration;
        let mut due = begin;
        self.posts.allot(Extent::Total(0), None);
        loop {
            let now = Instant::now();
            while due <= now && due < end {
                self.posts.allot_one();
                due += interval;
            }
            post(&mut self.posts, &mut self.members, now)?;
            // A post that waits for its turn would hide how late it is.
            ensure!(
                self.posts.all_sent(),
                "the server is {} posts behind; ask for a lower rate{}",
                self.posts.lacking(),
                self.posts.stranger()
            );
            if due >= end && self.posts.lacking() == 0 {
                return Ok(tally);
            }
            let patience = if due < end { due.saturating_duration_since(now) } else { STALL };
            if !self.turn(patience, &mut tally)? && due >= end {
                bail!("{} posts were never seen{}", self.posts.lacking(), self.posts.stranger());
            }
        }
    }

    /// Waits up to `patience` and takes what came; returns whether there was
    /// anything.
    fn turn(&mut self, patience: Duration, tally: &mut Tally) -> anyhow::Result<bool> {
        match self.poll.poll(&mut self.events, Some(patience)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            result => result.context("waiting for posts")?,
        }
        let Self { events, members, posts, buffer, .. } = self;
        for event in &*events {
            let member = &mut members[event.token().0];
            member.socket.flush()?;
            if !event.is_readable() {
                continue;
            }
            let now = member.hear(buffer, posts, tally)?;
            if event.is_read_closed() {
                // The end may have come along with those posts, and then raises
                // no event of its own: this read reports it.
                member.hear(buffer, posts, tally)?;
            }
            post(posts, members, now)?;
        }
        Ok(!events.is_empty())
    }
}

/// Has each sender post what it may; the first members are the senders.
#[inline]
fn post(posts: &mut Posts, members: &mut [Member], now: Instant) -> anyhow::Result<()> {
    for (sender, member) in members.iter_mut().enumerate().take(posts.senders()) {
        let text = posts.next(sender, now);
        if !text.is_empty() {
            member.socket.send(text)?;
        }
    }
    Ok(())
}

impl Member {
    #[inline]
    fn hear(
        &mut self,
        buffer: &mut [u8],
        posts: &mut Posts,
        tally: &mut Tally,
    ) -> anyhow::Result<Instant> {
        let Self { socket, reader } = self;
        let number = socket.number();
        let mut reply = Vec::new();
        let now = socket.receive(buffer, |bytes, now| {
            posts
                .hear(bytes, now, reader, tally, &mut reply)
                .with_context(|| format!("at member {number}"))
        })?;
        if !reply.is_empty() {
            socket.send(&reply)?;
        }
        Ok(now)
    }
}
