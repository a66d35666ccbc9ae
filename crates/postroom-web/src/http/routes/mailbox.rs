//! The mailbox of an account: to look at it, and to read it.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::Extension;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use postroom_model::{Delivery, LeaseKey, PEEK_MAX, Peeked, Reply, Request, Timestamp};
use postroom_server::now;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};

use super::caller::{Caller, ReceiptProof};
use super::parse;
use super::query::{Lasts, Path, Query, StreamArguments};
use crate::api::Time;
use crate::http::connection::Client;
use crate::http::link::{NoReply, Session};
use crate::http::mail;
use crate::http::message::{DeliveryLine, MessageLine};
use crate::http::problem::{ACK, EXPIRED, Problem, TOO_MANY_LEASES, VALUE};
use crate::http::reply::{disk_full, not_replied, unavailable, unexpected, unknown};
use crate::http::streams::Place;
use crate::http::websocket::Transport;
use crate::places::Asks;

/// How long a lease lasts.
const LEASE_MIN: Duration = Duration::from_secs(1);
const LEASE_MAX: Duration = Duration::from_hours(1);
const LEASE_DEFAULT: Duration = Duration::from_secs(30);
/// How long a request waits for a message.
const WAIT_MAX: Duration = Duration::from_mins(5);

/// Messages that a client is told at a time, unless it says.
const PEEK_DEFAULT: usize = PEEK_MAX;

/// Which messages a client wants to look at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PeekQuery {
    after: Option<String>,
    count: Option<usize>,
}

/// The mailbox of an account.
#[derive(Serialize)]
pub(super) struct Mailbox {
    /// All that is unread.
    unread: u32,
    /// The earliest of it.
    messages: Vec<MessageLine>,
    /// The query of the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `GET /~`: shows what is unread, and hands nothing out.
pub(super) async fn peek(
    Query(PeekQuery { after, count }): Query<PeekQuery>,
    Caller(session): Caller,
) -> Result<Json<Mailbox>, Problem> {
    let after = after.map(|after| parse::value("after", &after)).transpose()?;
    let count = count.unwrap_or(PEEK_DEFAULT);
    if !(1..=PEEK_MAX).contains(&count) {
        return Err(Problem::new(&VALUE, format!("count must be from 1 to {PEEK_MAX}")));
    }
    let Reply::Unread(unread) = session.ask(Request::CountUnread).await.map_err(not_replied)?
    else {
        return Err(unexpected());
    };
    match session.ask(Request::Peek { after, count }).await.map_err(not_replied)? {
        Reply::Peeked(Peeked { messages, next }) => {
            let next = next.map(|next| format!("after={next}"));
            let messages = messages.iter().map(MessageLine::of).collect();
            Ok(Json(Mailbox { unread, messages, next }))
        }
        Reply::Unavailable => Err(unavailable()),
        _ => Err(unexpected()),
    }
}

/// What a client says of the lease that it asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LeaseQuery {
    r#for: Option<Lasts>,
    wait: Option<Lasts>,
    ack: Option<Ack>,
}

/// What confirms a message.
#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Ack {
    /// That the response has arrived.
    Auto,
}

/// A message that is leased.
#[derive(Serialize)]
struct Leased {
    /// What proves the lease.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Time>,
    #[serde(flatten)]
    message: DeliveryLine,
}

