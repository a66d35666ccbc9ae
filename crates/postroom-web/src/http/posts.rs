//! Streams of the posts of a channel.

use std::sync::Arc;

use futures_util::stream;
use postroom_model::{Channel, PostId, Timestamp};
use postroom_store::{HISTORY_ENTRIES_MAX, HistoryFrom, HistoryPage, HistoryQuery, HistoryRows};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::connection::{Client, Common};
use super::event::{EntryLine, Event};
use super::feeds::{Listener, Next};
use super::link::Session;
use super::problem::Problem;
use super::reply::not_replied;
use super::stream::left;
use super::streams::{HEARTBEAT, Place, Telling, Told};
use crate::places::Held;

/// Bytes that a stream is told at a time.
const TOLD_BYTES: usize = 16 << 10;

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
    /// When it has read them, it has been told everything up to this post.
    behind_to: PostId,
    /// The channel is private, and its session could read it last.
    is_private: bool,
    /// That was so once.
    was_private: bool,
    socket: Arc<TcpStream>,
    /// The connection waits for something as long as this.
    _held: Held,
    _place: Place,
}

/// The posts of a channel behind this one, or from now on, for ever.
pub(super) async fn follow(
    client: &Client,
    session: Arc<Session>,
    channel: Channel,
    after: Option<PostId>,
    held: Held,
) -> Result<Telling, Problem> {
    let common = client.common();
    let place = Place::take(common, &session)?;
    // From now on it is told of what is stored; what is stored already, the history has.
    let listener = common.feeds.listen(channel.clone());
    let mut posts = Posts {
        common: Arc::clone(common),
        session: Arc::clone(&session),
        channel,
        listener,
        position: after.unwrap_or(PostId(0)),
        is_behind: after.is_some(),
        behind_to: PostId(0),
        is_private: false,
        was_private: false,
        socket: Arc::clone(client.socket()),
        _held: held,
        _place: place,
    };
    if after.is_none() {
        posts.position = posts.latest().await?;
    }
    let next = |mut posts: Posts| async move {
        let told = posts.next().await?;
        Some((told, posts))
    };
    Ok(Telling { session, told: Box::pin(stream::unfold(posts, next)), confirmed: Arc::default() })
}

impl Posts {
    async fn latest(&mut self) -> Result<PostId, Problem> {
        let page = self.page(HistoryFrom::Latest, 1).await?;
        Ok(page.entries.first().map_or(PostId(0), |entry| entry.id))
    }

    async fn page(&mut self, from: HistoryFrom, count: usize) -> Result<HistoryPage, Problem> {
        let query = HistoryQuery { channel: self.channel.clone(), from, count };
        let rows = self.session.history(query).await.map_err(not_replied)?;
        self.is_private = rows.is_private();
        self.was_private |= self.is_private;
        page_of(&self.common, rows).await
    }

    /// What comes next; `None` at the end of the stream.
    async fn next(&mut self) -> Option<Told> {
        loop {
            if self.session.has_ended() {
                return None;
            }
            if self.is_behind {
                let events = self.read().await?;
                if !events.is_empty() {
                    return Some(Told::Events(events));
                }
                continue;
            }
            match self.listener.after(self.position, TOLD_BYTES, self.is_private) {
                Next::Events(events, last) => {
                    self.position = last;
                    return Some(Told::Events(events));
                }
                Next::Behind(to) => (self.is_behind, self.behind_to) = (true, to),
                // What is said under its name from now on, anyone may read.
                Next::Gone if self.was_private => return None,
                Next::Gone => {}
                Next::Nothing => tokio::select! {
                    () = self.listener.more() => {}
                    () = self.session.ended() => {}
                    () = self.common.stopped() => return None,
                    () = left(&self.socket) => return None,
                    () = sleep(HEARTBEAT) => return Some(Told::Quiet),
                },
            }
        }
    }

    /// Reads a page of the history; `None` if it cannot be read: the client comes again, and
    /// goes on where it stopped.
    async fn read(&mut self) -> Option<Vec<Event>> {
        let after = HistoryFrom::After(self.position);
        let page = self.page(after, HISTORY_ENTRIES_MAX).await.ok()?;
        self.is_behind = page.next.is_some();
        let mut events = Vec::with_capacity(page.entries.len());
        for entry in page.entries {
            self.position = self.position.max(entry.id);
            events.push(Event::post(EntryLine::of(&entry)));
        }
        if let Some(HistoryFrom::At(PostId(next))) = page.next {
            // Posts before it that were removed meanwhile are passed, too.
            self.position = self.position.max(PostId(next.saturating_sub(1)));
        }
        if !self.is_behind {
            // What the page does not have was removed, or is not for this client.
            self.position = self.position.max(self.behind_to);
        }
        Some(events)
    }
}

/// Reads a page of a channel's history.
pub(super) async fn read_page(
    common: &Common,
    session: &Session,
    query: HistoryQuery,
) -> Result<HistoryPage, Problem> {
    let rows = session.history(query).await.map_err(not_replied)?;
    page_of(common, rows).await
}

async fn page_of(common: &Common, rows: HistoryRows) -> Result<HistoryPage, Problem> {
    let page = common.read(move |history| history.page(&rows)).await?;
    if !page.damaged.is_empty() {
        common.link.damaged(page.damaged.clone());
    }
    Ok(page)
}

/// Where the posts begin that were stored at a time or later.
pub(super) async fn since(common: &Common, time: Timestamp) -> Result<HistoryFrom, Problem> {
    common.read(move |history| history.first_at(time)).await.map(HistoryFrom::At)
}
