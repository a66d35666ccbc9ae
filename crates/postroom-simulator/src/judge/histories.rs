//! The history of channels: a post has one id, and pages miss none.

use std::collections::BTreeMap;

use postroom_model::{PostId, Stamp};
use postroom_store::HistoryFrom;

use crate::reader::Question;
use crate::texts::{Place, TextId, Written};

/// A page that a reader has read, in ascending order.
#[derive(Debug)]
struct Read {
    channel: &'static str,
    posts: Vec<PostId>,
}

/// What readers have seen of all channels.
#[derive(Debug, Default)]
pub(crate) struct Histories {
    /// The text and the time of each post.
    posts: BTreeMap<PostId, (TextId, Stamp)>,
    ids: BTreeMap<TextId, PostId>,
    pages: Vec<Read>,
}

impl Histories {
    /// A page was read.
    pub(crate) fn read(
        &mut self,
        texts: &[Written],
        Question { channel, from, count }: Question,
        page: &[(TextId, Stamp)],
    ) {
        assert!(page.len() <= count, "{} posts are read of {channel}, not {count}", page.len());
        for (text, stamp) in page {
            self.name(texts, channel, *text, *stamp);
        }
        let mut posts: Vec<PostId> = page.iter().map(|(_, stamp)| stamp.id).collect();
        if matches!(from, HistoryFrom::Before(_) | HistoryFrom::Latest) {
            posts.reverse();
        }
        assert!(posts.is_sorted_by(|one, other| one < other), "{channel} is read as {page:?}");
        let (first, last) = (posts.first(), posts.last());
        let begins = match from {
            HistoryFrom::Oldest | HistoryFrom::Latest => true,
            HistoryFrom::At(id) => first.is_none_or(|first| *first >= id),
            HistoryFrom::After(id) => first.is_none_or(|first| *first > id),
            HistoryFrom::Before(id) => last.is_none_or(|last| *last < id),
        };
        assert!(begins, "{channel} is read from {from:?} as {page:?}");
        self.pages.push(Read { channel, posts });
    }

    /// A post has an id and a time, and no other.
    fn name(&mut self, texts: &[Written], channel: &str, text: TextId, stamp: Stamp) {
        let place = &texts[text.0].place;
        let is_in = matches!(place, Place::Channels(of) if of.contains(&channel));
        assert!(is_in, "{text:?} is in {place:?}, and read in {channel}");
        let known = self.posts.entry(stamp.id).or_insert((text, stamp));
        assert!(*known == (text, stamp), "{text:?} has {stamp:?}, which is that of {known:?}");
        let id = self.ids.entry(text).or_insert(stamp.id);
        assert!(*id == stamp.id, "{text:?} is {}, and read as {}", *id, stamp.id);
    }

    /// The id of some post, if one was read.
    pub(crate) fn some_id(&self, place: usize) -> Option<PostId> {
        self.posts.keys().nth(place.checked_rem(self.posts.len())?).copied()
    }

    /// The texts that were read.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &TextId> {
        self.ids.keys()
    }

    /// Of the posts of a channel, the ids are in the order of their acknowledgements, and a
    /// page has all whose ids are between its first and its last.
    pub(crate) fn check(&self, texts: &[Written], channel: &'static str, has_gaps: bool) {
        let is_in = |text: &TextId| matches!(&texts[text.0].place, Place::Channels(of) if of.contains(&channel));
        let posts: Vec<_> = self.posts.iter().filter(|(_, (text, _))| is_in(text)).collect();
        let mut latest_begun = (0, None);
        for (id, (text, _)) in &posts {
            let Written { begun, .. } = &texts[text.0];
            let acknowledged = texts[text.0].acknowledged_at().unwrap_or(u64::MAX);
            let (begun_before, before) = latest_begun;
            assert!(acknowledged >= begun_before, "{id} of {channel} was before {before:?}");
            latest_begun = latest_begun.max((*begun, Some(**id)));
        }
        for Read { posts: read, .. } in
            self.pages.iter().filter(|page| page.channel == channel && !has_gaps)
        {
            if let (Some(first), Some(last)) = (read.first(), read.last()) {
                let between = posts.iter().map(|(id, _)| **id);
                let between: Vec<_> = between.filter(|id| first <= id && id <= last).collect();
                assert!(*read == between, "{channel} has {between:?}, and is read as {read:?}");
            }
        }
    }
}
