//! The load generator: it dials a server, logs connections in, sends requests
//! and takes the answers.

pub(crate) mod answer;
pub(crate) mod connection;
pub(crate) mod dial;
pub(crate) mod digits;
pub(crate) mod exchange;
pub(crate) mod fleet;
pub(crate) mod http;
pub(crate) mod login;
pub(crate) mod program;
pub(crate) mod request;
pub(crate) mod side;
pub(crate) mod socket;
pub(crate) mod tls;
pub(crate) mod xorshift;
