//! The clients' HTTP: requests to a server, and streams of events.
//!
//! Hyper speaks the protocol; it gets its bytes from the transport that all clients share
//! (`wire`), and is run to the end of each request (`running`), so time-outs, Ctrl-C and TLS are
//! those of the other clients. `client` asks, `mailbox` and `channel` know what there is to ask
//! for.

mod channel;
mod client;
mod connection;
mod event;
mod mailbox;
mod running;
mod stream;
mod wire;

pub(crate) use channel::{PageFrom, Told};
pub(crate) use client::HttpClient;
pub(crate) use mailbox::Leased;
