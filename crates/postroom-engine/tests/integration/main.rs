//! The engine over a store in memory, driven as a server drives it.

#![expect(clippy::unwrap_used, reason = "in a test it is the failure")]

mod access;
mod administration;
mod announcements;
mod bans;
mod busy_channels;
mod clients;
mod creation;
mod devices;
mod guests;
mod http;
mod late;
mod laws;
mod limits;
mod lines;
mod logins;
mod mail;
mod metrics;
mod once;
mod own_account;
mod peers;
mod posts;
mod private_channels;
mod proxied;
mod rates;
mod retention;
mod settings;
mod several_lines;
mod slow_readers;
mod slow_store;
mod transcripts;
mod turn_limits;
mod turns;
