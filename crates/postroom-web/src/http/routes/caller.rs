//! Who makes a request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use postroom_model::Anonymous;

use crate::http::connection::{Client, Common};
use crate::http::credentials;
use crate::http::link::Session;
use crate::http::problem::Problem;
use crate::http::receipts::Receipts;
use crate::http::reply::{unexpected, wrong_credentials};

/// The session of the account that a request proves.
pub(super) struct Caller(pub(super) Arc<Session>);

/// The session of who may write: as their account, or without a login where the listener lets
/// such clients write.
pub(super) struct Writer(pub(super) Arc<Session>);

/// The session of who may read channels.
pub(super) struct Reader(pub(super) Arc<Session>);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        session(parts, |_| false).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Writer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        session(parts, |anonymous| anonymous == Anonymous::Post).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        session(parts, |anonymous| anonymous != Anonymous::None).await.map(Self)
    }
}

async fn session(
    parts: &Parts,
    may_be_anonymous: fn(Anonymous) -> bool,
) -> Result<Arc<Session>, Problem> {
    let client = parts.extensions.get::<Arc<Client>>().map(Arc::clone);
    let client = client.ok_or_else(unexpected)?;
    let sent = credentials::sent(&parts.headers)?;
    if sent.is_none() && !may_be_anonymous(client.anonymous()) {
        return Err(wrong_credentials());
    }
    client.session(sent).await
}

/// What proves that the response has arrived, if anything does.
pub(super) struct ReceiptProof(pub(super) Option<Arc<Receipts>>);

impl<S: Send + Sync> FromRequestParts<S> for ReceiptProof {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let client = parts.extensions.get::<Arc<Client>>().ok_or_else(unexpected)?;
        Ok(Self(client.receipts(parts).map(Arc::clone)))
    }
}

/// What all connections share.
pub(super) struct Shared(pub(super) Arc<Common>);

impl<S: Send + Sync> FromRequestParts<S> for Shared {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let client = parts.extensions.get::<Arc<Client>>().ok_or_else(unexpected)?;
        Ok(Self(Arc::clone(client.common())))
    }
}
