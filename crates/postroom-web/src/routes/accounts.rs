//! Accounts.

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use postroom_engine::{AboutAccounts, AdminAnswer, AdminRequest};
use postroom_server::Administrator;
use postroom_store::AccountId;

use super::{Answer, From, Query, ask, malformed, unavailable, unexpected, unknown};
use crate::api::{AccountDone, AccountOrder, AccountPage, Problem};

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
        AboutAccounts::Unavailable => return unavailable(),
        AboutAccounts::Unknown => return unknown(),
        AboutAccounts::Account(Ok(_)) | AboutAccounts::Accounts { .. } => return unexpected(),
    };
    refusal.into()
}
