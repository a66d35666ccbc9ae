//! The HTTP listeners: an API under `/api/v1/`, and mailboxes under `/~NAME`.
//!
//! The event loop accepts connections, applies limits and bans, and hands them over. Here they
//! are served on a thread of their own, which asks the loop by sessions, as other listeners do.
//! docs/http.md describes the API.

mod answers;
mod connection;
mod connections;
mod credentials;
mod event;
mod feeds;
mod guard;
mod histories;
mod kept;
mod link;
mod live;
mod mail;
mod message;
mod posts;
mod problem;
mod receipts;
mod reply;
mod routes;
mod runtime;
mod stream;
mod streams;
mod websocket;

pub use guard::{HostName, HttpSettings, OriginName};
pub use histories::HistorySource;
pub use runtime::{HttpChannel, HttpThread, http_channel};
