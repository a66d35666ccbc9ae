//! The recent posts of channels that clients are streamed.
//!
//! The event loop tells of a post once; here it is rendered once, kept for a while, and each
//! stream goes on from its own position. A stream that falls behind what is kept reads the
//! history.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use postroom_model::{Channel, PostId, Posted};
use postroom_server::HttpGate;
use tokio::sync::watch;

use super::event::{EntryLine, Event};

/// Posts that are kept of a channel, and their bytes.
const POSTS_MAX: usize = 256;
const BYTES_MAX: usize = 256 << 10;
/// Deletions that are kept of a channel, for the streams that have told the post before. A
/// stream that is further behind misses the earliest.
const DELETIONS_MAX: usize = 64;

/// The channels that are streamed.
#[derive(Debug)]
pub(super) struct Feeds {
    gate: HttpGate,
    all: Mutex<HashMap<Channel, Arc<Feed>>>,
}

/// The recent posts of a channel.
#[derive(Debug)]
pub(super) struct Feed {
    kept: Mutex<Kept>,
    /// Counts the posts and deletions: whoever waits is woken by it.
    told: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    posts: VecDeque<(PostId, Event)>,
    bytes: usize,
    /// The latest post that is kept no longer.
    dropped: Option<PostId>,
    /// The latest posts that were deleted, and how many there were before them.
    deleted: VecDeque<Deleted>,
    deleted_before: usize,
    /// How often the channel was private and was deleted.
    gone: usize,
    streams: usize,
}

/// A post that was deleted.
#[derive(Clone, Copy, Debug)]
struct Deleted {
    id: PostId,
    /// The channel was private: only those who could read it are told.
    is_private: bool,
}

/// What a stream is to be told next.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Next {
    /// These events, up to this post.
    Events(Vec<Event>, PostId),
    /// What is kept begins behind its position: the history has what is missing, up to this
    /// post.
    Behind(PostId),
    /// The channel was private, and is deleted.
    Gone,
    /// Nothing yet.
    Nothing,
}

/// A stream of a channel.
#[derive(Debug)]
pub(super) struct Listener {
    feeds: Arc<Feeds>,
    channel: Channel,
    feed: Arc<Feed>,
    told: watch::Receiver<u64>,
    /// Deletions that it knows.
    deletions: usize,
    gone: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it has a lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Feeds {
    pub(super) fn new(gate: HttpGate) -> Self {
        Self { gate, all: Mutex::default() }
    }

    /// Begins a stream of a channel: it is told of all posts that are stored from now on.
    pub(super) fn listen(self: &Arc<Self>, channel: Channel) -> Listener {
        let mut all = lock(&self.all);
        let feed = all.entry(channel.clone()).or_insert_with(|| {
            self.gate.watch(channel.clone(), true);
            Arc::new(Feed { kept: Mutex::default(), told: watch::channel(0).0 })
        });
        let mut kept = lock(&feed.kept);
        kept.streams += 1;
        let (deletions, gone) = (kept.deletions(), kept.gone);
        drop(kept);
        let (feed, told) = (Arc::clone(feed), feed.told.subscribe());
        Listener { feeds: Arc::clone(self), channel, feed, told, deletions, gone }
    }

    /// Takes a post that the event loop tells of.
    pub(super) fn take(&self, posted: &Posted) {
        let (stamp, post) = (posted.stamp, posted.post());
        self.change(&posted.channel, |kept| {
            let line = EntryLine::new(stamp.id, stamp.stored, &post.author, &post.text);
            kept.add(stamp.id, Event::post(line));
        });
    }

    /// Takes a post in a private channel: each stream asks the history for it, which tells it
    /// to those who may read it.
    pub(super) fn withhold(&self, channel: &Channel, id: PostId) {
        self.change(channel, |kept| kept.withhold(id));
    }

    /// A post is deleted: who was not told of it yet is told that instead.
    pub(super) fn delete(&self, channel: &Channel, id: PostId, is_private: bool) {
        self.change(channel, |kept| kept.delete(Deleted { id, is_private }));
    }

    /// A private channel is deleted.
    pub(super) fn end(&self, channel: &Channel) {
        self.change(channel, |kept| kept.gone += 1);
    }

    fn change(&self, channel: &Channel, change: impl FnOnce(&mut Kept)) {
        if let Some(feed) = lock(&self.all).get(channel) {
            change(&mut lock(&feed.kept));
            feed.told.send_modify(|told| *told += 1);
        }
    }
}

impl Kept {
    fn add(&mut self, id: PostId, event: Event) {
        self.bytes += event.rendered().len();
        self.posts.push_back((id, event));
        while self.posts.len() > POSTS_MAX || self.bytes > BYTES_MAX {
            let Some((id, event)) = self.posts.pop_front() else {
                break;
            };
            self.bytes -= event.rendered().len();
            self.dropped = Some(id);
        }
    }

