//! Channels: to post in one, to read what it has, and to be told of what comes.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::Extension;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use postroom_model::{Channel, Repeated, Reply, Request, Stamp};
use postroom_store::{HISTORY_ENTRIES_MAX, HistoryFrom, HistoryQuery};
use serde::{Deserialize, Serialize};

use super::caller::{Caller, Reader, Shared};
use super::parse;
use super::query::{Path, Query, StreamArguments};
use super::stored::{Stored, Storing};
use crate::api::Time;
use crate::http::connection::Client;
use crate::http::event::EntryLine;
use crate::http::posts;
use crate::http::problem::{Problem, VALUE};
use crate::http::reply::{
    not_deleted, not_posted, not_replied, unavailable, unexpected, unknown, wrong_credentials,
};
use crate::http::websocket::Transport;
use crate::places::Asks;

/// A post that is on disk.
#[derive(Serialize)]
pub(super) struct Posted {
    id: String,
    time: Time,
    channel: String,
}

impl Posted {
    fn of(stamp: Stamp, channel: &Channel) -> Self {
        let (id, time) = (stamp.id.to_string(), stamp.stored.into());
        Self { id, time, channel: channel.to_string() }
    }
}

/// `POST /api/v1/channels/NAME/posts`: posts in a channel.
pub(super) async fn post(
    Path(channel): Path<String>,
    storing: Storing,
    body: Bytes,
) -> Result<Stored<Posted>, Problem> {
    let channel = parse::channel(&channel)?;
    let (text, channels) = (parse::text(&body)?, vec![channel.clone()]);
    let request = Request::Post { channels, text, awaits_delivery: false };
    match storing.ask(request).await? {
        Reply::Posted(posted) | Reply::Undelivered(posted) => {
            Ok(Stored::Now(Posted::of(*posted.get(), &channel)))
        }
        Reply::Repeated(repeated) => match repeated.get() {
            Repeated::Posted(stamp) => Ok(Stored::Before(Posted::of(*stamp, &channel))),
            Repeated::Composed(_) | Repeated::ComposedAll(_) => Err(unexpected()),
        },
        Reply::NotPosted(refusal) => Err(not_posted(refusal)),
        Reply::Forbidden(_) => Err(wrong_credentials()),
        Reply::Unavailable => Err(unavailable()),
        Reply::Unknown => Err(unknown()),
        _ => Err(unexpected()),
    }
}

/// `DELETE /api/v1/posts/ID`: deletes a post of the account from all its channels.
pub(super) async fn delete(
    Path(id): Path<String>,
    Caller(session): Caller,
) -> Result<StatusCode, Problem> {
    let id = parse::value("id", &id)?;
    match session.ask(Request::DeletePost { id }).await.map_err(not_replied)? {
        Reply::PostDeleted(_) => Ok(StatusCode::NO_CONTENT),
        Reply::PostNotDeleted(refusal) => Err(not_deleted(refusal)),
        Reply::Unavailable => Err(unavailable()),
        Reply::Unknown => Err(unknown()),
        _ => Err(unexpected()),
    }
}

/// Which posts of a channel a client wants.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryArguments {
    before: Option<String>,
    from: Option<String>,
    after: Option<String>,
    since: Option<Time>,
    count: Option<usize>,
}

/// Posts of a channel.
#[derive(Serialize)]
pub(super) struct History {
    /// From the oldest on, or with `before` from the latest back.
    posts: Vec<EntryLine>,
    /// The query of the next page in the same direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `GET /api/v1/channels/NAME/posts`: reads what a channel keeps.
pub(super) async fn history(
    Path(channel): Path<String>,
    Query(HistoryArguments { before, from, after, since, count }): Query<HistoryArguments>,
    Reader(session): Reader,
    Shared(common): Shared,
) -> Result<Json<History>, Problem> {
    let channel = parse::channel(&channel)?;
    let from = match (before, from, after, since) {
        (None, None, None, None) => HistoryFrom::Latest,
        (Some(before), None, None, None) => HistoryFrom::Before(parse::value("before", &before)?),
        (None, Some(from), None, None) => HistoryFrom::At(parse::value("from", &from)?),
        (None, None, Some(after), None) => HistoryFrom::After(parse::value("after", &after)?),
        (None, None, None, Some(since)) => posts::since(&common, since.into()).await?,
        _ => {
            let detail = "a page is before= a post, from= one, after= one, or since= a time: one \
                          of them";
            return Err(Problem::new(&VALUE, detail));
        }
    };
    let count = count.unwrap_or(HISTORY_ENTRIES_MAX);
    if !(1..=HISTORY_ENTRIES_MAX).contains(&count) {
        let detail = format!("count must be from 1 to {HISTORY_ENTRIES_MAX}");
        return Err(Problem::new(&VALUE, detail));
    }
    let query = HistoryQuery { channel, from, count };
    let page = posts::read_page(&common, &session, query).await?;
    let next = page.next.and_then(|next| match next {
        HistoryFrom::Before(id) => Some(format!("before={id}")),
        HistoryFrom::After(id) => Some(format!("after={id}")),
        HistoryFrom::At(id) => Some(format!("from={id}")),
        HistoryFrom::Oldest | HistoryFrom::Latest => None,
    });
    let posts = page.entries.iter().map(EntryLine::of).collect();
    Ok(Json(History { posts, next }))
}

/// `GET /api/v1/channels/NAME/stream`: tells of posts as they come.
pub(super) async fn stream(
    Path(channel): Path<String>,
    Query(StreamArguments { after }): Query<StreamArguments>,
    Reader(session): Reader,
    Extension(client): Extension<Arc<Client>>,
    Extension(asks): Extension<Asks>,
    transport: Transport,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let channel = parse::channel(&channel)?;
    let after = parse::resumed(&headers, after)?;
    let telling = posts::follow(&client, session, channel, after, asks.hold()).await?;
    Ok(telling.respond(&client, transport))
}
