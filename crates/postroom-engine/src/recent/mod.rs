//! The recent posts of channels.
//!
//! Each post is kept once, however many members the channel has. A member has a position
//! in each of its channels, not a queue: one that reads slowly falls behind, and goes on
//! from there when its connection has room. What is no longer kept by then, it has
//! missed.
//!
//! Announcements of who joins and leaves are kept the same way, as those of one more
//! channel without a name: so each session is told of arrivals and posts in the order in
//! which they happened.

use std::collections::{BTreeSet, HashMap, VecDeque, vec_deque};
use std::time::Instant;

use postroom_model::{Channel, Event, Fault, PostId, Posted, SessionKey, faulty};
use postroom_office::{Announcements, NewPost};
use slab::Slab;

use crate::settings::RecentLimits;

/// Bytes that a kept post takes beside its text, about.
const POST_BYTES: usize = 128;
/// Bytes that an announcement takes, about.
const ANNOUNCEMENT_BYTES: usize = 1_024;

/// A channel's place.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct ChannelPlace(pub(crate) usize);

/// How far a member has been told of a channel: the number of the next post.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    pub(crate) channel: ChannelPlace,
    next: u64,
    /// How many of the posts from there on are the member's own.
    own: u64,
    /// The member is listed among those of the channel that are to be told.
    pub(crate) is_due: bool,
}

/// What a member is told next.
pub(crate) enum Next<'a> {
    /// A post, and when it was asked for.
    Post(&'a Posted, Instant),
    Announced(&'a Event),
    /// The channel keeps later posts only.
    Missed(Event),
}

/// Posts that a session has not been told, see [`RecentPosts::untold`].
pub(crate) struct Untold<'a> {
    position: &'a mut Position,
    posts: vec_deque::Iter<'a, Kept>,
    /// The sequence number of the first.
    first: u64,
    /// When it was asked for.
    asked_at: Instant,
}

impl<'a> Untold<'a> {
    /// The sequence number of the first post.
    pub(crate) fn first(&self) -> u64 {
        self.first
    }

    /// When the first post was asked for.
    pub(crate) fn asked_at(&self) -> Instant {
        self.asked_at
    }

    /// How many posts there are.
    pub(crate) fn len(&self) -> usize {
        self.posts.len()
    }

    pub(crate) fn posts(&self) -> impl Iterator<Item = &'a Posted> {
        self.posts.clone().filter_map(|kept| match &kept.what {
            What::Post(post) => Some(&post.posted),
            What::Deleted(_) | What::Announcements(_) => None,
        })
    }

    /// The session has been told so many of them.
    pub(crate) fn told(self, posts: usize) {
        self.position.next += posts as u64;
    }
}

/// The recent posts of all channels with members.
#[derive(Debug)]
pub(crate) struct RecentPosts {
    limits: RecentLimits,
    channels: Slab<RecentChannel>,
    places: HashMap<Channel, ChannelPlace>,
    /// Where announcements are kept.
    announcements: Option<ChannelPlace>,
    /// The channels that keep posts, by the sequence number of the first.
    oldest: BTreeSet<(u64, ChannelPlace)>,
    /// Numbers the posts of all channels in the order of their commits.
    sequence: u64,
    bytes: usize,
}

#[derive(Debug)]
struct RecentChannel {
    /// `None` for announcements.
    name: Option<Channel>,
    /// The number of the first post that is kept.
    first: u64,
    posts: VecDeque<Kept>,
    bytes: usize,
    /// A post of those that are kept is deleted.
    has_deleted: bool,
    /// Sessions that have a position in it.
    members: usize,
}

#[derive(Debug)]
struct Kept {
    sequence: u64,
    what: What,
    bytes: usize,
}

#[derive(Debug)]
enum What {
    Post(NewPost),
    /// A post of this session that nobody is told of any more.
    Deleted(SessionKey),
    Announcements(Box<Announcements>),
}

impl Kept {
    fn is_by(&self, session: SessionKey) -> bool {
        self.author() == Some(session)
    }

    fn author(&self) -> Option<SessionKey> {
        match &self.what {
            What::Post(NewPost { author, .. }) | What::Deleted(author) => Some(*author),
            What::Announcements(_) => None,
        }
    }

    /// What a session is told of it.
    fn told_to(&self, session: SessionKey) -> Option<Next<'_>> {
        match &self.what {
            What::Post(NewPost { author, posted, asked_at }) => {
                let is_for_it = *author != session || faulty(Fault::OwnPostsTold);
                is_for_it.then_some(Next::Post(posted, *asked_at))
            }
            What::Deleted(_) => None,
            What::Announcements(announcements) => {
                announcements.event_for(session).map(Next::Announced)
            }
        }
    }
}

