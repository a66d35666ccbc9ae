//! What the tests share: servers, clients, terminals, networks, disks and the
//! player of transcripts.

pub(crate) mod chat;
pub(crate) mod client;
pub(crate) mod fallible;
pub(crate) mod im;
pub(crate) mod logged;
pub(crate) mod network;
pub(crate) mod peer;
pub(crate) mod screen;
pub(crate) mod small_disk;
pub(crate) mod support;
pub(crate) mod terminal;
pub(crate) mod trace;
pub(crate) mod transcript;
