//! The check of the store.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::Reader;
use crate::api::Problem;

pub(super) async fn check(State(reader): State<Arc<Reader>>) -> Result<Response, Problem> {
    let archive = Arc::clone(&reader.archive);
    reader.checks.answer(move || archive.check()).await
}