    fn withhold(&mut self, id: PostId) {
        self.posts.clear();
        self.bytes = 0;
        self.dropped = Some(id);
    }

    fn delete(&mut self, deleted: Deleted) {
        let id = deleted.id;
        if let Ok(at) = self.posts.binary_search_by_key(&id, |(id, _)| *id) {
            let event = &mut self.posts[at].1;
            self.bytes -= event.rendered().len();
            *event = Event::deleted_instead(id);
            self.bytes += event.rendered().len();
        }
        self.deleted.push_back(deleted);
        if self.deleted.len() > DELETIONS_MAX {
            self.deleted.pop_front();
            self.deleted_before += 1;
        }
    }

    fn deletions(&self) -> usize {
        self.deleted_before + self.deleted.len()
    }

    /// The deletions behind so many, of posts up to this one, for a stream that could read a
    /// private channel or not.
    fn deleted(
        &self,
        known: usize,
        position: PostId,
        reads_private: bool,
    ) -> impl Iterator<Item = Event> {
        let deleted = self.deleted.iter().skip(known.saturating_sub(self.deleted_before));
        let told = deleted.filter(move |of| of.id <= position && (reads_private || !of.is_private));
        told.map(|of| Event::deleted_later(of.id))
    }

    /// What a stream is told at a position that knows so many deletions.
    fn next(&self, known: usize, position: PostId, bytes_max: usize, reads_private: bool) -> Next {
        let mut deleted: Vec<_> = self.deleted(known, position, reads_private).collect();
        match self.after(position, bytes_max) {
            Next::Events(events, last) => {
                deleted.extend(events);
                Next::Events(deleted, last)
            }
            Next::Nothing if !deleted.is_empty() => Next::Events(deleted, position),
            next => next,
        }
    }

    fn after(&self, position: PostId, bytes_max: usize) -> Next {
        if let Some(dropped) = self.dropped.filter(|dropped| *dropped > position) {
            return Next::Behind(dropped);
        }
        let begin = self.posts.partition_point(|(id, _)| *id <= position);
        let (mut events, mut last, mut bytes) = (Vec::new(), position, 0);
        for (id, event) in self.posts.range(begin..) {
            let length = event.rendered().len();
            if bytes > 0 && bytes + length > bytes_max {
                break;
            }
            bytes += length;
            last = *id;
            events.push(event.clone());
        }
        if events.is_empty() { Next::Nothing } else { Next::Events(events, last) }
    }
}

impl Listener {
    /// What follows a position, as many bytes as this or one event, for a stream that could
    /// read a private channel or not.
    pub(super) fn after(
        &mut self,
        position: PostId,
        bytes_max: usize,
        reads_private: bool,
    ) -> Next {
        self.told.mark_unchanged();
        let kept = lock(&self.feed.kept);
        if self.gone < kept.gone {
            self.gone = kept.gone;
            return Next::Gone;
        }
        let next = kept.next(self.deletions, position, bytes_max, reads_private);
        // What it reads before it comes back may be deleted meanwhile.
        if !matches!(next, Next::Behind(_)) {
            self.deletions = kept.deletions();
        }
        next
    }

