//! What the tests share: servers, clients, terminals, networks, disks and the
//! player of transcripts.

pub(crate) mod chat;
pub(crate) mod client;
pub(crate) mod fake_server;
pub(crate) mod fallible;
pub(crate) mod http;
pub(crate) mod im;
pub(crate) mod logged;
pub(crate) mod network;
pub(crate) mod operator;
pub(crate) mod screen;
pub(crate) mod small_disk;
pub(crate) mod strace;
pub(crate) mod stream;
pub(crate) mod support;
pub(crate) mod tcp_stage;
pub(crate) mod terminal;
pub(crate) mod tls;
