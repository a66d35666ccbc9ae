//! The clients: `postroom mail`, `im`, `chat`, `board`, `send` and `read`.

mod defaults;
mod live_clients;
mod other_listener;
mod scripted;
