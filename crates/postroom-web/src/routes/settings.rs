//! Settings of the running server.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use postroom_server::Administrator;
use tokio::sync::oneshot;

use super::{Answer, malformed, not_asked, stopped};
use crate::api::{LogLevel, Reloaded};
use crate::orders::problem;

pub(super) async fn reload(State(administrator): State<Administrator>) -> Answer<Reloaded> {
    let (told, answer) = oneshot::channel();
    // Who no longer waits for the answer needs none.
    let reply = move |came_of_it| drop(told.send(came_of_it));
    administrator.reload(reply).map_err(not_asked)?;
    match answer.await {
        Ok(Ok(summary)) => Ok(Json(summary.into())),
        Ok(Err(error)) => {
            let detail = format!("nothing was changed: {error}");
            Err(problem(StatusCode::UNPROCESSABLE_ENTITY, "settings", &detail))
        }
        Err(_) => Err(stopped()),
    }
}

pub(super) async fn log_level(
    State(administrator): State<Administrator>,
    asked: Result<Json<LogLevel>, JsonRejection>,
) -> Answer<LogLevel> {
    let Json(LogLevel { level }) = asked.map_err(|rejection| malformed(&rejection))?;
    let level = level.parse().map_err(|_| {
        let detail = "the level must be error, warn, info, debug or trace";
        problem(StatusCode::UNPROCESSABLE_ENTITY, "level", detail)
    })?;
    administrator.set_log_level(level).map_err(not_asked)?;
    Ok(Json(LogLevel { level: level.to_string().to_lowercase() }))
}
