//! Accounts.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use postroom_engine::{AboutAccounts, AdminAnswer, AdminRequest};
use postroom_server::Administrator;
use postroom_store::AccountId;

use super::{Answer, From, ask, malformed, unexpected};
use crate::api::{AccountDone, AccountOrder, AccountPage, Problem};
use crate::orders::problem;

pub(super) async fn accounts(
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

pub(super) async fn account(
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
