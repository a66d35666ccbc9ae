//! Mailboxes: to leave a message in one, and to read one's own.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::Extension;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use postroom_model::{Delivery, LeaseKey, Reply, Request, Timestamp, Unknown};
use postroom_server::now;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep_until};

use super::caller::{Caller, ReceiptProof};
use super::query::{Lasts, Path, Query};
use super::{parse, unknown_path};
use crate::api::Time;
use crate::http::connection::Client;
use crate::http::link::{NoReply, Session};
use crate::http::problem::{ACK, EXPIRED, Problem, TOO_MANY_LEASES, VALUE};
use crate::http::reply::{disk_full, not_composed, not_replied, unavailable, unexpected, unknown};

/// How long a lease lasts.
const LEASE_MIN: Duration = Duration::from_secs(1);
const LEASE_MAX: Duration = Duration::from_hours(1);
const LEASE_DEFAULT: Duration = Duration::from_secs(30);
/// How long a request waits for a message.
const WAIT_MAX: Duration = Duration::from_mins(5);

/// A message that is on disk.
#[derive(Serialize)]
pub(super) struct Sent {
    id: String,
    time: Time,
    to: String,
}

/// The mailbox of an account.
#[derive(Serialize)]
pub(super) struct Unread {
    unread: u32,
}

/// `POST /~NAME`: leaves a message.
pub(super) async fn send(
    Path(mailbox): Path<String>,
    Caller(session): Caller,
    body: Bytes,
) -> Result<(StatusCode, Json<Sent>), Problem> {
    let recipient = parse::name(mailbox.strip_prefix('~').ok_or_else(unknown_path)?)?;
    let text = parse::text(&body)?;
    let request = Request::Compose { recipient, text, unknown: Unknown::Register };
    match session.ask(request).await.map_err(not_replied)? {
        Reply::Composed(composed) => {
            let composed = composed.get();
            let (id, time) = (composed.id.to_string(), composed.stored.into());
            let to = composed.recipient.to_string();
            Ok((StatusCode::CREATED, Json(Sent { id, time, to })))
        }
        Reply::NotComposed(refusal) => Err(not_composed(&refusal)),
        Reply::Unavailable => Err(unavailable()),
        Reply::Unknown => Err(unknown()),
        _ => Err(unexpected()),
    }
}

/// `GET /~`: how much is unread.
pub(super) async fn count(Caller(session): Caller) -> Result<Json<Unread>, Problem> {
    match session.ask(Request::CountUnread).await.map_err(not_replied)? {
        Reply::Unread(unread) => Ok(Json(Unread { unread })),
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
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<Time>,
    time: Time,
    from: String,
    text: String,
    /// Messages that are unread behind it.
    remaining: u32,
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
    let leased = Leased { expires: Some(expires), ..Leased::new(delivery, Some(key)) };
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
    let response = Json(Leased::new(delivery, None)).into_response();
    Ok(response.map(|body| Body::new(receipts.awaited(session, body))))
}

fn waits(wait: Option<Lasts>) -> Result<Duration, Problem> {
    wait.map_or(Ok(Duration::ZERO), |of| of.within("wait", Duration::ZERO, WAIT_MAX))
}

impl Leased {
    fn new(delivery: Delivery, key: Option<LeaseKey>) -> Self {
        let Delivery { id, stored, sender, text, remaining } = delivery;
        Self {
            id: id.to_string(),
            key: key.map(|key| key.to_string()),
            expires: None,
            time: stored.into(),
            from: sender.to_string(),
            text: text.as_str().to_owned(),
            remaining,
        }
    }
}

/// Asks for a message, and waits for one if there is none; when it was asked for, too.
async fn next(
    client: &Client,
    session: &Session,
    request: impl Fn() -> Request,
    wait: Duration,
) -> Result<Option<(Delivery, Timestamp)>, Problem> {
    let until = Instant::now() + wait;
    let mut watches = false;
    loop {
        let (mail, asked) = (session.mail(), now());
        match session.ask(request()).await.map_err(not_replied)? {
            Reply::Leased(delivery) | Reply::Read(delivery) => {
                return Ok(Some((delivery, asked)));
            }
            Reply::NothingUnread if wait.is_zero() => return Ok(None),
            Reply::NothingUnread if !watches => {
                watches = true;
                // A message may come before it is told of: it is asked for once more.
                match session.ask(Request::WatchMail).await.map_err(not_replied)? {
                    Reply::WatchesMail => {}
                    _ => return Err(unexpected()),
                }
            }
            Reply::NothingUnread => {
                tokio::select! {
                    () = mail => {}
                    () = sleep_until(until) => return Ok(None),
                    // Nothing is handed out to a client that has gone, perhaps.
                    () = client.left() => return Ok(None),
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
