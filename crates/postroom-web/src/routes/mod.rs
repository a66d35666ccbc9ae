//! The routes of the API: each asks the server and waits for its answer.

mod accounts;
mod backup;
mod bans;
mod channels;
mod check;
mod export;
mod reading;
mod sessions;
mod settings;
mod status;

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, FromRequestParts};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use postroom_engine::{AdminAnswer, AdminRequest};
use postroom_server::{Administrator, NotAsked};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::api::Problem;
use crate::archive::Archive;
use crate::orders::problem;
use reading::Slot;

/// Bytes of a request's body: a password and two names are far shorter.
const BODY_BYTES_MAX: usize = 16 << 10;

/// Bytes of an order: the texts of an import, each byte as six of JSON, and the names.
pub(crate) const ORDER_BYTES_MAX: usize = 32 << 20;

pub(crate) fn router(administrator: Administrator, archive: Arc<dyn Archive>) -> Router {
    let reader = Arc::new(Reader { archive, checks: Slot::default(), exports: Slot::default() });
    Router::new()
        .route("/v1/check", get(check::check))
        .route("/v1/export", get(export::export))
        .with_state(reader)
        .route("/v1/status", get(status::status))
        .route("/v1/accounts", get(accounts::accounts))
        .route("/v1/account", post(accounts::account).layer(DefaultBodyLimit::max(ORDER_BYTES_MAX)))
        .route("/v1/channels", get(channels::channels))
        .route("/v1/channel", post(channels::channel))
        .route("/v1/sessions", get(sessions::sessions))
        .route("/v1/kick", post(sessions::kick))
        .route("/v1/bans", get(bans::bans))
        .route("/v1/ban", post(bans::ban))
        .route("/v1/unban", post(bans::unban))
        .route("/v1/reload", post(settings::reload))
        .route("/v1/log-level", post(settings::log_level))
        .route("/v1/backup", post(backup::backup))
        .fallback(async || problem(StatusCode::NOT_FOUND, "unknown-path", "there is no such path"))
        .method_not_allowed_fallback(async || {
            let detail = "this path is asked with another method";
            problem(StatusCode::METHOD_NOT_ALLOWED, "method", detail)
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(administrator)
}

/// The store, and which answers of it are under way.
struct Reader {
    archive: Arc<dyn Archive>,
    checks: Slot,
    exports: Slot,
}

/// The query of a request.
struct Query<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Query::from_request_parts(parts, state).await;
        read.map(|axum::extract::Query(query)| Self(query))
            .map_err(|rejection| problem(rejection.status(), "malformed", &rejection.body_text()))
    }
}

type Answer<T> = Result<Json<T>, Problem>;

#[derive(Deserialize)]
struct From {
    #[serde(default)]
    from: u32,
}

/// Asks the server, and waits for its answer.
async fn ask(administrator: &Administrator, request: AdminRequest) -> Result<AdminAnswer, Problem> {
    let (told, answer) = oneshot::channel();
    // Who no longer waits for the answer needs none.
    let reply = move |answer| drop(told.send(answer));
    administrator.ask(request, reply).map_err(not_asked)?;
    answer.await.map_err(|_| stopped())
}

fn not_asked(not_asked: NotAsked) -> Problem {
    match not_asked {
        NotAsked::Busy => problem(StatusCode::SERVICE_UNAVAILABLE, "busy", &not_asked.to_string()),
        NotAsked::Stopped => stopped(),
    }
}

fn malformed(rejection: &JsonRejection) -> Problem {
    problem(rejection.status(), "malformed", &rejection.body_text())
}

fn unavailable() -> Problem {
    let detail = "the store cannot do it now; nothing was changed";
    problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
}

fn unknown() -> Problem {
    let detail = "the store cannot say whether it was done; look, then try again";
    problem(StatusCode::INTERNAL_SERVER_ERROR, "unknown", detail)
}

fn stopped() -> Problem {
    let detail = "the server stops; the request may have been carried out or not";
    problem(StatusCode::SERVICE_UNAVAILABLE, "stopped", detail)
}

fn unexpected() -> Problem {
    let detail = "the server gave an answer to another question; report this defect";
    problem(StatusCode::INTERNAL_SERVER_ERROR, "defect", detail)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, [(CONTENT_TYPE, "application/problem+json")], Json(self)).into_response()
    }
}
