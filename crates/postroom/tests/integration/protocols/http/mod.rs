//! HTTP.

mod channels;
mod clients;
mod examples;
mod keys;
mod live;
mod mailboxes;
mod openapi;
mod requests;
mod websockets;
