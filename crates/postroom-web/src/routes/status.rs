//! How the server is.

use axum::Json;
use axum::extract::State;
use postroom_engine::{AdminAnswer, AdminRequest};
use postroom_server::Administrator;

use super::{Answer, ask, unexpected};
use crate::api::StatusReport;

pub(super) async fn status(State(administrator): State<Administrator>) -> Answer<StatusReport> {
    match ask(&administrator, AdminRequest::Status).await? {
        AdminAnswer::Status(status) => Ok(Json(status.into())),
        _ => Err(unexpected()),
    }
}
