//! Which posts each channel keeps: the part of it that is in memory.
//!
//! A post's number is its place in the table and orders its channel. Posts that a
//! channel keeps no longer are noted as due and deleted with later commits; what
//! is due when the server ends is found again at start.
//!
//! When there are as many channels as may be, an idle one is evicted for a new one. Its
//! posts are then due, and its number is given to another channel once they are deleted,
//! so that no channel ever has the posts of another.

use std::collections::{HashMap, HashSet, VecDeque};

mod posts;
mod private;
mod removal;

use postroom_model::Channel;
use postroom_store::{HistoryQuery, HistoryRows, Sender, Timestamp};

use crate::idle::{Authors, ChannelId, Idle, Rank};
use crate::reserved::Reserved;
use posts::{Posts, Taken};
pub(crate) use private::Private;
use private::PrivateChannels;

/// All channels and the numbers of their posts.
#[derive(Debug)]
pub(crate) struct Channels {
    all: Vec<Kept>,
    by_name: HashMap<Channel, ChannelId>,
    reserved: Reserved,
    gaps: HashSet<u32>,
    last_post: u64,
    /// The highest number of before the group under way.
    last_committed: u64,
    /// Kept no longer and still in the table.
    due: VecDeque<(u64, ChannelId)>,
    /// Whether nothing is due but what channels keep no longer because of later posts.
    is_swept: bool,
    /// Channels with members, whether they have posts or not.
    held: HashSet<Channel>,
    /// Channels that may be evicted.
    idle: Idle,
    /// Numbers of evicted channels without a post in the table.
    free: Vec<ChannelId>,
    private: PrivateChannels,
}

/// A channel and what it keeps.
#[derive(Debug, Default)]
struct Kept {
    posts: Posts,
    /// `None` where it is damaged, or evicted.
    name: Option<Channel>,
    said: Said,
    is_evicted: bool,
    is_held: bool,
    /// Posts that the group under way adds.
    pending: u32,
    /// Posts of it that are due.
    due: u32,
    /// Its place among the idle ones.
    rank: Option<Rank>,
}

/// By whom and when the posts of a channel were said.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Said {
    authors: Authors,
    /// The time of the latest.
    latest: Timestamp,
}

/// A post that was taken out, and what its channel was before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SetAside {
    taken: Taken,
    before: Said,
}

/// One post.
#[derive(Clone, Copy, Debug)]
pub(crate) struct By {
    /// No one: the board.
    pub(crate) author: Option<Sender>,
    pub(crate) at: Timestamp,
}

impl Default for Channels {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            by_name: HashMap::new(),
            reserved: Reserved::default(),
            gaps: HashSet::new(),
            last_post: 0,
            last_committed: 0,
            due: VecDeque::new(),
            is_swept: true,
            held: HashSet::new(),
            idle: Idle::default(),
            free: Vec::new(),
            private: PrivateChannels::default(),
        }
    }
}

