//! Posts in the channels of a store in memory.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use postroom_model::{
    Author, Channel, Content, Entry, Fault, Name, Page, Position, Post, PostDeletionRefusal,
    PostId, PostRefusal, Stamp, Text, Timestamp, faulty,
};

use crate::{
    CHANNELS_PAGE, ChannelSummary, Limits, Outcome, PAGE_BYTES, PAGE_ENTRIES_MAX, PROTECTED_MS,
    SWEPT_MAX, is_old,
};

use super::session::Session;

/// The posts that channels keep.
#[derive(Debug, Default)]
pub(super) struct Channels {
    kept: Vec<(Channel, VecDeque<Said>)>,
    /// Those that are private.
    never_evicted: BTreeSet<Channel>,
    last_post: u64,
}

/// A post in one channel.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) number: u64,
    pub(super) stamp: Stamp,
    pub(super) post: Arc<Post>,
    is_deleted: bool,
}

impl Channels {
    /// Deletes a post of an account from all its channels.
    pub(super) fn delete_post(&mut self, author: &Name, id: PostId) -> Outcome {
        let is_it = |said: &Said| {
            let is_by = matches!(&said.post.author, Author::Account(name) if name == author);
            said.stamp.id == id && is_by
        };
        let (mut is_found, mut channels) = (false, Vec::new());
        for (channel, said) in &mut self.kept {
            for said in said.iter_mut().filter(|said| is_it(said)) {
                is_found = true;
                if !std::mem::replace(&mut said.is_deleted, true) {
                    let (author, text) = (said.post.author.clone(), Text::default());
                    let in_all = said.post.channels.clone();
                    said.post = Arc::new(Post { author, channels: in_all, text });
                    channels.push((said.number, channel.clone()));
                }
            }
        }
        if is_found {
            channels.sort_unstable();
            let channels = channels.into_iter().map(|(_, channel)| channel).collect();
            Outcome::PostDeleted { id, channels }
        } else {
            Outcome::PostNotDeleted(PostDeletionRefusal::NotFound)
        }
    }

    /// All posts, each with its channel.
    pub(super) fn posts(&self) -> impl Iterator<Item = (&Channel, &Post)> {
        self.kept
            .iter()
            .flat_map(|(channel, said)| said.iter().map(move |said| (channel, &*said.post)))
    }

    /// The channels of a post.
    pub(super) fn of_post(&self, id: PostId) -> impl Iterator<Item = Channel> {
        let has = move |said: &VecDeque<Said>| said.iter().any(|said| said.stamp.id == id);
        let found = self.kept.iter().filter(move |(_, said)| has(said));
        found.map(|(channel, _)| channel.clone())
    }

