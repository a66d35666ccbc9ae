//! The clients against a scripted server on a real socket.

#![expect(clippy::unwrap_used, reason = "in a test it is the failure")]

mod board;
mod chat;
mod failing;
mod fake;
mod http;
mod im;
mod mail;
mod read;
mod send;
mod signal;