impl Channels {
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.all.len()).unwrap_or(u32::MAX)
    }

    /// How many there are beside those that are there from the beginning.
    pub(crate) fn hashtags(&self) -> u32 {
        let built_in = [Channel::lobby(), Channel::board()];
        let present = built_in.iter().filter(|channel| self.by_name.contains_key(channel)).count();
        u32::try_from(self.by_name.len() - present).unwrap_or(u32::MAX)
    }

    /// Adds a channel whose record is damaged, so that those behind it keep their
    /// numbers: no one finds it.
    pub(crate) fn add_damaged(&mut self) {
        self.all.push(Kept::default());
    }

    /// Adds a channel that was evicted and perhaps still has posts in the table.
    pub(crate) fn add_evicted(&mut self) {
        self.all.push(Kept { is_evicted: true, ..Kept::default() });
    }

    /// Leaves out a number, which no channel has had as far as is known.
    pub(crate) fn add_gap(&mut self) {
        self.gaps.insert(self.len());
        self.add_damaged();
    }

    /// A record names this channel. If its number was a gap, the channel is lost.
    pub(crate) fn end_gap(&mut self, id: ChannelId) -> bool {
        self.gaps.remove(&id.0)
    }

    pub(crate) fn find(&self, channel: &Channel) -> Option<ChannelId> {
        self.by_name.get(channel).copied()
    }

    /// Never gives this number to a new channel.
    pub(crate) fn reserve(&mut self, id: ChannelId) {
        self.reserved.add(id.0);
    }

    /// Gives up the numbers that come next and are reserved.
    pub(crate) fn skip_reserved(&mut self) {
        while self.reserved.contains(self.len()) {
            self.add_damaged();
        }
    }

    /// Adds a channel under the next number. The caller has seen that it is
    /// unknown, and has skipped the reserved numbers.
    pub(crate) fn add(&mut self, channel: Channel) -> ChannelId {
        let id = ChannelId(self.len());
        self.all.push(Kept::default());
        self.name(id, channel);
        id
    }

    pub(crate) fn undo_add(&mut self, channel: &Channel) {
        self.by_name.remove(channel);
        if let Some(kept) = self.all.pop() {
            self.idle.remove(kept.rank);
        }
    }

    /// Gives a channel that the caller has seen to be unknown the number of an evicted
    /// one, if there is any.
    pub(crate) fn reuse(&mut self, channel: &Channel) -> Option<ChannelId> {
        let id = self.free.pop()?;
        self.kept_mut(id).is_evicted = false;
        self.name(id, channel.clone());
        Some(id)
    }

    pub(crate) fn undo_reuse(&mut self, id: ChannelId) {
        self.evict(id);
        *self.kept_mut(id) = Kept { is_evicted: true, ..Kept::default() };
        self.free.push(id);
    }

    fn name(&mut self, id: ChannelId, channel: Channel) {
        let is_held = self.held.contains(&channel);
        self.by_name.insert(channel.clone(), id);
        let kept = self.kept_mut(id);
        (kept.name, kept.is_held) = (Some(channel), is_held);
    }

    /// The channels to be evicted for `count` new ones, none of them one of `channels`;
    /// `None` if fewer may go.
    pub(crate) fn evictable(
        &self,
        count: usize,
        channels: &[Channel],
        now: Timestamp,
    ) -> Option<Vec<ChannelId>> {
        let spared: Vec<_> = channels.iter().filter_map(|channel| self.find(channel)).collect();
        let goes = self.idle.first(now).filter(|id| !spared.contains(id));
        let goes: Vec<_> = goes.take(count).collect();
        (goes.len() == count).then_some(goes)
    }

    /// Evicts a channel. Its posts are due once that is
    /// [committed](Self::evicted).
    pub(crate) fn evict(&mut self, id: ChannelId) -> Option<Channel> {
        let kept = &mut self.all[id.0 as usize];
        let name = kept.name.take()?;
        kept.is_evicted = true;
        self.idle.remove(kept.rank.take());
        self.by_name.remove(&name);
        Some(name)
    }

    pub(crate) fn undo_evict(&mut self, id: ChannelId, channel: Channel) {
        self.kept_mut(id).is_evicted = false;
        self.name(id, channel);
        self.settle(id);
    }

    /// The eviction of a channel is committed.
    pub(crate) fn evicted(&mut self, id: ChannelId) {
        self.trim(id, 0);
        self.release(id);
    }

    /// Lets the number of an evicted channel be given out again, if no post has it.
    fn release(&mut self, id: ChannelId) {
        let kept = self.kept_mut(id);
        if kept.is_evicted && kept.due == 0 && kept.posts.is_empty() {
            *kept = Kept { is_evicted: true, ..Kept::default() };
            self.free.push(id);
        }
    }

    /// Whether a channel has members: then it is not evicted.
    pub(crate) fn set_members(&mut self, channel: &Channel, has_members: bool) {
        if has_members {
            self.held.insert(channel.clone());
        } else {
            self.held.remove(channel);
        }
        if let Some(id) = self.find(channel) {
            self.kept_mut(id).is_held = has_members;
            self.settle(id);
        }
    }

    /// Adds the latest post; returns its number, and what [`undo_append`] needs.
    ///
    /// [`undo_append`]: Self::undo_append
    pub(crate) fn append(&mut self, id: ChannelId, by: By) -> (u64, Said) {
        self.last_post += 1;
        let number = self.last_post;
        let kept = &mut self.all[id.0 as usize];
        self.idle.remove(kept.rank.take());
        kept.pending += 1;
        let before = kept.said;
        kept.push(number, by);
        (number, before)
    }

    pub(crate) fn undo_append(&mut self, id: ChannelId, before: Said) {
        let kept = self.kept_mut(id);
        kept.posts.pop_latest();
        kept.said = before;
        kept.pending -= 1;
        self.settle(id);
    }

    /// The posts that a group has added to a channel are committed.
    pub(crate) fn posted(&mut self, id: ChannelId, posts_max: u32) {
        self.kept_mut(id).pending = 0;
        self.trim(id, posts_max);
        self.settle(id);
    }

    /// Takes a post out before its channel keeps it no longer; `None` if it does not keep
    /// it.
    pub(crate) fn set_aside(&mut self, id: ChannelId, number: u64) -> Option<SetAside> {
        let kept = self.kept_mut(id);
        let taken = kept.posts.take(number)?;
        let before = kept.said;
        if before.authors.depend_on(number) || kept.posts.last().is_none_or(|last| last < number) {
            kept.said.authors = kept.posts.authors();
        }
        self.settle(id);
        Some(SetAside { taken, before })
    }

    pub(crate) fn undo_set_aside(&mut self, id: ChannelId, set_aside: SetAside) {
        let SetAside { taken, before } = set_aside;
        let kept = self.kept_mut(id);
        kept.posts.insert(taken);
        kept.said = before;
        self.settle(id);
    }

    /// The group under way is committed.
    pub(crate) fn committed(&mut self) {
        self.last_committed = self.last_post;
    }

    /// Which posts a page of a channel's history has.
    pub(crate) fn history(&self, query: HistoryQuery) -> HistoryRows {
        let nothing = Posts::default();
        let posts = self.find(&query.channel).map_or(&nothing, |id| &self.kept(id).posts);
        let committed = self.last_committed;
        HistoryRows::new(
            query,
            |from| posts.from(from).take_while(move |number| *number <= committed),
            |before| posts.before(before.min(committed + 1)),
        )
    }

    /// The highest number given out.
    pub(crate) fn last_post(&self) -> u64 {
        self.last_post
    }

    /// This number was given out, though its post may be damaged.
    pub(crate) fn given_out(&mut self, number: u64) {
        self.last_post = self.last_post.max(number);
    }

    /// Takes up a post found at start; they come in the order of their numbers.
    pub(crate) fn load(&mut self, id: ChannelId, number: u64, by: By, posts_max: u32) {
        let kept = self.kept_mut(id);
        kept.push(number, by);
        if kept.is_evicted {
            self.is_swept = false;
            self.trim(id, 0);
        } else {
            self.trim(id, posts_max);
        }
    }

    /// All posts found at start are taken up.
    pub(crate) fn loaded(&mut self) {
        self.committed();
        for id in (0..self.len()).map(ChannelId) {
            self.settle(id);
            self.release(id);
        }
    }

    /// Lets go what is beyond the posts that a channel keeps.
    fn trim(&mut self, id: ChannelId, posts_max: u32) {
        let kept = &mut self.all[id.0 as usize];
        while kept.posts.len() > posts_max as usize
            && let Some(number) = kept.posts.pop_earliest()
        {
            kept.due += 1;
            self.due.push_back((number, id));
        }
    }

    /// Finds the place of a channel among the idle ones again.
    fn settle(&mut self, id: ChannelId) {
        let is_private = self.is_private(id);
        let kept = &mut self.all[id.0 as usize];
        let is_hashtag = kept.name.as_ref().is_some_and(|name| !name.is_built_in());
        let is_idle = is_hashtag && kept.pending == 0 && !kept.is_held && !is_private;
        let Said { authors, latest } = kept.said;
        let rank = is_idle.then(|| authors.rank(id, kept.posts.extent(), latest));
        if rank != kept.rank {
            self.idle.remove(std::mem::replace(&mut kept.rank, rank));
            self.idle.insert(rank);
        }
    }

    fn kept(&self, id: ChannelId) -> &Kept {
        &self.all[id.0 as usize]
    }

    fn kept_mut(&mut self, id: ChannelId) -> &mut Kept {
        &mut self.all[id.0 as usize]
    }

    pub(crate) fn latest(&self, id: ChannelId) -> Option<u64> {
        self.kept(id).posts.last()
    }

    /// The number of a channel's first post from `from` on.
    pub(crate) fn next(&self, id: ChannelId, from: u64) -> Option<u64> {
        self.kept(id).posts.from(from).next()
    }

    /// The channel of this number, if it keeps a post and has a name.
    pub(crate) fn keeper(&self, id: ChannelId, number: u64) -> Option<&Channel> {
        let kept = self.all.get(id.0 as usize)?;
        kept.name.as_ref().filter(|_| kept.posts.from(number).next() == Some(number))
    }

    /// The first of the numbers that are due, at most `count`.
    pub(crate) fn due(&self, count: usize) -> impl ExactSizeIterator<Item = u64> + '_ {
        self.due.range(..count.min(self.due.len())).map(|(number, _)| *number)
    }

    /// The first `count` of those due are deleted.
    pub(crate) fn deleted(&mut self, count: usize) {
        for _ in 0..count {
            if let Some((_, id)) = self.due.pop_front() {
                self.kept_mut(id).due -= 1;
                self.release(id);
            }
        }
        self.is_swept |= self.due.is_empty();
    }
}

impl Kept {
    fn push(&mut self, number: u64, by: By) {
        self.said.authors.add(by.author, self.posts.last());
        self.said.latest = by.at;
        self.posts.push(number, by.author);
    }
}

#[cfg(test)]
mod tests;
