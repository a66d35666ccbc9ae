//! What the kinds of problems are.

use axum::response::{IntoResponse as _, Response};

use super::query::Path;
use super::unknown_path;
use crate::http::problem::KINDS;

/// `GET /api/v1/problems/WORD`: describes a kind of problem.
pub(super) async fn describe(Path(word): Path<String>) -> Response {
    match KINDS.iter().find(|kind| kind.word == word) {
        Some(kind) => format!("{} (status {})\n{}\n", kind.word, kind.status.as_u16(), kind.title)
            .into_response(),
        None => unknown_path().into_response(),
    }
}
