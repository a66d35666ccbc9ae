//! The routes of the API: each asks the server and waits for its answer.

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use postroom_engine::{AboutAccounts, AdminAnswer, AdminRequest, Kick};
use postroom_server::{Administrator, NotAsked};
use postroom_store::AccountId;
use serde::Deserialize;
use tokio::sync::oneshot;

use crate::api::{
    AccountDone, AccountOrder, AccountPage, Kicked, Problem, SessionPage, StatusReport, Whose,
};
use crate::orders::{name, problem};

/// Bytes of a request's body: a password and two names are far shorter.
const BODY_BYTES_MAX: usize = 16 << 10;

pub(crate) fn router(administrator: Administrator) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/accounts", get(accounts))
        .route("/v1/account", post(account))
        .route("/v1/sessions", get(sessions))
        .route("/v1/kick", post(kick))
        .fallback(async || problem(StatusCode::NOT_FOUND, "unknown-path", "there is no such path"))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(administrator)
}

type Answer<T> = Result<Json<T>, Problem>;

#[derive(Deserialize)]
struct From {
    #[serde(default)]
    from: u32,
}

async fn status(State(administrator): State<Administrator>) -> Answer<StatusReport> {
    match ask(&administrator, AdminRequest::Status).await? {
        AdminAnswer::Status(status) => Ok(Json(status.into())),
        _ => Err(unexpected()),
    }
}

async fn accounts(
    State(administrator): State<Administrator>,
    Query(From { from }): Query<From>,
) -> Answer<AccountPage> {
    let request = AdminRequest::Accounts { from: AccountId(from) };
    match ask(&administrator, request).await? {
        AdminAnswer::Accounts(AboutAccounts::Accounts { accounts, next }) => {
            let accounts = accounts.into_iter().map(Into::into).collect();
            Ok(Json(AccountPage { accounts, next: next.map(|next| next.0) }))
        }
        AdminAnswer::Accounts(about) => Err(not_done(about)),
        _ => Err(unexpected()),
    }
}

async fn account(
    State(administrator): State<Administrator>,
    order: Result<Json<AccountOrder>, JsonRejection>,
) -> Answer<AccountDone> {
    let Json(order) = order.map_err(|rejection| malformed(&rejection))?;
    match ask(&administrator, AdminRequest::Account(order.request()?)).await? {
        AdminAnswer::Accounts(AboutAccounts::Account(Ok(answer))) => Ok(Json(answer.into())),
        AdminAnswer::Accounts(about) => Err(not_done(about)),
        _ => Err(unexpected()),
    }
}

async fn sessions(
    State(administrator): State<Administrator>,
    Query(From { from }): Query<From>,
) -> Answer<SessionPage> {
    let from = usize::try_from(from).unwrap_or(usize::MAX);
    match ask(&administrator, AdminRequest::Sessions { from }).await? {
        AdminAnswer::Sessions { sessions, next } => {
            let sessions = sessions.into_iter().map(Into::into).collect();
            Ok(Json(SessionPage { sessions, next }))
        }
        _ => Err(unexpected()),
    }
}

async fn kick(
    State(administrator): State<Administrator>,
    whose: Result<Json<Whose>, JsonRejection>,
) -> Answer<Kicked> {
    let Json(whose) = whose.map_err(|rejection| malformed(&rejection))?;
    let kick = match whose {
        Whose::Account(account) => Kick::Account(name(&account)?),
        Whose::Addresses(prefix) => Kick::Addresses(prefix),
    };
    match ask(&administrator, AdminRequest::Kick(kick)).await? {
        AdminAnswer::Kicked(sessions) => Ok(Json(Kicked { sessions })),
        _ => Err(unexpected()),
    }
}

/// Asks the server, and waits for its answer.
async fn ask(administrator: &Administrator, request: AdminRequest) -> Result<AdminAnswer, Problem> {
    let (told, answer) = oneshot::channel();
    // Who no longer waits for the answer needs none.
    let reply = move |answer| drop(told.send(answer));
    administrator.ask(request, reply).map_err(|not_asked| match not_asked {
        NotAsked::Busy => problem(StatusCode::SERVICE_UNAVAILABLE, "busy", &not_asked.to_string()),
        NotAsked::Stopped => stopped(),
    })?;
    answer.await.map_err(|_| stopped())
}

fn not_done(about: AboutAccounts) -> Problem {
    let refusal = match about {
        AboutAccounts::Account(Err(refusal)) => refusal,
        AboutAccounts::Unavailable => {
            let detail = "the store cannot do it now; nothing was changed";
            return problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
        }
        AboutAccounts::Unknown => {
            let detail = "the store cannot say whether it was done; look, then try again";
            return problem(StatusCode::INTERNAL_SERVER_ERROR, "unknown", detail);
        }
        AboutAccounts::Account(Ok(_)) | AboutAccounts::Accounts { .. } => return unexpected(),
    };
    refusal.into()
}

fn malformed(rejection: &JsonRejection) -> Problem {
    problem(rejection.status(), "malformed", &rejection.body_text())
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
