//! Live lines, and who is present.

use std::sync::Arc;

use axum::Json;
use axum::extract::Extension;
use axum::response::Response;
use postroom_model::{Reply, Request};
use serde::Serialize;

use super::caller::Caller;
use crate::http::connection::Client;
use crate::http::live;
use crate::http::problem::Problem;
use crate::http::reply::{not_replied, unexpected};
use crate::http::websocket::Transport;
use crate::places::Asks;

/// Who is present.
#[derive(Serialize)]
pub(super) struct Present {
    present: Vec<String>,
}

/// `GET /api/v1/present`: lists the accounts that are present.
pub(super) async fn present(Caller(session): Caller) -> Result<Json<Present>, Problem> {
    match session.ask(Request::ListPresent).await.map_err(not_replied)? {
        Reply::Present(names) => {
            Ok(Json(Present { present: names.iter().map(ToString::to_string).collect() }))
        }
        _ => Err(unexpected()),
    }
}

/// `GET /api/v1/live`: makes the account present, and tells the live lines to it.
pub(super) async fn stream(
    Caller(session): Caller,
    Extension(client): Extension<Arc<Client>>,
    Extension(asks): Extension<Asks>,
    transport: Transport,
) -> Result<Response, Problem> {
    let telling = live::follow(&client, session, asks.hold()).await?;
    Ok(telling.respond(&client, transport))
}
