//! Which posts each channel keeps: the part of it that is in memory.
//!
//! A post's number is its place in the table and orders its channel. Posts that a
//! channel keeps no longer are noted as due and deleted with later commits; what
//! is due when the server ends is found again at start.

use std::collections::{HashMap, HashSet, VecDeque};

use postroom_model::Channel;

use crate::reserved::Reserved;

/// A channel within its store; never reused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ChannelId(pub(crate) u32);

/// All channels and the numbers of their posts.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    kept: Vec<VecDeque<u64>>,
    by_name: HashMap<Channel, ChannelId>,
    reserved: Reserved,
    gaps: HashSet<u32>,
    last_post: u64,
    /// Kept no longer and still in the table.
    due: VecDeque<u64>,
}

impl Channels {
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.kept.len()).unwrap_or(u32::MAX)
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
        self.kept.push(VecDeque::new());
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
        self.by_name.insert(channel, id);
        self.kept.push(VecDeque::new());
        id
    }

    pub(crate) fn undo_add(&mut self, channel: &Channel) {
        self.by_name.remove(channel);
        self.kept.pop();
    }

    /// Adds the latest post and returns its number.
    pub(crate) fn append(&mut self, id: ChannelId) -> u64 {
        self.last_post += 1;
        self.kept[id.0 as usize].push_back(self.last_post);
        self.last_post
    }

    pub(crate) fn undo_append(&mut self, id: ChannelId) {
        self.kept[id.0 as usize].pop_back();
    }

    /// Takes a damaged post out.
    pub(crate) fn set_aside(&mut self, id: ChannelId, number: u64) {
        let kept = &mut self.kept[id.0 as usize];
        if let Ok(place) = kept.binary_search(&number) {
            kept.remove(place);
        }
    }

    pub(crate) fn undo_set_aside(&mut self, id: ChannelId, number: u64) {
        let kept = &mut self.kept[id.0 as usize];
        kept.insert(kept.partition_point(|other| *other < number), number);
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
    pub(crate) fn load(&mut self, id: ChannelId, number: u64, posts_max: u32) {
        self.kept[id.0 as usize].push_back(number);
        self.trim(id, posts_max);
    }

    /// Lets go what is beyond the posts that a channel keeps.
    pub(crate) fn trim(&mut self, id: ChannelId, posts_max: u32) {
        let kept = &mut self.kept[id.0 as usize];
        while kept.len() > posts_max as usize {
            self.due.extend(kept.pop_front());
        }
    }

    pub(crate) fn latest(&self, id: ChannelId) -> Option<u64> {
        self.kept[id.0 as usize].back().copied()
    }

    /// The number of a channel's first post from `from` on.
    pub(crate) fn next(&self, id: ChannelId, from: u64) -> Option<u64> {
        let kept = &self.kept[id.0 as usize];
        kept.get(kept.partition_point(|number| *number < from)).copied()
    }

    /// The first of the numbers that are due, at most `count`.
    pub(crate) fn due(&self, count: usize) -> impl ExactSizeIterator<Item = u64> + '_ {
        self.due.range(..count.min(self.due.len())).copied()
    }

    /// The first `count` of those due are deleted.
    pub(crate) fn deleted(&mut self, count: usize) {
        self.due.drain(..count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(channels: &Channels, id: ChannelId) -> Vec<u64> {
        let next = |from: &u64| channels.next(id, from + 1);
        std::iter::successors(channels.next(id, 0), next).collect()
    }

    #[test]
    fn a_channel_keeps_its_latest_posts() {
        let mut channels = Channels::default();
        let rust = Channel::parse("#rust").unwrap();
        let id = channels.add(rust.clone());
        for _ in 0..5 {
            channels.append(id);
            channels.trim(id, 3);
        }
        assert_eq!(all(&channels, id), [3, 4, 5]);
        assert_eq!(channels.next(id, 4), Some(4));
        assert_eq!(channels.next(id, 9), None);
        assert_eq!(channels.latest(id), Some(5));
        assert_eq!(channels.find(&Channel::lobby()), None);
        assert_eq!(channels.due(9).collect::<Vec<_>>(), [1, 2]);
        channels.deleted(1);
        assert_eq!(channels.due(9).collect::<Vec<_>>(), [2]);
        channels.undo_append(id);
        assert_eq!(channels.append(id), 6, "a number is given out once");
        channels.set_aside(id, 4);
        assert_eq!(all(&channels, id), [3, 6]);
        channels.undo_set_aside(id, 4);
        assert_eq!(all(&channels, id), [3, 4, 6]);
    }
}
