//! The three clients against a scripted server on a real socket.

#![expect(clippy::unwrap_used, reason = "in a test it is the failure")]

mod failing;
mod fake;
mod mail;
mod read;
mod send;
mod signal;
