//! The endpoints of the API.

mod caller;
mod channels;
mod mailbox;
mod parse;
mod problems;
mod query;

use axum::Router;
use axum::routing::{delete, get, post};

use super::problem::{METHOD, Problem, UNKNOWN_PATH};

pub(super) fn router() -> Router {
    Router::new()
        .route("/~", get(mailbox::count))
        .route("/~/lease", post(mailbox::lease))
        .route("/~/{id}", delete(mailbox::confirm))
        .route("/{mailbox}", post(mailbox::send))
        .route("/api/v1/channels/{channel}/posts", get(channels::history).post(channels::post))
        .route("/api/v1/channels/{channel}/stream", get(channels::stream))
        .route("/api/v1/problems/{word}", get(problems::describe))
        .fallback(async || unknown_path())
        .method_not_allowed_fallback(async || {
            Problem::new(&METHOD, "this path is asked with another method")
        })
}

fn unknown_path() -> Problem {
    Problem::new(&UNKNOWN_PATH, "there is no such path; a mailbox is /~NAME, the API is /api/v1/")
}
