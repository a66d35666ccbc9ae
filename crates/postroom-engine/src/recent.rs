//! The recent posts of channels.
//!
//! Each post is kept once, however many members the channel has. A member has a position
//! in each of its channels, not a queue: one that reads slowly falls behind, and goes on
//! from there when its connection has room. What is no longer kept by then, it has
//! missed.

use std::collections::{BTreeSet, HashMap, VecDeque};

use postroom_model::{Channel, Event, SessionKey};
use slab::Slab;

use crate::settings::RecentLimits;

/// Bytes that a kept post takes beside its text, about.
const POST_BYTES: usize = 128;

/// A channel's place.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct ChannelPlace(usize);

/// How far a member has been told of a channel: the number of the next post.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    channel: ChannelPlace,
    next: u64,
}

/// What a member is told next.
pub(crate) enum Next<'a> {
    Post(&'a Event),
    /// The channel keeps later posts only.
    Missed(Event),
}

impl Next<'_> {
    pub(crate) fn event(&self) -> &Event {
        match self {
            Self::Post(event) => event,
            Self::Missed(event) => event,
        }
    }
}

/// The recent posts of all channels with members.
#[derive(Debug)]
pub(crate) struct RecentPosts {
    limits: RecentLimits,
    channels: Slab<RecentChannel>,
    places: HashMap<Channel, ChannelPlace>,
    /// The channels that keep posts, by the sequence number of the first.
    oldest: BTreeSet<(u64, ChannelPlace)>,
    /// Numbers the posts of all channels in the order of their commits.
    sequence: u64,
    bytes: usize,
}

#[derive(Debug)]
struct RecentChannel {
    name: Channel,
    /// The number of the first post that is kept.
    first: u64,
    posts: VecDeque<Kept>,
    bytes: usize,
    /// Sessions that have a position in it.
    members: usize,
}

#[derive(Debug)]
struct Kept {
    sequence: u64,
    author: SessionKey,
    event: Event,
    bytes: usize,
}

impl RecentPosts {
    pub(crate) fn new(limits: RecentLimits) -> Self {
        Self {
            limits,
            channels: Slab::new(),
            places: HashMap::new(),
            oldest: BTreeSet::new(),
            sequence: 0,
            bytes: 0,
        }
    }

    /// Adds posts, each with its author, to a channel; returns the position before them.
    /// First drops earlier ones, as the limits want. So posts that came together are all
    /// kept until those after them come, and only a slow reader misses any: these are
    /// taken when all others have been told.
    pub(crate) fn add(&mut self, name: Channel, posts: Vec<(SessionKey, Event)>) -> Position {
        let channel = match self.places.get(&name) {
            Some(place) => *place,
            None => self.begin(name),
        };
        self.drop_old(channel);
        let record = &self.channels[channel.0];
        let position = Position { channel, next: record.first + record.posts.len() as u64 };
        for (author, event) in posts {
            self.keep(channel, author, event);
        }
        position
    }

    fn begin(&mut self, name: Channel) -> ChannelPlace {
        let channel = RecentChannel {
            name: name.clone(),
            first: 0,
            posts: VecDeque::new(),
            bytes: 0,
            members: 0,
        };
        let place = ChannelPlace(self.channels.insert(channel));
        self.places.insert(name, place);
        place
    }

    fn keep(&mut self, place: ChannelPlace, author: SessionKey, event: Event) {
        let text_bytes = match &event {
            Event::Posted(posted) => posted.shown().len(),
            _ => 0,
        };
        let (sequence, bytes) = (self.sequence, POST_BYTES + text_bytes);
        self.sequence += 1;
        let channel = &mut self.channels[place.0];
        if channel.posts.is_empty() {
            self.oldest.insert((sequence, place));
        }
        channel.posts.push_back(Kept { sequence, author, event, bytes });
        channel.bytes += bytes;
        self.bytes += bytes;
    }

    fn drop_old(&mut self, place: ChannelPlace) {
        while self.is_too_much(place) {
            self.drop_first(place);
        }
        while self.bytes > self.limits.bytes_in_all
            && let Some((_, oldest)) = self.oldest.first().copied()
        {
            self.drop_first(oldest);
        }
    }

    fn is_too_much(&self, place: ChannelPlace) -> bool {
        let RecentChannel { posts, bytes, .. } = &self.channels[place.0];
        posts.len() >= self.limits.posts || *bytes > self.limits.bytes
    }

    fn drop_first(&mut self, place: ChannelPlace) {
        let channel = &mut self.channels[place.0];
        let Some(first) = channel.posts.pop_front() else {
            return;
        };
        channel.first += 1;
        channel.bytes -= first.bytes;
        self.bytes -= first.bytes;
        self.oldest.remove(&(first.sequence, place));
        if let Some(next) = channel.posts.front() {
            self.oldest.insert((next.sequence, place));
        }
    }

    /// Gives a session a position in a channel, unless it has one.
    pub(crate) fn enter(&mut self, positions: &mut Vec<Position>, position: Position) {
        if !positions.iter().any(|other| other.channel == position.channel) {
            positions.push(position);
            self.channels[position.channel.0].members += 1;
        }
    }

    /// Takes a session's position in a channel away: it has left.
    pub(crate) fn leave(&mut self, positions: &mut Vec<Position>, name: &Channel) {
        if let Some(place) = self.places.get(name).copied()
            && let Some(at) = positions.iter().position(|position| position.channel == place)
        {
            positions.swap_remove(at);
            self.left(place);
        }
    }

    /// The session of these positions has ended.
    pub(crate) fn leave_all(&mut self, positions: Vec<Position>) {
        for position in positions {
            self.left(position.channel);
        }
    }

    /// Posts of a channel that nobody reads are not kept.
    fn left(&mut self, place: ChannelPlace) {
        let channel = &mut self.channels[place.0];
        channel.members -= 1;
        if channel.members == 0 {
            let channel = self.channels.remove(place.0);
            self.bytes -= channel.bytes;
            self.places.remove(&channel.name);
            if let Some(first) = channel.posts.front() {
                self.oldest.remove(&(first.sequence, place));
            }
        }
    }

    /// What a session is to be told next: the earliest post after its positions that is
    /// not its own.
    pub(crate) fn next(&self, positions: &mut [Position], session: SessionKey) -> Option<Next<'_>> {
        let mut earliest: Option<(&mut Position, &Kept)> = None;
        for position in positions {
            let channel = &self.channels[position.channel.0];
            let missed = channel.first.saturating_sub(position.next);
            if missed > 0 {
                position.next = channel.first;
                return Some(Next::Missed(Event::Missed { channel: channel.name.clone(), missed }));
            }
            // Never more than are kept.
            let mut at = usize::try_from(position.next - channel.first).unwrap_or(usize::MAX);
            while channel.posts.get(at).is_some_and(|post| post.author == session) {
                (position.next, at) = (position.next + 1, at + 1);
            }
            if let Some(post) = channel.posts.get(at)
                && earliest.as_ref().is_none_or(|(_, other)| post.sequence < other.sequence)
            {
                earliest = Some((position, post));
            }
        }
        let (position, post) = earliest?;
        position.next += 1;
        Some(Next::Post(&post.event))
    }
}
