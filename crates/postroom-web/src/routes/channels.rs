//! Channels.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use postroom_engine::{AboutChannels, AdminAnswer, AdminRequest};
use postroom_server::Administrator;
use serde::Deserialize;

use super::{Answer, Query, ask, malformed, unavailable, unexpected, unknown};
use crate::api::{ChannelDone, ChannelOrder, ChannelPage, Problem};
use crate::orders::channel as parsed;

#[derive(Deserialize)]
pub(super) struct After {
    after: Option<String>,
}

pub(super) async fn channels(
    State(administrator): State<Administrator>,
    Query(After { after }): Query<After>,
) -> Answer<ChannelPage> {
    let after = after.map(|after| parsed(&after)).transpose()?;
    match ask(&administrator, AdminRequest::Channels { after }).await? {
        AdminAnswer::Channels(AboutChannels::Channels { channels, next }) => {
            let channels = channels.into_iter().map(Into::into).collect();
            Ok(Json(ChannelPage { channels, next: next.map(|next| next.to_string()) }))
        }
        AdminAnswer::Channels(about) => Err(not_done(about)),
        _ => Err(unexpected()),
    }
}

pub(super) async fn channel(
    State(administrator): State<Administrator>,
    order: Result<Json<ChannelOrder>, JsonRejection>,
) -> Answer<ChannelDone> {
    let Json(ChannelOrder::Delete { channel }) =
        order.map_err(|rejection| malformed(&rejection))?;
    match ask(&administrator, AdminRequest::DeleteChannel(parsed(&channel)?)).await? {
        AdminAnswer::Channels(AboutChannels::Deleted(Ok(deleted))) => Ok(Json(deleted.into())),
        AdminAnswer::Channels(about) => Err(not_done(about)),
        _ => Err(unexpected()),
    }
}

fn not_done(about: AboutChannels) -> Problem {
    match about {
        AboutChannels::Deleted(Err(refusal)) => refusal.into(),
        AboutChannels::Unavailable => unavailable(),
        AboutChannels::Unknown => unknown(),
        AboutChannels::Deleted(Ok(_)) | AboutChannels::Channels { .. } => unexpected(),
    }
}
