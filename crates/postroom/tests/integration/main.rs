//! Postroom at its outer edge: the program itself, real sockets, real signals,
//! real disks.

#![expect(clippy::unwrap_used, reason = "in a test it is the failure")]

mod bad_input;
mod crash;
mod disk;
mod habits;
mod live_clients;
mod model;
mod race;
mod reading;
mod serve;
mod support;
mod time_limits;
mod transcript;
mod transcripts;
mod wire;