impl RecentPosts {
    pub(crate) fn new(limits: RecentLimits) -> Self {
        Self {
            limits,
            channels: Slab::new(),
            places: HashMap::new(),
            announcements: None,
            oldest: BTreeSet::new(),
            sequence: 0,
            bytes: 0,
        }
    }

    pub(crate) fn set_limits(&mut self, limits: RecentLimits) {
        self.limits = limits;
    }

    /// The position after the posts of a channel. First drops some of them, as the limits
    /// want. So posts that come together are all kept until those after them come, and
    /// only a slow reader misses any: these are taken when all others have been told. Where
    /// they come before (`is_due`), the channel keeps more for that time: as much as one
    /// group has.
    pub(crate) fn end_of(&mut self, name: Channel, is_due: bool) -> Position {
        let place = match self.places.get(&name) {
            Some(place) => *place,
            None => self.begin(Some(name)),
        };
        self.make_room(place, is_due)
    }

    /// Adds a post to its channel, of which [`end_of`](Self::end_of) was asked before.
    pub(crate) fn add(&mut self, post: NewPost) {
        if let Some(place) = self.places.get(&post.posted.channel) {
            let bytes = POST_BYTES + post.posted.shown().len();
            self.keep(*place, What::Post(post), bytes);
        }
    }

    /// Adds announcements; returns the position before them.
    pub(crate) fn announce(&mut self, announcements: Announcements) -> Position {
        let place = match self.announcements {
            Some(place) => place,
            None => self.begin(None),
        };
        let position = self.make_room(place, false);
        let bytes = announcements.events() * ANNOUNCEMENT_BYTES;
        self.keep(place, What::Announcements(Box::new(announcements)), bytes);
        position
    }

    fn begin(&mut self, name: Option<Channel>) -> ChannelPlace {
        let channel = RecentChannel {
            name: name.clone(),
            first: 0,
            posts: VecDeque::new(),
            bytes: 0,
            has_deleted: false,
            members: 0,
        };
        let place = ChannelPlace(self.channels.insert(channel));
        match name {
            Some(name) => {
                self.places.insert(name, place);
            }
            None => self.announcements = Some(place),
        }
        place
    }

    /// Drops what the limits want dropped; returns the position after what is kept.
    fn make_room(&mut self, place: ChannelPlace, is_due: bool) -> Position {
        self.drop_old(place, is_due);
        let channel = &self.channels[place.0];
        let next = channel.first + channel.posts.len() as u64;
        Position { channel: place, next, own: 0, is_due: false }
    }

    fn keep(&mut self, place: ChannelPlace, what: What, bytes: usize) {
        let sequence = self.sequence;
        self.sequence += 1;
        let channel = &mut self.channels[place.0];
        if channel.posts.is_empty() {
            self.oldest.insert((sequence, place));
        }
        channel.posts.push_back(Kept { sequence, what, bytes });
        channel.bytes += bytes;
        self.bytes += bytes;
    }

