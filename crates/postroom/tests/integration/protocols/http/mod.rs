//! HTTP.

mod channels;
mod mailboxes;
mod requests;
