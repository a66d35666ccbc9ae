//! Streams of posts, as server-sent events (HTML Living Standard, 9.2).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;
use postroom_model::{Channel, PostId, Timestamp};
use postroom_store::{HISTORY_ENTRIES_MAX, HistoryFrom, HistoryPage, HistoryQuery};
use tokio::time::sleep;

use super::connection::{Client, Common};
use super::entry::EntryLine;
use super::feeds::{Listener, Next};
use super::link::{NoReply, Session};
use super::problem::{Problem, TOO_MANY_STREAMS};
use super::reply::{not_replied, unreadable};
use crate::places::Held;

/// Streams of an account.
const OF_ACCOUNT_MAX: usize = 64;
/// A stream that has nothing to say says so after this long: else nobody knows that it is there.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Bytes that a stream is told at a time.
const TOLD_BYTES: usize = 16 << 10;

/// How many streams there are.
#[derive(Debug)]
pub(super) struct Streams {
    most: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    of_accounts: HashMap<String, usize>,
}

/// The place of a stream, which it gives up when this is dropped.
struct Place {
    common: Arc<Common>,
    account: String,
}

impl Streams {
    pub(super) fn new(most: usize) -> Self {
        Self { most, open: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Nothing panics while it has the lock.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, account: &str) -> Result<(), Problem> {
        let mut open = self.lock();
        let of_account = open.of_accounts.get(account).copied().unwrap_or_default();
        if of_account >= OF_ACCOUNT_MAX {
            let detail = format!("an account has at most {OF_ACCOUNT_MAX} streams");
            return Err(Problem::new(&TOO_MANY_STREAMS, detail).later(30));
        }
        if open.all >= self.most {
            let detail = "the server has as many streams as it may have";
            return Err(Problem::new(&TOO_MANY_STREAMS, detail).later(30));
        }
        open.all += 1;
        *open.of_accounts.entry(account.to_owned()).or_default() += 1;
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.common.streams.lock();
        open.all -= 1;
        if let Some(of_account) = open.of_accounts.get_mut(&self.account) {
            *of_account -= 1;
            if *of_account == 0 {
                open.of_accounts.remove(&self.account);
            }
        }
    }
}

/// A stream of the posts of a channel.
struct Posts {
    common: Arc<Common>,
    session: Arc<Session>,
    channel: Channel,
    listener: Listener,
    /// It has been told everything up to this post.
    position: PostId,
    /// The history has posts behind that.
    is_behind: bool,
    has_begun: bool,
    client: Arc<Client>,
    /// The connection waits for something as long as this.
    _held: Held,
    _place: Place,
}

/// The posts of a channel behind this one, or from now on, for ever.
pub(super) async fn posts(
    client: &Arc<Client>,
    session: Arc<Session>,
    channel: Channel,
    after: Option<PostId>,
    held: Held,
) -> Result<Body, Problem> {
    let common = client.common();
    common.streams.take(session.account())?;
    let account = session.account().to_owned();
    let place = Place { common: Arc::clone(common), account };
    // From now on it is told of what is stored; what is stored already, the history has.
    let listener = common.feeds.listen(channel.clone());
    let mut posts = Posts {
        common: Arc::clone(common),
        session,
        channel,
        listener,
        position: after.unwrap_or(PostId(0)),
        is_behind: after.is_some(),
        has_begun: false,
        client: Arc::clone(client),
        _held: held,
        _place: place,
    };
    if after.is_none() {
        posts.position = posts.latest().await?;
    }
    let next = |mut posts: Posts| async move {
        let bytes = posts.next().await?;
        Some((Ok::<_, std::convert::Infallible>(bytes), posts))
    };
    Ok(Body::from_stream(stream::unfold(posts, next)))
}

impl Posts {
    async fn latest(&self) -> Result<PostId, Problem> {
        let page = self.page(HistoryFrom::Latest, 1).await?;
        Ok(page.entries.first().map_or(PostId(0), |entry| entry.id))
    }

    async fn page(&self, from: HistoryFrom, count: usize) -> Result<HistoryPage, Problem> {
        let query = HistoryQuery { channel: self.channel.clone(), from, count };
        read_page(&self.common, &self.session, query).await
    }

    /// What comes next; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.has_begun, true) {
            return Some(Bytes::from_static(b"retry: 1000\n\n"));
        }
        loop {
            if self.session.has_ended() {
                return None;
            }
            if self.is_behind {
                let events = self.read().await?;
                if !events.is_empty() {
                    return Some(events);
                }
                continue;
            }
            match self.listener.after(self.position, TOLD_BYTES) {
                Next::Events(events, last) => {
                    self.position = last;
                    return Some(joined(events));
                }
                Next::Behind => self.is_behind = true,
                Next::Nothing => tokio::select! {
                    () = self.listener.more() => {}
                    () = self.session.ended() => {}
                    () = self.common.stopped() => return None,
                    () = self.client.left() => return None,
                    () = sleep(HEARTBEAT) => return Some(Bytes::from_static(b":\n\n")),
                },
            }
        }
    }

    /// Reads a page of the history; `None` if it cannot be read: the client comes again, and
    /// goes on where it stopped.
    async fn read(&mut self) -> Option<Bytes> {
        let after = HistoryFrom::After(self.position);
        let page = self.page(after, HISTORY_ENTRIES_MAX).await.ok()?;
        self.is_behind = page.next.is_some();
        let mut events = String::new();
        for entry in page.entries {
            self.position = self.position.max(entry.id);
            events += &EntryLine::of(&entry).event();
        }
        if let Some(HistoryFrom::At(PostId(next))) = page.next {
            // Posts before it that were removed meanwhile are passed, too.
            self.position = self.position.max(PostId(next.saturating_sub(1)));
        }
        Some(Bytes::from(events))
    }
}

fn joined(events: Vec<Bytes>) -> Bytes {
    match <[Bytes; 1]>::try_from(events) {
        Ok([event]) => event,
        Err(events) => Bytes::from(events.concat()),
    }
}

/// Reads a page of a channel's history.
pub(super) async fn read_page(
    common: &Common,
    session: &Session,
    query: HistoryQuery,
) -> Result<HistoryPage, Problem> {
    let rows = session.history(query).await.map_err(not_replied)?;
    let page = common.histories.page(rows).await.ok_or_else(|| not_replied(NoReply::Ended))?;
    let page = page.map_err(|failure| unreadable(&failure))?;
    if !page.damaged.is_empty() {
        common.link.damaged(page.damaged.clone());
    }
    Ok(page)
}

/// Where the posts begin that were stored at a time or later.
pub(super) async fn since(common: &Common, time: Timestamp) -> Result<HistoryFrom, Problem> {
    let first = common.histories.first_at(time).await;
    let first = first.ok_or_else(|| not_replied(NoReply::Ended))?;
    first.map(HistoryFrom::At).map_err(|failure| unreadable(&failure))
}
