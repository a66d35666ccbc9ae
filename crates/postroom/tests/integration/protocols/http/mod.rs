//! HTTP.

mod channels;
mod clients;
mod keys;
mod live;
mod mailboxes;
mod openapi;
mod requests;
mod websockets;
