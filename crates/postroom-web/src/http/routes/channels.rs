//! Channels: to post in one, to read what it has, and to be told of what comes.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::Extension;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use postroom_model::{Channel, Repeated, Reply, Request, Stamp};
use postroom_store::HistoryQuery;
use serde::Serialize;

use super::caller::{Caller, Reader, Shared};
use super::parse;
use super::query::{Begins, PageArguments, Path, Query, StreamArguments, query_of};
use super::stored::{Stored, Storing};
use crate::api::Time;
use crate::http::connection::Client;
use crate::http::event::EntryLine;
use crate::http::posts;
use crate::http::problem::Problem;
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
    Query(arguments): Query<PageArguments>,
    Reader(session): Reader,
    Shared(common): Shared,
) -> Result<Json<History>, Problem> {
    let channel = parse::channel(&channel)?;
    let (begins, count) = arguments.begins()?;
    let from = match begins {
        Begins::At(from) => from,
        Begins::Since(time) => posts::since(&common, time).await?,
    };
    let query = HistoryQuery { channel, from, count };
    let page = posts::read_page(&common, &session, query).await?;
    let next = page.next.and_then(query_of);
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
