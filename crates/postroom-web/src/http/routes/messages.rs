//! Messages: to leave one in mailboxes.

use axum::Json;
use axum::body::Bytes;
use axum::http::StatusCode;
use postroom_model::{Composed, Name, Recipients, Reply, Request, Text, Unknown};
use serde::{Deserialize, Serialize};

use super::caller::Writer;
use super::query::Path;
use super::{parse, unknown_path};
use crate::api::Time;
use crate::http::link::Session;
use crate::http::problem::{Problem, VALUE};
use crate::http::reply::{
    not_composed, not_replied, unavailable, unexpected, unknown, wrong_credentials,
};

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

impl Sent {
    fn of(composed: &Composed) -> Self {
        let (id, time) = (composed.id.to_string(), composed.stored.into());
        Self { id, time, to: composed.recipient.to_string() }
    }
}

/// `POST /~NAME`: leaves a message.
pub(super) async fn send(
    Path(mailbox): Path<String>,
    Writer(session): Writer,
    body: Bytes,
) -> Result<(StatusCode, Json<Sent>), Problem> {
    let recipient = parse::name(mailbox.strip_prefix('~').ok_or_else(unknown_path)?)?;
    let text = parse::text(&body)?;
    let request = Request::Compose { recipient, text, unknown: Unknown::Register };
    match session.ask(request).await.map_err(not_replied)? {
        Reply::Composed(composed) => Ok((StatusCode::CREATED, Json(Sent::of(composed.get())))),
        Reply::NotComposed(refusal) => Err(not_composed(&refusal)),
        other => Err(refused(&other)),
    }
}

/// `POST /api/v1/messages`: leaves a message for several, all of them or none.
pub(super) async fn send_all(
    Writer(session): Writer,
    body: Bytes,
) -> Result<(StatusCode, Json<AllSent>), Problem> {
    let Letter { to, text } = parse::json(&body)?;
    let names = to.iter().map(|name| parse::name(name)).collect::<Result<Vec<Name>, _>>()?;
    let recipients = Recipients::new(names);
    let recipients = recipients.map_err(|error| Problem::new(&VALUE, error.to_string()))?;
    let text = parse::text(text.as_bytes())?;
    compose_all(&session, recipients, text).await
}

async fn compose_all(
    session: &Session,
    recipients: Recipients,
    text: Text,
) -> Result<(StatusCode, Json<AllSent>), Problem> {
    let request = Request::ComposeAll { recipients, text, unknown: Unknown::Register };
    match session.ask(request).await.map_err(not_replied)? {
        Reply::ComposedAll(composed) => {
            let messages = composed.get().iter().map(Sent::of).collect();
            Ok((StatusCode::CREATED, Json(AllSent { messages })))
        }
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
