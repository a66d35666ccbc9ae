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
    let (archive, subject) = (Arc::clone(&reader.archive), name.to_string());
    let response = reader.exports.answer(move || archive.export(&name)).await?;
    // It has what is written to somebody else: whoever reads the trail shall see that.
    tracing::info!(subject, audit = "administration", "an operator: account exported");
    Ok(response)
}
