//! Private channels: what their creators do with them, and how others come in.

use axum::Json;
use axum::body::Bytes;
use axum::http::StatusCode;
use postroom_model::{Channel, ChannelCommand, ChannelKey, Managed, Reply, Request};
use serde::Serialize;

use super::caller::Caller;
use super::parse;
use super::query::Path;
use crate::http::link::Session;
use crate::http::problem::{CHANNEL_KEY, Problem};
use crate::http::reply::{not_managed, not_replied, unavailable, unexpected, unknown};

/// A private channel of the account.
#[derive(Serialize)]
pub(super) struct Private {
    channel: String,
    /// Whether it has a key.
    key: bool,
    /// Who is invited, in the order in which they were.
    invited: Vec<String>,
}

/// A private channel that is deleted.
#[derive(Serialize)]
pub(super) struct Deleted {
    channel: String,
    /// How many posts went with it.
    posts: u32,
}

/// `PUT /api/v1/private/NAME`: makes a channel that is new private.
pub(super) async fn make(
    Path(channel): Path<String>,
    Caller(session): Caller,
) -> Result<(StatusCode, Json<Private>), Problem> {
    let channel = parse::channel(&channel)?;
    match manage(&session, &channel, ChannelCommand::MakePrivate).await? {
        Managed::MadePrivate => {
            let made = Private { channel: channel.to_string(), key: false, invited: Vec::new() };
            Ok((StatusCode::CREATED, Json(made)))
        }
        _ => Err(unexpected()),
    }
}

/// `GET /api/v1/private/NAME`: shows who is invited.
pub(super) async fn show(
    Path(channel): Path<String>,
    Caller(session): Caller,
) -> Result<Json<Private>, Problem> {
    let channel = parse::channel(&channel)?;
    match manage(&session, &channel, ChannelCommand::ListInvited).await? {
        Managed::Invited { names, has_key: key } => {
            let invited = names.iter().map(ToString::to_string).collect();
            Ok(Json(Private { channel: channel.to_string(), key, invited }))
        }
        _ => Err(unexpected()),
    }
}

/// `DELETE /api/v1/private/NAME`: deletes it, with its posts.
pub(super) async fn delete(
    Path(channel): Path<String>,
    Caller(session): Caller,
) -> Result<Json<Deleted>, Problem> {
    let channel = parse::channel(&channel)?;
    match manage(&session, &channel, ChannelCommand::Delete).await? {
        Managed::Deleted { posts } => Ok(Json(Deleted { channel: channel.to_string(), posts })),
        _ => Err(unexpected()),
    }
}

/// `PUT /api/v1/private/NAME/invited/ACCOUNT`: lets an account enter.
pub(super) async fn invite(
    Path((channel, name)): Path<(String, String)>,
    Caller(session): Caller,
) -> Result<StatusCode, Problem> {
    set_invited(&session, &channel, &name, true).await
}

/// `DELETE /api/v1/private/NAME/invited/ACCOUNT`: lets it enter no longer.
pub(super) async fn withdraw(
    Path((channel, name)): Path<(String, String)>,
    Caller(session): Caller,
) -> Result<StatusCode, Problem> {
    set_invited(&session, &channel, &name, false).await
}

async fn set_invited(
    session: &Session,
    channel: &str,
    name: &str,
    is_invited: bool,
) -> Result<StatusCode, Problem> {
    let (channel, name) = (parse::channel(channel)?, parse::name(name)?);
    let command = ChannelCommand::Invite { name, is_invited };
    manage(session, &channel, command).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /api/v1/private/NAME/key`: gives it the key that the body is.
pub(super) async fn set_key(
    Path(channel): Path<String>,
    Caller(session): Caller,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let channel = parse::channel(&channel)?;
    let key = key(&channel, &body)?;
    manage(&session, &channel, ChannelCommand::SetKey(Some(key))).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /api/v1/private/NAME/key`: takes its key.
pub(super) async fn take_key(
    Path(channel): Path<String>,
    Caller(session): Caller,
) -> Result<StatusCode, Problem> {
    let channel = parse::channel(&channel)?;
    manage(&session, &channel, ChannelCommand::SetKey(None)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/private/NAME/enter`: invites the account itself, by the key that the body is.
pub(super) async fn enter(
    Path(channel): Path<String>,
    Caller(session): Caller,
    body: Bytes,
) -> Result<StatusCode, Problem> {
    let channel = parse::channel(&channel)?;
    let key = key(&channel, &body)?;
    manage(&session, &channel, ChannelCommand::UseKey(key)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The key that a body is. The line end behind it is not a part of it.
fn key(channel: &Channel, body: &[u8]) -> Result<ChannelKey, Problem> {
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    let body = body.strip_suffix(b"\r").unwrap_or(body);
    ChannelKey::of(channel, body)
        .map_err(|error| Problem::new(&CHANNEL_KEY, format!("the body is no key: {error}")))
}

async fn manage(
    session: &Session,
    channel: &Channel,
    command: ChannelCommand,
) -> Result<Managed, Problem> {
    let request = Request::ManageChannel { channel: channel.clone(), command };
    match session.ask(request).await.map_err(not_replied)? {
        Reply::ChannelManaged(managed) => Ok(managed.get().clone()),
        Reply::ChannelNotManaged(refusal) => Err(not_managed(channel, refusal)),
        Reply::Unavailable => Err(unavailable()),
        Reply::Unknown => Err(unknown()),
        _ => Err(unexpected()),
    }
}
