//! HTTP.

mod channels;
mod clients;
mod live;
mod mailboxes;
mod openapi;
mod requests;
mod websockets;
