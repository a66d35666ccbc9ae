//! Postroom at its outer edge: the program itself, real sockets, real signals,
//! real disks.

#![expect(clippy::unwrap_used, reason = "in a test it is the failure")]

mod bad_input;
mod board;
mod chat;
mod crash;
mod crowd;
mod cut;
mod disk;
mod habits;
mod im;
mod live_clients;
mod log_lines;
mod logged;
mod messenger;
mod model;
mod network;
mod other_listener;
mod password_file;
mod passwords;
mod presence;
mod race;
mod reading;
mod report;
mod scripted;
mod serve;
mod support;
mod terminal;
mod time_limits;
mod transcript;
mod transcripts;
mod wire;
