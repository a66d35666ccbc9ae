//! The workloads, one for each subcommand, and the channel that three of them
//! share.

pub(crate) mod beside;
pub(crate) mod channel;
pub(crate) mod crash;
pub(crate) mod echo;
pub(crate) mod fanout;
pub(crate) mod fill;
pub(crate) mod idle;
pub(crate) mod private;
pub(crate) mod read;
pub(crate) mod send;
pub(crate) mod slow_member;
pub(crate) mod start;
pub(crate) mod web_server;
