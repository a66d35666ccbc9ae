//! What is deleted of channels before they keep it no longer: the posts of an author, and
//! whole channels.
//!
//! It is gone from the memory at once, and due on disk; sweeps delete a few rows at a time.
//! If the server ends meanwhile, what is due is found again at start: the rows name a
//! deleted author, or a channel without a name.

use postroom_model::Channel;
use postroom_store::{AccountId, CHANNELS_PAGE, ChannelSummary, Outcome};

use super::Channels;
use crate::idle::ChannelId;

impl Channels {
    /// How many posts an author has, each counted once for each of its channels.
    pub(crate) fn count_by(&self, author: AccountId) -> u32 {
        let posts: usize = self.all.iter().map(|kept| kept.posts.count_by(author)).sum();
        u32::try_from(posts).unwrap_or(u32::MAX)
    }

    /// The deletion of an account is committed: its posts go.
    pub(crate) fn erase_author(&mut self, author: AccountId) {
        for id in (0..self.len()).map(ChannelId) {
            let kept = &mut self.all[id.0 as usize];
            if kept.posts.count_by(author) == 0 {
                continue;
            }
            let (due, before) = (&mut self.due, kept.posts.len());
            kept.posts.take_by(author, |number| due.push_back((number, id)));
            kept.due += u32::try_from(before - kept.posts.len()).unwrap_or(u32::MAX);
            kept.said.authors = kept.posts.authors();
            self.is_swept = false;
            self.settle(id);
        }
    }

    /// The deletion of a channel is committed: its posts go.
    pub(crate) fn erase(&mut self, id: ChannelId) {
        self.evicted(id);
        self.is_swept = self.due.is_empty();
    }

    /// Takes up a post found at start whose author was deleted.
    pub(crate) fn load_erased(&mut self, id: ChannelId, number: u64) {
        self.kept_mut(id).due += 1;
        self.due.push_back((number, id));
        self.is_swept = false;
    }

    /// Whether posts are on disk that were deleted before their channels kept them no
    /// longer.
    pub(crate) fn needs_sweep(&self) -> bool {
        !self.is_swept
    }

    /// How many posts a channel keeps; `None` if there is neither such a channel nor a
    /// member of it.
    pub(crate) fn posts(&self, channel: &Channel) -> Option<u32> {
        match self.find(channel) {
            Some(id) => Some(self.count(id)),
            None => self.held.contains(channel).then_some(0),
        }
    }

    fn count(&self, id: ChannelId) -> u32 {
        u32::try_from(self.kept(id).posts.len()).unwrap_or(u32::MAX)
    }

    /// A page of the channels that are behind `after` in the order of their names.
    pub(crate) fn list(&self, after: Option<&Channel>) -> Outcome {
        let without_posts = self.held.iter().filter(|channel| !self.by_name.contains_key(*channel));
        let all = self.by_name.keys().chain(without_posts);
        let mut rest: Vec<_> =
            all.filter(|channel| after.is_none_or(|after| *channel > after)).collect();
        let has_more = rest.len() > CHANNELS_PAGE;
        if has_more {
            rest.select_nth_unstable(CHANNELS_PAGE);
            rest.truncate(CHANNELS_PAGE);
        }
        rest.sort_unstable();
        let channels: Vec<_> = rest.into_iter().map(|channel| self.summary(channel)).collect();
        let last = channels.last().map(|last| last.channel.clone());
        Outcome::Channels { channels, next: last.filter(|_| has_more) }
    }

    fn summary(&self, channel: &Channel) -> ChannelSummary {
        let id = self.find(channel);
        let posts = id.map_or(0, |id| self.count(id));
        let latest = id.filter(|_| posts > 0).map(|id| self.kept(id).said.latest);
        let is_private = id.is_some_and(|id| self.is_private(id));
        ChannelSummary { channel: channel.clone(), posts, latest, is_private }
    }
}
