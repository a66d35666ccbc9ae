//! The properties of a protocol that its listeners use.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use crate::session::{Outputs, Session};
use crate::settings::Settings;

/// A protocol that a listener can serve.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// Its name in the configuration and on the command line.
    pub name: &'static str,
    /// Its port on the loopback address unless configured otherwise.
    pub default_port: u16,
    /// Whether the operator's report has a line when a client disconnects.
    pub reports: bool,
    /// Whether its sessions post, or are told of posts.
    pub has_posts: bool,
    /// Whether its sessions queue posts themselves, however slowly the client reads. For
    /// others the driver keeps the posts.
    pub queues_posts: bool,
    /// Begins a session for a connection just accepted.
    pub begin: fn(&Settings, &mut Outputs) -> Box<dyn Session>,
}

impl Protocol {
    /// Its address unless configured otherwise.
    #[must_use]
    pub fn default_address(&self) -> SocketAddr {
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.default_port).into()
    }
}
