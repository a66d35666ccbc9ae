//! The protocols, each a state machine without socket, clock or task.
//!
//! A driver feeds a [`Session`] with bytes, replies of the office and elapsed
//! timers, and carries out what its [`Outputs`] ask for. Protocols never import
//! each other. What the line protocols share, from cutting lines to answering in
//! their order, is in `conversation.rs`; the board has a state machine of its own.

mod board;
mod chat;
mod conversation;
mod im;
mod line;
mod mailbox;
mod mailbox_verbose;
mod session;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

pub use session::{
    Category, Close, Dial, DropReason, Input, Login, Outputs, Report, Session, Settings, Stream,
    Timer,
};

/// A protocol that a listener can speak.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// What it is called in the configuration and on the command line.
    pub name: &'static str,
    /// The port on the loopback address where it is found unless configured
    /// otherwise.
    pub default_port: u16,
    /// Whether the operator's report tells when a client is gone.
    pub reports: bool,
    /// Begins a session for a connection just accepted.
    pub begin: fn(&Settings, &mut Outputs) -> Box<dyn Session>,
}

/// All protocols there are, in the order in which listeners are told.
pub const PROTOCOLS: &[Protocol] = &[
    Protocol { name: "mailbox", default_port: 4401, reports: false, begin: mailbox::begin },
    Protocol {
        name: "mailbox-verbose",
        default_port: 4402,
        reports: false,
        begin: mailbox_verbose::begin,
    },
    Protocol { name: "im", default_port: 4403, reports: false, begin: im::begin },
    Protocol { name: "board", default_port: 4404, reports: true, begin: board::begin },
    Protocol { name: "chat", default_port: 4405, reports: false, begin: chat::begin },
];

impl Protocol {
    /// The protocol of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        PROTOCOLS.iter().find(|protocol| protocol.name == name)
    }

    /// Where it is found unless configured otherwise.
    #[must_use]
    pub fn default_address(&self) -> SocketAddr {
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.default_port).into()
    }
}
