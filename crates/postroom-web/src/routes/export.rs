//! What there is of an account.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::Reader;
use crate::api::Problem;
use crate::orders::{name, problem};

#[derive(Deserialize)]
pub(super) struct Whose {
    account: String,
}

pub(super) async fn export(
    State(reader): State<Arc<Reader>>,
    whose: Result<Query<Whose>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Whose { account }) = whose
        .map_err(|rejection| problem(rejection.status(), "malformed", &rejection.body_text()))?;
    let name = name(&account)?;
    let archive = Arc::clone(&reader.archive);
    reader.exports.answer(move || archive.export(&name)).await
}