/// `POST /~/lease`: leases the earliest unread message.
pub(super) async fn lease(
    Query(LeaseQuery { r#for, wait, ack }): Query<LeaseQuery>,
    Caller(session): Caller,
    Extension(client): Extension<Arc<Client>>,
    proof: ReceiptProof,
) -> Result<Response, Problem> {
    if ack == Some(Ack::Auto) {
        return read(&client, session, r#for, wait, proof).await;
    }
    let lasts = r#for.map_or(Ok(LEASE_DEFAULT), |of| of.within("for", LEASE_MIN, LEASE_MAX))?;
    let wait = waits(wait)?;
    let key = LeaseKey::new(postroom_server::salt().map_err(|_| unavailable())?);
    let request = || Request::Lease { key, lasts };
    let Some((delivery, asked)) = next(&client, &session, request, wait).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let lasts_ms = u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX);
    let expires = Timestamp(asked.0.saturating_add(lasts_ms)).into();
    let (key, message) = (Some(key.to_string()), delivery.into());
    let leased = Leased { key, expires: Some(expires), message };
    Ok(Json(leased).into_response())
}

/// Hands out the earliest unread message until the connection proves that it has arrived, or
/// ends.
async fn read(
    client: &Client,
    session: Arc<Session>,
    lasts: Option<Lasts>,
    wait: Option<Lasts>,
    ReceiptProof(receipts): ReceiptProof,
) -> Result<Response, Problem> {
    let receipts = receipts.ok_or_else(|| {
        let detail = "ack=auto is for HTTP/1.1 without a proxy between; lease the message and \
                      confirm it";
        Problem::new(&ACK, detail)
    })?;
    if lasts.is_some() {
        return Err(Problem::new(&VALUE, "ack=auto leases for no time; leave for= out"));
    }
    let Some((delivery, _)) = next(client, &session, || Request::Read, waits(wait)?).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let response = Json(DeliveryLine::from(delivery)).into_response();
    Ok(response.map(|body| Body::new(receipts.awaited(session, body))))
}

fn waits(wait: Option<Lasts>) -> Result<Duration, Problem> {
    wait.map_or(Ok(Duration::ZERO), |of| of.within("wait", Duration::ZERO, WAIT_MAX))
}

/// Asks for a message, and waits for one if there is none; when it was asked for, too.
async fn next(
    client: &Client,
    session: &Session,
    request: impl Fn() -> Request,
    wait: Duration,
) -> Result<Option<(Delivery, Timestamp)>, Problem> {
    let until = Instant::now() + wait;
    let mut place = None;
    loop {
        let (mail, asked) = (session.mail(), now());
        match session.ask(request()).await.map_err(not_replied)? {
            Reply::Leased(delivery) | Reply::Read(delivery) => {
                return Ok(Some((delivery, asked)));
            }
            Reply::NothingUnread if wait.is_zero() => return Ok(None),
            Reply::NothingUnread if place.is_none() => {
                place = Some(Place::take(client.common(), session)?);
                // A message may come before it is told of: it is asked for once more.
                match session.ask(Request::WatchMail).await.map_err(not_replied)? {
                    Reply::WatchesMail => {}
                    _ => return Err(unexpected()),
                }
            }
            Reply::NothingUnread => {
                tokio::select! {
                    biased;
                    // Nothing is handed out to a client that has gone.
                    () = client.left() => return Ok(None),
                    () = mail => {}
                    () = sleep_until(until) => return Ok(None),
                    () = session.ended() => {}
                    () = client.common().stopped() => return Err(not_replied(NoReply::Ended)),
                }
            }
            Reply::TooManyLeases => {
                let detail = "as many messages are leased as may be; confirm some";
                return Err(Problem::new(&TOO_MANY_LEASES, detail).later(1));
            }
            Reply::Unavailable => return Err(unavailable()),
            Reply::Unknown => return Err(unknown()),
            _ => return Err(unexpected()),
        }
    }
}

/// `GET /~/stream`: shows messages as they come; over WebSocket it hands them out, each once the
/// one before is acknowledged.
pub(super) async fn stream(
    Query(StreamArguments { after }): Query<StreamArguments>,
    Caller(session): Caller,
    Extension(client): Extension<Arc<Client>>,
    Extension(asks): Extension<Asks>,
    transport: Transport,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let telling = match transport {
        Transport::Events => {
            let after = parse::resumed(&headers, after)?;
            mail::show(&client, session, after, asks.hold())?
        }
        Transport::WebSocket(_) if after.is_some() => {
            let detail = "over WebSocket a mailbox begins with the earliest message; leave after= \
                          out";
            return Err(Problem::new(&VALUE, detail));
        }
        Transport::WebSocket(_) => mail::follow(&client, session, asks.hold())?,
    };
    Ok(telling.respond(&client, transport))
}

/// What proves a lease.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyQuery {
    key: String,
}

/// `DELETE /~/ID?key=KEY`: confirms that a leased message has arrived.
pub(super) async fn confirm(
    Path(id): Path<String>,
    Query(KeyQuery { key }): Query<KeyQuery>,
    Caller(session): Caller,
) -> Result<StatusCode, Problem> {
    let message = parse::value("id", &id)?;
    let key = parse::value("key", &key)?;
    match session.ask(Request::ConfirmLease { message, key }).await.map_err(not_replied)? {
        Reply::Confirmed(_) => Ok(StatusCode::NO_CONTENT),
        Reply::NotLeased => {
            let detail = "the message is not leased with this key; if it still exists, it is \
                          unread";
            Err(Problem::new(&EXPIRED, detail))
        }
        Reply::NotConfirmed => Err(disk_full()),
        Reply::Unavailable => Err(unavailable()),
        Reply::Unknown => Err(unknown()),
        _ => Err(unexpected()),
    }
}
