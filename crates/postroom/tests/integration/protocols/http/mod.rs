//! HTTP.

mod mailboxes;
mod requests;
