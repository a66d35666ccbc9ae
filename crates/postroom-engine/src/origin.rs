//! Where a session comes from, for the log.

use std::net::SocketAddr;

use smol_str::SmolStr;

use crate::listener::ListenerName;

/// Where a session comes from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The client's address.
    pub peer: SocketAddr,
    /// The listener's name.
    pub listener: ListenerName,
    /// The account that it has logged in as, or else tried last.
    pub account: Option<SmolStr>,
}
