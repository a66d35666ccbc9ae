//! Messages: to leave one in mailboxes.

use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use postroom_model::{Composed, Name, Recipients, Repeated, Reply, Request, Unknown};
use serde::{Deserialize, Serialize};

use super::query::Path;
use super::stored::{Stored, Storing};
use super::{parse, unknown_path};
use crate::api::Time;
use crate::http::problem::{Problem, VALUE};
use crate::http::reply::{not_composed, unavailable, unexpected, unknown, wrong_credentials};

/// The name in the path of a mailbox.
pub(super) struct MailboxName(String);

impl<S: Send + Sync> FromRequestParts<S> for MailboxName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(segment): Path<String> = Path::from_request_parts(parts, state).await?;
        // Whoever asks: what does not begin so is no mailbox.
        segment.strip_prefix('~').map(|name| Self(name.to_owned())).ok_or_else(unknown_path)
    }
}

/// A message that is on disk.
#[derive(Serialize)]
pub(super) struct Sent {
    id: String,
    time: Time,
    to: String,
}

/// Messages that are on disk, one for each recipient.
#[derive(Serialize)]
pub(super) struct AllSent {
    messages: Vec<Sent>,
}

/// A message for several.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Letter {
    to: Vec<String>,
    text: String,
}

impl AllSent {
    fn of(composed: &[Composed]) -> Self {
        Self { messages: composed.iter().map(Sent::of).collect() }
    }
}

impl Sent {
    fn of(composed: &Composed) -> Self {
        let (id, time) = (composed.id.to_string(), composed.stored.into());
        Self { id, time, to: composed.recipient.to_string() }
    }
}

/// `POST /~NAME`: leaves a message.
pub(super) async fn send(
    MailboxName(recipient): MailboxName,
    storing: Storing,
    body: Bytes,
) -> Result<Stored<Sent>, Problem> {
    let recipient = parse::name(&recipient)?;
    let text = parse::text(&body)?;
    let request = Request::Compose { recipient, text, unknown: Unknown::Register };
    match storing.ask(request).await? {
        Reply::Composed(composed) => Ok(Stored::Now(Sent::of(composed.get()))),
        Reply::Repeated(repeated) => match repeated.get() {
            Repeated::Composed(composed) => Ok(Stored::Before(Sent::of(composed))),
            Repeated::ComposedAll(_) | Repeated::Posted(_) => Err(unexpected()),
        },
        Reply::NotComposed(refusal) => Err(not_composed(&refusal)),
        other => Err(refused(&other)),
    }
}

/// `POST /api/v1/messages`: leaves a message for several, all of them or none.
pub(super) async fn send_all(storing: Storing, body: Bytes) -> Result<Stored<AllSent>, Problem> {
    let Letter { to, text } = parse::json(&body)?;
    let names = to.iter().map(|name| parse::name(name)).collect::<Result<Vec<Name>, _>>()?;
    let recipients = Recipients::new(names);
    let recipients = recipients.map_err(|error| Problem::new(&VALUE, error.to_string()))?;
    let text = parse::text(text.as_bytes())?;
    let request = Request::ComposeAll { recipients, text, unknown: Unknown::Register };
    match storing.ask(request).await? {
        Reply::ComposedAll(composed) => Ok(Stored::Now(AllSent::of(composed.get()))),
        Reply::Repeated(repeated) => match repeated.get() {
            Repeated::ComposedAll(composed) => Ok(Stored::Before(AllSent::of(composed))),
            Repeated::Composed(_) | Repeated::Posted(_) => Err(unexpected()),
        },
        Reply::NotComposedAll { recipient, refusal } => {
            Err(not_composed(&refusal).about(recipient.to_string()))
        }
        other => Err(refused(&other)),
    }
}

fn refused(reply: &Reply) -> Problem {
    match reply {
        Reply::Forbidden(_) => wrong_credentials(),
        Reply::Unavailable => unavailable(),
        Reply::Unknown => unknown(),
        _ => unexpected(),
    }
}
