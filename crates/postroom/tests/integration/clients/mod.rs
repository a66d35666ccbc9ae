//! The clients: `postroom mail`, `im`, `chat`, `board`, `send`, `read`, `tail`, `post` and
//! `history`.

mod defaults;
mod live_clients;
mod other_listener;
mod over_http;
mod scripted;
