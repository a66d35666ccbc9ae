//! What there is of an account.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::{Query, Reader};
use crate::api::Problem;
use crate::orders::name;

#[derive(Deserialize)]
pub(super) struct Whose {
    account: String,
}

pub(super) async fn export(
    State(reader): State<Arc<Reader>>,
    Query(Whose { account }): Query<Whose>,
) -> Result<Response, Problem> {
    let name = name(&account)?;
    let (archive, subject) = (Arc::clone(&reader.archive), name.to_string());
    let response = reader.exports.answer(move || archive.export(&name)).await?;
    // It has what is written to somebody else: whoever reads the trail shall see that.
    tracing::info!(subject, audit = "administration", "an operator: account exported");
    Ok(response)
}
