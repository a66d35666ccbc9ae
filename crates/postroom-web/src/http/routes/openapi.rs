//! The description of the API, for programs.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};

/// The document, in `OpenAPI` 3.1.
pub(super) const DOCUMENT: &str = include_str!("../openapi.json");

/// `GET /api/v1/openapi.json`: the document.
pub(super) async fn document() -> Response {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}
