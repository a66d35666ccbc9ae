//! HTTP.

mod channels;
mod clients;
mod mailboxes;
mod openapi;
mod requests;
mod websockets;
