//! A channel whose members get each other's posts, and the event loop that
//! drives them.
//!
//! A post is seen once every witness has received it; by default every member
//! but the sender is a witness. A sender may have only a limited number of
//! unseen posts. Every server, however it buffers, thus has the same task:
//! deliver all posts to all members, not only to the fastest. Each received line
//! is compared in full with the next post of its sender. A round ends once no
//! member lacks a post, which proves that each member received each post exactly
//! once and in order.

mod follower;
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
use crate::measure::measurement::float;
use crate::measure::tally::Tally;

use posts::{Posts, Reader};

pub(crate) use follower::Follower;
pub(crate) use line::post_bytes;
pub(crate) use protocol::{Audience, Protocol};
pub(crate) use side::{ChannelSideOptions, player, sides};

/// The members of a channel and their posts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) audience: Audience,
    pub(crate) members: u32,
    /// The first members are the senders.
    pub(crate) senders: u32,
    /// Unseen posts that each sender may have.
    pub(crate) unseen: u32,
    /// How many members are witnesses, none of them a sender; `None` for every
    /// member but the sender.
    pub(crate) witnesses: Option<u32>,
    /// Bytes of a post.
    pub(crate) body: usize,
}

/// When the senders post.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// As soon as the limit of unseen posts allows it.
    Seen(Extent),
    /// In turn, one post each interval, for this duration.
    Every(Duration, Duration),
}

/// All members, logged in and past their first posts.
#[derive(Debug)]
pub(crate) struct Channel {
    poll: Poll,
    events: Events,
    members: Vec<Member>,
    posts: Posts,
    buffer: Box<[u8]>,
    protocol: Protocol,
    reads: Reads,
}

/// How many posts came with how many reads of the members' sockets: what the server
/// writes in one piece is read in one, unless the reader is late and finds several.
#[derive(Clone, Copy, Debug, Default)]
struct Reads {
    posts: u64,
    reads: u64,
}

#[derive(Debug)]
struct Member {
    socket: Socket,
    reader: Reader,
}

impl Channel {
    /// Posts at `pace`, and returns once no member lacks a post.
    pub(crate) fn run(&mut self, pace: Pace) -> anyhow::Result<Tally> {
        match pace {
            Pace::Seen(extent) => self.run_seen(extent),
            Pace::Every(interval, duration) => self.run_every(interval, duration),
        }
    }

    /// A member that has received all posts so far and checks those that follow.
    pub(crate) fn follower(&self) -> Follower {
        Follower::new(self.posts.upcoming())
    }

    /// Posts in a read, on average over all rounds; `None` before the first.
    fn posts_a_read(&self) -> Option<f64> {
        let Reads { posts, reads } = self.reads;
        (reads > 0).then(|| float(posts) / float(reads))
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
                    "no member received anything for {} seconds, with {} posts undelivered{}",
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
            // A post that is sent late would hide the server's delay.
            ensure!(
                self.posts.all_sent(),
                "the server is {} posts behind; use a lower --rate{}",
                self.posts.lacking(),
                self.posts.stranger()
            );
            if due >= end && self.posts.lacking() == 0 {
                return Ok(tally);
            }
            let patience = if due < end { due.saturating_duration_since(now) } else { STALL };
            if !self.turn(patience, &mut tally)? && due >= end {
                bail!(
                    "{} posts were never delivered{}",
                    self.posts.lacking(),
                    self.posts.stranger()
                );
            }
        }
    }

    /// Waits up to `patience` for events and handles them; returns whether there
    /// were any.
    fn turn(&mut self, patience: Duration, tally: &mut Tally) -> anyhow::Result<bool> {
        match self.poll.poll(&mut self.events, Some(patience)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            result => result.context("waiting for posts")?,
        }
        let Self { events, members, posts, buffer, reads, .. } = self;
        for event in &*events {
            let member = &mut members[event.token().0];
            member.socket.flush()?;
            if !event.is_readable() {
                continue;
            }
            let now = member.hear(buffer, posts, tally, reads)?;
            if event.is_read_closed() {
                // An end of file that arrives with posts raises no event of its
                // own: this second read reports it.
                member.hear(buffer, posts, tally, reads)?;
            }
            post(posts, members, now)?;
        }
        Ok(!events.is_empty())
    }
}

/// Lets each sender post as much as its limit allows.
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
        reads: &mut Reads,
    ) -> anyhow::Result<Instant> {
        let Self { socket, reader } = self;
        let number = socket.number();
        let mut reply = Vec::new();
        let now = socket.receive(buffer, |bytes, now| {
            let before = tally.answers;
            let taken = posts
                .hear(bytes, now, reader, tally, &mut reply)
                .with_context(|| format!("at member {number}"))?;
            reads.posts += tally.answers - before;
            reads.reads += u64::from(tally.answers > before);
            Ok(taken)
        })?;
        if !reply.is_empty() {
            socket.send(&reply)?;
        }
        Ok(now)
    }
}
