//! What a request has stored, and how it is stored once if it comes twice.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use postroom_model::{IdempotencyKey, Once, Reply, Request};
use serde::Serialize;

use super::caller::Writer;
use crate::http::link::Session;
use crate::http::problem::{KEY, Problem};
use crate::http::reply::{key_refused, not_replied, unexpected};

/// The header by which a client repeats a request.
const KEY_HEADER: &str = "idempotency-key";

/// The header of an answer that repeats an earlier one.
const REPLAYED_HEADER: &str = "idempotent-replayed";

/// Stores what a request asks for; once, if it has a key.
pub(super) struct Storing {
    writer: Writer,
    key: Option<IdempotencyKey>,
}

/// Something is on disk.
pub(super) enum Stored<T> {
    /// By this request.
    Now(T),
    /// By an earlier one with the same key.
    Before(T),
}

impl<S: Send + Sync> FromRequestParts<S> for Storing {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let key = key(&parts.headers)?;
        let writer = Writer::from_request_parts(parts, state).await?;
        if key.is_some() && writer.0.is_anonymous() {
            let detail = "a request without a login has no idempotency key: a key is its account's";
            return Err(Problem::new(&KEY, detail));
        }
        Ok(Self { writer, key })
    }
}

/// The key of a request, if it has one.
fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, Problem> {
    let mut values = headers.get_all(KEY_HEADER).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => IdempotencyKey::new(value.as_bytes())
            .map(Some)
            .map_err(|error| Problem::new(&KEY, error.to_string())),
        (Some(_), Some(_)) => {
            Err(Problem::new(&KEY, format!("the request has the header {KEY_HEADER} twice")))
        }
    }
}

impl Storing {
    /// Asks the server for it.
    pub(super) async fn ask(self, request: Request) -> Result<Reply, Problem> {
        let Self { writer, key } = self;
        let session: &Session = &writer.0;
        let request = match key {
            Some(key) => Request::Once(Once::new(key, request).ok_or_else(unexpected)?),
            None => request,
        };
        match session.ask(request).await.map_err(not_replied)? {
            Reply::KeyRefused(refusal) => Err(key_refused(refusal)),
            reply => Ok(reply),
        }
    }
}

impl<T: Serialize> IntoResponse for Stored<T> {
    fn into_response(self) -> Response {
        match self {
            Self::Now(stored) => (StatusCode::CREATED, Json(stored)).into_response(),
            Self::Before(stored) => {
                let replayed = [(REPLAYED_HEADER, "true")];
                (StatusCode::CREATED, replayed, Json(stored)).into_response()
            }
        }
    }
}
