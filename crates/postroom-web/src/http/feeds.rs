//! The recent posts of channels that clients are streamed.
//!
//! The event loop tells of a post once; here it is rendered once, kept for a while, and each
//! stream goes on from its own position. A stream that falls behind what is kept reads the
//! history.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use postroom_model::{Channel, PostId, Posted};
use postroom_server::HttpGate;
use tokio::sync::watch;

use super::entry::EntryLine;

/// Posts that are kept of a channel, and their bytes.
const POSTS_MAX: usize = 256;
const BYTES_MAX: usize = 256 << 10;

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
    /// Counts the posts: whoever waits is woken by it.
    told: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    posts: VecDeque<(PostId, Bytes)>,
    bytes: usize,
    /// The latest post that is kept no longer.
    dropped: Option<PostId>,
    streams: usize,
}

/// What a stream is to be told next.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Next {
    /// These events; the last one is of this post.
    Events(Vec<Bytes>, PostId),
    /// What is kept begins behind its position: the history has what is missing.
    Behind,
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
        lock(&feed.kept).streams += 1;
        let (feed, told) = (Arc::clone(feed), feed.told.subscribe());
        Listener { feeds: Arc::clone(self), channel, feed, told }
    }

    /// Takes a post that the event loop tells of.
    pub(super) fn take(&self, posted: &Posted) {
        if let Some(feed) = lock(&self.all).get(&posted.channel) {
            let (stamp, post) = (posted.stamp, posted.post());
            let line = EntryLine::new(stamp.id, stamp.stored, &post.author, &post.text);
            lock(&feed.kept).add(stamp.id, Bytes::from(line.event()));
            feed.told.send_modify(|told| *told += 1);
        }
    }
}

impl Kept {
    fn add(&mut self, id: PostId, event: Bytes) {
        self.bytes += event.len();
        self.posts.push_back((id, event));
        while self.posts.len() > POSTS_MAX || self.bytes > BYTES_MAX {
            let Some((id, event)) = self.posts.pop_front() else {
                break;
            };
            self.bytes -= event.len();
            self.dropped = Some(id);
        }
    }

    fn after(&self, position: PostId, bytes_max: usize) -> Next {
        if self.dropped.is_some_and(|dropped| dropped > position) {
            return Next::Behind;
        }
        let begin = self.posts.partition_point(|(id, _)| *id <= position);
        let (mut events, mut last, mut bytes) = (Vec::new(), position, 0);
        for (id, event) in self.posts.range(begin..) {
            if bytes > 0 && bytes + event.len() > bytes_max {
                break;
            }
            bytes += event.len();
            last = *id;
            events.push(event.clone());
        }
        if events.is_empty() { Next::Nothing } else { Next::Events(events, last) }
    }
}

impl Listener {
    /// What follows a position, as many bytes as this or one event.
    pub(super) fn after(&mut self, position: PostId, bytes_max: usize) -> Next {
        self.told.mark_unchanged();
        lock(&self.feed.kept).after(position, bytes_max)
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

    fn event(text: &str) -> Bytes {
        Bytes::from(text.to_owned())
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
        assert_eq!(kept.after(PostId(8), 100), Next::Behind);
        assert!(matches!(kept.after(PostId(9), 100), Next::Events(..)));
        kept.add(PostId(1_000), Bytes::from(vec![b'x'; BYTES_MAX]));
        assert_eq!(kept.posts.len(), 1);
    }
}
