//! Bans.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use postroom_engine::{AboutBan, AdminAnswer, AdminRequest, BanRequest};
use postroom_server::Administrator;
use postroom_store::BanPlace;
use serde::Deserialize;

use super::{Answer, Query, ask, malformed, unexpected};
use crate::api::{BanDone, BanOrder, BanPage, UnbanOrder};
use crate::orders::problem;

#[derive(Deserialize)]
pub(super) struct FromBan {
    #[serde(default)]
    from: u64,
}

pub(super) async fn bans(
    State(administrator): State<Administrator>,
    Query(FromBan { from }): Query<FromBan>,
) -> Answer<BanPage> {
    match ask(&administrator, AdminRequest::Bans { from: BanPlace(from) }).await? {
        AdminAnswer::Bans(page) => Ok(Json(page.into())),
        _ => Err(unexpected()),
    }
}

pub(super) async fn ban(
    State(administrator): State<Administrator>,
    order: Result<Json<BanOrder>, JsonRejection>,
) -> Answer<BanDone> {
    let Json(order) = order.map_err(|rejection| malformed(&rejection))?;
    carry_out(&administrator, order.request()?).await
}

pub(super) async fn unban(
    State(administrator): State<Administrator>,
    order: Result<Json<UnbanOrder>, JsonRejection>,
) -> Answer<BanDone> {
    let Json(order) = order.map_err(|rejection| malformed(&rejection))?;
    carry_out(&administrator, order.request()?).await
}

async fn carry_out(administrator: &Administrator, request: BanRequest) -> Answer<BanDone> {
    match ask(administrator, AdminRequest::Ban(request)).await? {
        AdminAnswer::Ban(AboutBan::Done(Ok(answer))) => Ok(Json(answer.into())),
        AdminAnswer::Ban(AboutBan::Done(Err(refusal))) => Err(refusal.into()),
        AdminAnswer::Ban(AboutBan::Unavailable) => {
            let detail = "the store cannot do it now; nothing was changed";
            Err(problem(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail))
        }
        AdminAnswer::Ban(AboutBan::Unknown) => {
            let detail = "the store cannot say whether it was done; list the bans, then try again";
            Err(problem(StatusCode::INTERNAL_SERVER_ERROR, "unknown", detail))
        }
        _ => Err(unexpected()),
    }
}
