//! What an account has read and sent, to be read again.

use axum::Json;
use serde::Serialize;

use super::caller::{Caller, Shared};
use super::query::{Begins, PageArguments, Query, query_of};
use crate::http::kept::{self, KeptLine};
use crate::http::problem::Problem;

/// A page of what an account has read and sent.
#[derive(Serialize)]
pub(super) struct Kept {
    /// From the latest back, or with `from`, `after` and `since` from there on.
    messages: Vec<KeptLine>,
    /// The query of the next page in the same direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `GET /api/v1/mailbox/read`: reads again what the account has read and sent.
pub(super) async fn read_again(
    Query(arguments): Query<PageArguments>,
    Caller(session): Caller,
    Shared(common): Shared,
) -> Result<Json<Kept>, Problem> {
    let (begins, count) = arguments.begins()?;
    let from = match begins {
        Begins::At(from) => from,
        Begins::Since(time) => kept::since(&common, time).await?,
    };
    let page = kept::read_page(&common, &session, from, count).await?;
    let messages = page.messages.iter().map(KeptLine::of).collect();
    Ok(Json(Kept { messages, next: page.next.and_then(query_of) }))
}
