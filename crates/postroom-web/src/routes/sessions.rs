//! Sessions.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use postroom_engine::{AdminAnswer, AdminRequest, Kick};
use postroom_server::Administrator;

use super::{Answer, From, Query, ask, malformed, unexpected};
use crate::api::{Kicked, SessionPage, Whose};
use crate::orders::name;

pub(super) async fn sessions(
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

pub(super) async fn kick(
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
