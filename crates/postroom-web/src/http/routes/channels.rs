//! Channels: to post in one.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::StatusCode;
use postroom_model::{Reply, Request};
use serde::Serialize;

use super::caller::Caller;
use super::parse;
use crate::api::Time;
use crate::http::problem::Problem;
use crate::http::reply::{not_posted, not_replied, unavailable, unexpected, unknown};

/// A post that is on disk.
#[derive(Serialize)]
pub(super) struct Posted {
    id: String,
    time: Time,
    channel: String,
}

/// `POST /api/v1/channels/NAME/posts`: posts in a channel.
pub(super) async fn post(
    Path(channel): Path<String>,
    Caller(session): Caller,
    body: Bytes,
) -> Result<(StatusCode, Json<Posted>), Problem> {
    let channel = parse::channel(&channel)?;
    let (text, channels) = (parse::text(&body)?, vec![channel.clone()]);
    let request = Request::Post { channels, text, awaits_delivery: false };
    match session.ask(request).await.map_err(not_replied)? {
        Reply::Posted(posted) | Reply::Undelivered(posted) => {
            let (stamp, channel) = (*posted.get(), channel.to_string());
            let (id, time) = (stamp.id.to_string(), stamp.stored.into());
            Ok((StatusCode::CREATED, Json(Posted { id, time, channel })))
        }
        Reply::NotPosted(refusal) => Err(not_posted(refusal)),
        Reply::Unavailable => Err(unavailable()),
        Reply::Unknown => Err(unknown()),
        _ => Err(unexpected()),
    }
}
