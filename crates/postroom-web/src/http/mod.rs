//! The HTTP listeners: an API under `/api/v1/`, and mailboxes under `/~NAME`.
//!
//! The event loop accepts connections, applies limits and bans, and hands them over. Here they
//! are served on a thread of their own, which asks the loop by sessions, as other listeners do.
//! docs/http.md describes the API.

mod connection;
mod connections;
mod credentials;
mod guard;
mod link;
mod problem;
mod receipts;
mod reply;
mod routes;
mod runtime;
mod stream;

pub use guard::{HostName, HttpSettings, OriginName};
pub use runtime::{HttpChannel, HttpThread, http_channel};
