//! HTTP.

mod channels;
mod clients;
mod examples;
mod kept;
mod keys;
mod live;
mod mailboxes;
mod openapi;
mod private_channels;
mod requests;
mod rude;
mod websockets;
