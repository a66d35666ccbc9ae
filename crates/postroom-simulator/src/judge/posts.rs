//! Posts of a channel have one order for all; members miss none without being told.

use std::collections::{BTreeMap, BTreeSet};

use super::Visit;
use super::histories::Histories;
use crate::texts::{Place, TextId, Written};

/// A client that follows a channel, for as long as it does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Observer(usize);

#[derive(Debug)]
struct Watch {
    visit: Visit,
    /// The account whose posts are its own, which it is not told.
    account: Option<&'static str>,
    channel: &'static str,
    /// When it asked for them: it may be told of posts from then on.
    asked: u64,
    /// From when on it is told of all posts.
    since: Option<u64>,
    has_ended: bool,
    posts: Vec<TextId>,
    /// Posts that it was told to have missed.
    missed: usize,
    /// It need not be told of all.
    is_lossy: bool,
}

/// All channels.
#[derive(Debug, Default)]
pub(crate) struct Posts {
    watches: Vec<Watch>,
    pub(crate) histories: Histories,
    /// What was read of the channels in the end.
    timelines: Vec<(&'static str, Vec<TextId>)>,
}

impl Posts {
    /// A client asked at this moment to follow a channel; of a lossy one it is told some
    /// posts alone.
    pub(crate) fn follow(
        &mut self,
        (visit, account): (Visit, Option<&'static str>),
        channel: &'static str,
        asked: u64,
        is_lossy: bool,
    ) -> Observer {
        self.watches.push(Watch {
            visit,
            account,
            channel,
            asked,
            since: None,
            has_ended: false,
            posts: Vec::new(),
            missed: 0,
            is_lossy,
        });
        Observer(self.watches.len() - 1)
    }

    /// From now on the client is told of all posts.
    pub(crate) fn follows(&mut self, observer: Observer, at: u64) {
        self.watches[observer.0].since.get_or_insert(at);
    }

    /// The client is told of a post.
    pub(crate) fn seen(&mut self, texts: &[Written], observer: Observer, id: TextId) {
        let watch = &mut self.watches[observer.0];
        assert!(!watch.posts.contains(&id), "{:?} is told of {id:?} twice", watch.visit);
        let place = &texts[id.0].place;
        let is_of_it = matches!(place, Place::Channels(of) if of.contains(&watch.channel));
        assert!(is_of_it, "{:?} is told of {id:?} in {}: {place:?}", watch.visit, watch.channel);
        watch.posts.push(id);
    }

    /// The client is told that it has missed so many.
    pub(crate) fn missed(&mut self, observer: Observer, posts: usize) {
        self.watches[observer.0].missed += posts;
    }

    /// The client follows the channel no more.
    pub(crate) fn unfollowed(&mut self, observer: Observer) {
        self.watches[observer.0].has_ended = true;
    }

    /// A client has left, or lost its connection.
    pub(crate) fn ended(&mut self, visit: Visit) {
        for watch in self.watches.iter_mut().filter(|watch| watch.visit == visit) {
            watch.has_ended = true;
        }
    }

    /// The process has ended; a client may learn of it much later.
    pub(super) fn all_gone(&mut self) {
        for watch in &mut self.watches {
            watch.has_ended = true;
        }
    }

    /// A post was not stored: nobody may have seen it.
    pub(super) fn check_refused(&self, id: TextId) {
        let by = self.watches.iter().find(|watch| watch.posts.contains(&id));
        assert!(by.is_none(), "{id:?} is refused and was seen by {by:?}");
        let is_read = self.histories.texts().any(|read| *read == id);
        assert!(!is_read, "{id:?} is refused and was read");
    }

    /// All posts that a channel keeps, the oldest first, and how many it may keep.
    pub(crate) fn check_timeline(
        &mut self,
        texts: &[Written],
        channel: &'static str,
        kept: Vec<TextId>,
        most: usize,
    ) {
        assert!(kept.len() <= most, "{channel} keeps {} of {most} posts", kept.len());
        let is_in = |written: &Written| matches!(&written.place, Place::Channels(of) if of.contains(&channel));
        let told = self.watches.iter().flat_map(|watch| &watch.posts);
        let shown: BTreeSet<_> = told.chain(self.histories.texts()).collect();
        let oldest = kept.first().map(|id| &texts[id.0]);
        for (number, written) in texts.iter().enumerate().filter(|(_, written)| is_in(written)) {
            let id = TextId(number);
            // Posts before the oldest of a full channel are deleted.
            let may_be_deleted = kept.len() == most
                && !oldest.is_some_and(|oldest| {
                    oldest.acknowledged_at().is_some_and(|at| at < written.begun)
                });
            let is_stored = written.acknowledged_at().is_some() || shown.contains(&id);
            assert!(
                !is_stored || may_be_deleted || kept.contains(&id),
                "{id:?} was stored or shown, and is not in {channel}"
            );
            assert!(!kept.contains(&id) || !written.is_refused(), "{id:?} is refused and kept");
        }
        self.timelines.push((channel, kept));
    }

    /// A client that asked at this moment is shown the latest text of a channel, or that
    /// there is none.
    pub(crate) fn check_latest(
        texts: &[Written],
        channel: &str,
        shown: Option<TextId>,
        asked: u64,
    ) {
        let is_in = |written: &&Written| matches!(&written.place, Place::Channels(of) if of.contains(&channel));
        let before = |written: &&Written| written.acknowledged_at().is_some_and(|at| at <= asked);
        let shown_at = shown.map(|id| texts[id.0].acknowledged_at().unwrap_or(u64::MAX));
        for later in texts.iter().filter(is_in).filter(before) {
            let is_stale = shown_at.is_none_or(|at| at < later.begun);
            assert!(
                !is_stale,
                "{shown:?} is the latest of {channel}, and {} came later",
                later.shown
            );
        }
    }

    /// Everyone has been told all that there is to be told.
    pub(crate) fn check(&self, texts: &[Written]) {
        let channels: BTreeSet<_> = self.watches.iter().map(|watch| watch.channel).collect();
        for channel in channels {
            self.check_order(texts, channel);
        }
        for watch in self.watches.iter().filter(|watch| !watch.is_lossy) {
            check_told(texts, watch);
        }
    }

    /// What everyone was told of a channel fits one order, in which a post that was
    /// acknowledged before another was begun comes first.
    fn check_order(&self, texts: &[Written], channel: &'static str) {
        let watched = self.watches.iter().filter(|watch| watch.channel == channel);
        let kept = self.timelines.iter().filter(|(of, _)| *of == channel).map(|(_, kept)| kept);
        let sequences: Vec<&Vec<TextId>> = watched.map(|watch| &watch.posts).chain(kept).collect();
        let mut after: BTreeMap<TextId, BTreeSet<TextId>> = BTreeMap::new();
        for sequence in &sequences {
            for id in *sequence {
                after.entry(*id).or_default();
            }
            for pair in sequence.windows(2) {
                after.entry(pair[0]).or_default().insert(pair[1]);
            }
        }
        let ids: Vec<TextId> = after.keys().copied().collect();
        for first in &ids {
            let Some(at) = texts[first.0].acknowledged_at() else {
                continue;
            };
            let later = ids.iter().filter(|id| texts[id.0].begun > at);
            after.entry(*first).or_default().extend(later);
        }
        let mut before: BTreeMap<TextId, usize> = ids.iter().map(|id| (*id, 0)).collect();
        for id in after.values().flatten() {
            *before.entry(*id).or_default() += 1;
        }
        let mut free: Vec<TextId> = ids.iter().copied().filter(|id| before[id] == 0).collect();
        let mut ordered = 0;
        while let Some(first) = free.pop() {
            ordered += 1;
            for id in &after[&first] {
                let count = before.entry(*id).or_default();
                *count -= 1;
                if *count == 0 {
                    free.push(*id);
                }
            }
        }
        assert_eq!(ordered, ids.len(), "{channel} has no order that fits {sequences:?}");
    }
}

/// A client that follows a channel is told of each post, or of how many it has missed.
fn check_told(texts: &[Written], watch: &Watch) {
    let Watch { visit, account, channel, asked, since, posts, missed, .. } = watch;
    let Some(since) = *since else {
        return;
    };
    let last = posts.last().map(|id| texts[id.0].begun);
    let (mut untold, mut may_be_untold) = (Vec::new(), 0);
    for (number, written) in texts.iter().enumerate() {
        let id = TextId(number);
        let is_in = matches!(&written.place, Place::Channels(of) if of.contains(channel));
        if !is_in || *account == Some(written.author) || written.is_refused() || posts.contains(&id)
        {
            continue;
        }
        let acknowledged = written.acknowledged_at();
        may_be_untold += usize::from(acknowledged.is_none_or(|at| at >= *asked));
        // What came last may have been lost with the connection.
        let is_due =
            acknowledged.is_some_and(|at| !watch.has_ended || last.is_some_and(|last| at < last));
        if is_due && written.begun > since {
            untold.push(id);
        }
    }
    assert!(
        untold.len() <= *missed,
        "{visit:?} is not told of {untold:?} in {channel}, but of {missed} that it missed"
    );
    assert!(
        *missed <= may_be_untold,
        "{visit:?} is told in {channel} to have missed {missed} posts of {may_be_untold}"
    );
}