    fn drop_old(&mut self, place: ChannelPlace, is_due: bool) {
        while !is_due && self.is_too_much(place) {
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
        if channel.has_deleted {
            let is_deleted = |kept: &Kept| matches!(kept.what, What::Deleted(_));
            channel.has_deleted = channel.posts.iter().any(is_deleted);
        }
    }

    /// A post is deleted: who has not been told of it, is not told.
    pub(crate) fn forget_post(&mut self, channel: &Channel, id: PostId) {
        let Some(place) = self.places.get(channel) else {
            return;
        };
        let channel = &mut self.channels[place.0];
        for kept in &mut channel.posts {
            if let What::Post(NewPost { author, posted, .. }) = &kept.what
                && posted.stamp.id == id
            {
                kept.what = What::Deleted(*author);
                channel.has_deleted = true;
            }
        }
    }

    /// Bytes of the posts that are kept.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The position of a session in a channel; gives it this one if it has none.
    pub(crate) fn enter<'a>(
        &mut self,
        positions: &'a mut Vec<Position>,
        position: Position,
    ) -> &'a mut Position {
        let at = positions.iter().position(|other| other.channel == position.channel);
        let at = at.unwrap_or_else(|| {
            positions.push(position);
            self.channels[position.channel.0].members += 1;
            positions.len() - 1
        });
        &mut positions[at]
    }

    /// The place of a channel, if it has one.
    pub(crate) fn place(&self, name: &Channel) -> Option<ChannelPlace> {
        self.places.get(name).copied()
    }

    /// The authors of the posts from a position on.
    pub(crate) fn authors_since(&self, position: Position) -> impl Iterator<Item = SessionKey> {
        let channel = &self.channels[position.channel.0];
        // Never more than are kept.
        let at = usize::try_from(position.next - channel.first).unwrap_or(usize::MAX);
        channel.posts.iter().skip(at).filter_map(Kept::author)
    }

    /// Notes that one more post of a channel is the session's own.
    pub(crate) fn note_own(positions: &mut [Position], in_channel: Position) {
        let found = positions.iter_mut().find(|other| other.channel == in_channel.channel);
        if let Some(position) = found {
            position.own += 1;
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
        self.channels[place.0].members -= 1;
        self.forget_if_unread(place);
    }

    /// Forgets the channel of a position if no session has one there: its members may all
    /// have ended before they were listed.
    pub(crate) fn forget_if_nobody_reads(&mut self, position: Position) {
        self.forget_if_unread(position.channel);
    }

    fn forget_if_unread(&mut self, place: ChannelPlace) {
        if self.channels[place.0].members == 0 {
            let channel = self.channels.remove(place.0);
            self.bytes -= channel.bytes;
            match &channel.name {
                Some(name) => {
                    self.places.remove(name);
                }
                None => self.announcements = None,
            }
            if let Some(first) = channel.posts.front() {
                self.oldest.remove(&(first.sequence, place));
            }
        }
    }

    /// What a session has not been told, where it is posts of one channel, all kept and
    /// none its own.
    pub(crate) fn untold<'a>(&'a self, positions: &'a mut [Position]) -> Option<Untold<'a>> {
        let mut untold = None;
        for position in positions {
            let channel = &self.channels[position.channel.0];
            let end = channel.first + channel.posts.len() as u64;
            if position.next == end {
                continue;
            }
            let is_whole =
                position.next >= channel.first && position.own == 0 && !channel.has_deleted;
            if !is_whole || channel.name.is_none() || untold.is_some() {
                return None;
            }
            let at = usize::try_from(position.next - channel.first).ok()?;
            let Kept { sequence: first, what: What::Post(post), .. } = channel.posts.get(at)?
            else {
                return None;
            };
            let (first, asked_at) = (*first, post.asked_at);
            untold = Some(Untold { position, posts: channel.posts.range(at..), first, asked_at });
        }
        untold
    }

    /// What a session is to be told next: the earliest after its positions that is for
    /// it.
    pub(crate) fn next(&self, positions: &mut [Position], session: SessionKey) -> Option<Next<'_>> {
        let mut earliest: Option<(&mut Position, u64, Next<'_>)> = None;
        for position in positions {
            let channel = &self.channels[position.channel.0];
            if let Some(missed) = channel.skip_missed(position, session) {
                return Some(Next::Missed(missed));
            }
            if let Some((sequence, next)) = channel.find(position, session)
                && earliest.as_ref().is_none_or(|(_, other, _)| sequence < *other)
            {
                earliest = Some((position, sequence, next));
            }
        }
        let (position, _, next) = earliest?;
        position.next += 1;
        Some(next)
    }

    /// The next announcement for a session, whatever posts are before it.
    pub(crate) fn next_announcement(
        &self,
        positions: &mut [Position],
        session: SessionKey,
    ) -> Option<Next<'_>> {
        let place = self.announcements?;
        let at = positions.iter().position(|position| position.channel == place)?;
        self.next(&mut positions[at..=at], session)
    }
}

impl RecentChannel {
    /// Moves a position to what is kept; returns what tells how much it has missed.
    fn skip_missed(&self, position: &mut Position, session: SessionKey) -> Option<Event> {
        let passed = self.first.checked_sub(position.next).filter(|passed| *passed > 0)?;
        position.next = self.first;
        let own_kept = match position.own {
            0 => 0,
            _ => self.posts.iter().filter(|kept| kept.is_by(session)).count() as u64,
        };
        let own_passed = std::mem::replace(&mut position.own, own_kept).saturating_sub(own_kept);
        let own_passed = if faulty(Fault::GapMiscounted) { 0 } else { own_passed };
        let missed = passed.checked_sub(own_passed).filter(|missed| *missed > 0)?;
        if faulty(Fault::GapUntold) {
            return None;
        }
        Some(match &self.name {
            Some(channel) => Event::Missed { channel: channel.clone(), missed },
            None => Event::MissedLines(missed),
        })
    }

    /// Moves a position over what is not for a session, as its own posts; returns what is
    /// there then.
    fn find(&self, position: &mut Position, session: SessionKey) -> Option<(u64, Next<'_>)> {
        // Never more than are kept.
        let mut at = usize::try_from(position.next - self.first).unwrap_or(usize::MAX);
        loop {
            let kept = self.posts.get(at)?;
            if let Some(next) = kept.told_to(session) {
                return Some((kept.sequence, next));
            }
            (position.next, at) = (position.next + 1, at + 1);
            position.own = position.own.saturating_sub(u64::from(kept.is_by(session)));
        }
    }
}

#[cfg(test)]
mod tests;