    /// All texts, each with its channel.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&Channel, &Text)> {
        self.kept.iter().flat_map(|(channel, said)| {
            let said = said.iter().filter(|said| !said.is_deleted);
            said.map(move |said| (channel, &said.post.text))
        })
    }

    /// The number and the time of each record.
    pub(super) fn all(&self) -> impl Iterator<Item = (u64, Timestamp)> {
        self.kept.iter().flat_map(|(_, said)| said).map(|said| (said.number, said.stamp.stored))
    }

    /// How many there are beside those that there always are.
    pub(super) fn hashtags(&self) -> usize {
        self.kept.iter().filter(|(channel, _)| !channel.is_built_in()).count()
    }

    /// An author has another name from now on.
    pub(super) fn rename_author(&mut self, from: &Name, to: &Name) {
        let is_by =
            |said: &&mut Said| matches!(&said.post.author, Author::Account(name) if name == from);
        for said in self.kept.iter_mut().flat_map(|(_, said)| said).filter(is_by) {
            let author = Author::Account(to.clone());
            let (channels, text) = (said.post.channels.clone(), said.post.text.clone());
            said.post = Arc::new(Post { author, channels, text });
        }
    }

    /// Removes the posts of an author; returns how many there were.
    pub(super) fn erase_author(&mut self, author: &Name) -> u32 {
        let is_by =
            |said: &Said| matches!(&said.post.author, Author::Account(name) if name == author);
        let before = self.posts().count();
        self.kept.iter_mut().for_each(|(_, said)| said.retain(|said| !is_by(said)));
        u32::try_from(before - self.posts().count()).unwrap_or(u32::MAX)
    }

    /// When the latest post was stored.
    pub(super) fn latest(&self) -> Option<Timestamp> {
        let last = self.kept.iter().filter_map(|(_, said)| said.back());
        last.max_by_key(|said| said.number).map(|said| said.stamp.stored)
    }

    /// Removes some posts that are too old; returns how many.
    pub(super) fn expire(&mut self, cutoff: Timestamp) -> u32 {
        let mut left = SWEPT_MAX;
        for said in self.kept.iter_mut().map(|(_, said)| said) {
            said.retain(|said| {
                let goes = left > 0 && is_old(said.stamp.stored, cutoff);
                left -= usize::from(goes);
                !goes
            });
        }
        u32::try_from(SWEPT_MAX - left).unwrap_or(u32::MAX)
    }

    pub(super) fn delete(&mut self, session: &Session, channel: &Channel) -> Outcome {
        let was_private = self.never_evicted.contains(channel);
        let posts = self.remove(channel);
        match posts.or_else(|| session.held.contains(channel).then_some(0)) {
            Some(posts) => Outcome::ChannelDeleted { posts, was_private },
            None => Outcome::NoSuchChannel,
        }
    }

    /// Removes a channel; returns how many posts it had, if it was known.
    pub(super) fn remove(&mut self, channel: &Channel) -> Option<u32> {
        let place = self.kept.iter().position(|(known, _)| known == channel)?;
        self.never_evicted.remove(channel);
        u32::try_from(self.kept.remove(place).1.len()).ok()
    }

    pub(super) fn is_known(&self, channel: &Channel) -> bool {
        self.kept.iter().any(|(known, _)| known == channel)
    }

    /// Adds a channel without posts that is never evicted; whether there is room for it.
    pub(super) fn make(
        &mut self,
        session: &Session,
        channel: &Channel,
        limits: Limits,
        now: Timestamp,
    ) -> bool {
        let excess = (self.hashtags() + 1).saturating_sub(limits.channels_max as usize);
        let has_room = self.evict(session, excess, &[], now);
        if has_room {
            self.kept.push((channel.clone(), VecDeque::new()));
            self.never_evicted.insert(channel.clone());
        }
        has_room
    }

    pub(super) fn list(&self, session: &Session, after: Option<&Channel>) -> Outcome {
        let known = self.kept.iter().map(|(channel, _)| channel);
        let all: BTreeSet<_> = known.chain(&session.held).collect();
        let rest: Vec<_> =
            all.into_iter().filter(|channel| after.is_none_or(|after| *channel > after)).collect();
        let summary = |channel: &&Channel| {
            let said = self.said(channel);
            ChannelSummary {
                channel: (*channel).clone(),
                posts: u32::try_from(said.len()).unwrap_or(u32::MAX),
                latest: said.back().map(|latest| latest.stamp.stored),
                is_private: self.never_evicted.contains(*channel),
            }
        };
        let channels: Vec<_> = rest.iter().take(CHANNELS_PAGE).map(summary).collect();
        let last = channels.last().map(|last| last.channel.clone());
        Outcome::Channels { channels, next: last.filter(|_| rest.len() > CHANNELS_PAGE) }
    }

    pub(super) fn said(&self, channel: &Channel) -> &VecDeque<Said> {
        static NOTHING: VecDeque<Said> = VecDeque::new();
        let found = self.kept.iter().find(|(known, _)| known == channel);
        found.map_or(&NOTHING, |(_, said)| said)
    }

    pub(super) fn post(
        &mut self,
        session: &Session,
        post: &Arc<Post>,
        may_create: u32,
        limits: Limits,
        now: Timestamp,
    ) -> Outcome {
        let is_hashtag = |channel: &&Channel| !channel.is_built_in();
        let known = self.kept.iter().map(|(channel, _)| channel).filter(is_hashtag);
        let known: Vec<_> = known.cloned().collect();
        let new = post.channels.iter().filter(is_hashtag);
        let new = new.filter(|channel| !known.contains(channel)).count();
        if new > may_create as usize {
            return Outcome::NotPosted(PostRefusal::MayNotCreate);
        }
        let excess = (known.len() + new).saturating_sub(limits.channels_max as usize);
        if new > 0 && !self.evict(session, excess, &post.channels, now) {
            return Outcome::NotPosted(PostRefusal::TooManyChannels);
        }
        let stamp = Stamp { id: PostId(self.last_post + 1), stored: now };
        for channel in &post.channels {
            self.last_post += 1;
            let id = if faulty(Fault::IdOfEachChannel) { PostId(self.last_post) } else { stamp.id };
            let stamp = Stamp { id, ..stamp };
            let (number, is_deleted) = (self.last_post, false);
            let said = Said { number, stamp, post: Arc::clone(post), is_deleted };
            let place = self.kept.iter().position(|(known, _)| known == channel);
            let place = place.unwrap_or_else(|| {
                self.kept.push((channel.clone(), VecDeque::new()));
                self.kept.len() - 1
            });
            let kept = &mut self.kept[place].1;
            kept.push_back(said);
            let most = limits.channel_posts;
            if kept.len() > most as usize {
                kept.pop_front();
            }
        }
        let created = u32::try_from(new).unwrap_or(u32::MAX);
        Outcome::Posted { post: Arc::clone(post), stamp, created }
    }

    /// Evicts so many channels, none of the `posted` ones; whether they may go.
    fn evict(
        &mut self,
        session: &Session,
        count: usize,
        posted: &[Channel],
        now: Timestamp,
    ) -> bool {
        let goes = |channel: &Channel| {
            !channel.is_built_in()
                && !session.held.contains(channel)
                && !self.never_evicted.contains(channel)
                && !posted.contains(channel)
        };
        let idle = self.kept.iter().filter(|(channel, _)| goes(channel));
        let mut ranks: Vec<_> = idle.map(|(channel, said)| (rank(said), channel.clone())).collect();
        ranks.retain(|((has_several_authors, first, _), _)| {
            !has_several_authors || now.0.saturating_sub(*first) > PROTECTED_MS
        });
        ranks.sort();
        if ranks.len() < count {
            return false;
        }
        for (_, channel) in &ranks[..count] {
            self.kept.retain(|(known, _)| known != channel);
        }
        true
    }

    pub(super) fn page(&self, channel: &Channel, from: Position) -> Page {
        let mut page = Page::default();
        let mut bytes = 0;
        for said in self.said(channel).iter().filter(|said| said.number >= from.0) {
            if page.entries.len() == PAGE_ENTRIES_MAX || bytes >= PAGE_BYTES {
                page.next = Some(Position(said.number));
                break;
            }
            let entry = entry(said);
            bytes += entry.content.text_bytes();
            page.entries.push(entry);
        }
        page
    }
}

/// The channel of the lowest rank is evicted first: whether it has several authors, how
/// many posts, or when it had the latest, and the number of that.
fn rank(said: &VecDeque<Said>) -> (bool, u64, u64) {
    let several = said.iter().any(|other| other.post.author != said[0].post.author);
    let latest = said.back().map_or((0, 0), |latest| (latest.stamp.stored.0, latest.number));
    (several, if several { latest.0 } else { said.len() as u64 }, latest.1)
}

pub(super) fn entry(Said { stamp: Stamp { id, stored }, post, is_deleted, .. }: &Said) -> Entry {
    let content = if *is_deleted { Content::Deleted } else { Content::Text(post.text.clone()) };
    Entry { id: *id, stored: *stored, author: post.author.clone(), content }
}