    /// Waits until there is more than when [`after`](Self::after) was called last.
    pub(super) async fn more(&mut self) {
        // Its feed is there as long as it.
        let _ = self.told.changed().await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut all = lock(&self.feeds.all);
        let mut kept = lock(&self.feed.kept);
        kept.streams -= 1;
        if kept.streams == 0 {
            all.remove(&self.channel);
            self.feeds.gate.watch(self.channel.clone(), false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> Event {
        Event::of_text(text)
    }

    #[test]
    fn a_stream_goes_on_from_its_position_or_is_behind() {
        let mut kept = Kept::default();
        assert_eq!(kept.after(PostId(0), 100), Next::Nothing);
        for id in [3, 5, 9] {
            kept.add(PostId(id), event("12345"));
        }
        let events = |count| vec![event("12345"); count];
        assert_eq!(kept.after(PostId(0), 100), Next::Events(events(3), PostId(9)));
        assert_eq!(kept.after(PostId(3), 100), Next::Events(events(2), PostId(9)));
        assert_eq!(kept.after(PostId(4), 9), Next::Events(events(1), PostId(5)));
        assert_eq!(kept.after(PostId(4), 1), Next::Events(events(1), PostId(5)));
        assert_eq!(kept.after(PostId(9), 100), Next::Nothing);
        for id in 10..10 + POSTS_MAX as u64 {
            kept.add(PostId(id), event("x"));
        }
        assert_eq!(kept.posts.len(), POSTS_MAX);
        assert_eq!(kept.after(PostId(8), 100), Next::Behind(PostId(9)));
        assert!(matches!(kept.after(PostId(9), 100), Next::Events(..)));
        kept.add(PostId(1_000), event(&"x".repeat(BYTES_MAX)));
        assert_eq!(kept.posts.len(), 1);
        kept.withhold(PostId(1_001));
        assert_eq!(kept.after(PostId(1_000), 100), Next::Behind(PostId(1_001)));
        assert_eq!(kept.after(PostId(1_001), 100), Next::Nothing);
    }

    #[test]
    fn a_stream_is_told_of_a_deletion_instead_of_the_post_or_after_it() {
        let mut kept = Kept::default();
        for id in [3, 5, 9] {
            kept.add(PostId(id), event("secret"));
        }
        let bytes = kept.bytes;
        let public = |id| Deleted { id: PostId(id), is_private: false };
        kept.delete(public(5));
        kept.delete(public(1));
        let told = |known, position| match kept.next(known, PostId(position), 1_000, false) {
            Next::Events(events, last) => {
                let events: Vec<_> = events.iter().map(|event| &event.rendered()[..]).collect();
                let events = String::from_utf8(events.concat()).unwrap();
                (events.replace(":\"p000000000000", ":\"").replace(": p000000000000", ": "), last.0)
            }
            next => (format!("{next:?}"), 0),
        };
        let data = |id| format!("{{\"event\":\"deleted\",\"id\":\"{id}\"}}");
        let later = |id| format!("event: deleted\ndata: {}\n\n", data(id));
        let instead = format!("id: 5\n{}", later(5));
        assert_eq!(kept.bytes, bytes - 6 + kept.posts[1].1.rendered().len());
        assert_eq!(told(0, 0), (format!("secret{instead}secret"), 9), "1 is not kept");
        assert_eq!(told(0, 3), (format!("{}{instead}secret", later(1)), 9));
        assert_eq!(told(0, 5), (format!("{}{}secret", later(5), later(1)), 9));
        assert_eq!(told(0, 9), (later(5) + &later(1), 9));
        assert_eq!(told(1, 9), (later(1), 9));
        assert_eq!(told(2, 9), ("Nothing".to_owned(), 0));
        for id in 10..10 + DELETIONS_MAX as u64 {
            kept.delete(public(id));
        }
        assert_eq!((kept.deleted.len(), kept.deletions()), (DELETIONS_MAX, DELETIONS_MAX + 2));
        assert_eq!(
            kept.deleted(0, PostId(9), false).count(),
            0,
            "a stream so far behind misses them"
        );
        assert_eq!(kept.deleted(0, PostId(99), false).count(), DELETIONS_MAX);
        assert_eq!(kept.deleted(DELETIONS_MAX + 1, PostId(99), false).count(), 1);
        kept.delete(Deleted { id: PostId(9), is_private: true });
        let latest = |reads_private| kept.deleted(DELETIONS_MAX + 2, PostId(99), reads_private);
        assert_eq!((latest(false).count(), latest(true).count()), (0, 1));
    }
}
