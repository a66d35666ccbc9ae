//! The properties of a protocol that its listeners use.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use postroom_model::{Access, Guest, Posted};

use crate::session::{Outputs, Session};
use crate::settings::Settings;

/// A protocol that a listener can serve.
#[derive(Clone, Copy, Debug)]
pub struct Protocol {
    /// Its name in the configuration and on the command line.
    pub name: &'static str,
    /// Its port on the loopback address unless configured otherwise.
    pub default_port: u16,
    /// Whether its clients log in.
    pub has_accounts: bool,
    /// Who its clients are that do not log in, if it lets such do anything.
    pub guest: Option<Guest>,
    /// Whether the operator's report has a line when a client disconnects.
    pub reports: bool,
    /// Whether its connections are handed over to a driver of their own, which reads and
    /// writes them.
    pub is_handed_over: bool,
    /// What its sessions have to do with posts.
    pub posts: PostHandling,
    /// What a connection is told for which no session begins, because its address has too
    /// many: a line, or nothing.
    pub refusal: &'static str,
    /// Begins a session for a connection just accepted, at a listener that gives it this
    /// access.
    pub begin: fn(&Settings, Access, &mut Outputs) -> Box<dyn Session>,
}

/// What the sessions of a protocol have to do with posts.
#[derive(Clone, Copy, Debug)]
pub enum PostHandling {
    /// They neither post nor are told of posts.
    None,
    /// They are told of posts as events, and queue them themselves, however slowly the
    /// client reads.
    Queued,
    /// They are told of posts by lines. The driver keeps the posts, and writes the lines
    /// while [`Session::shows_posts`] is true.
    Rendered(RenderPost),
}

/// Appends the line of a post, or several, the same for all sessions of a protocol: many are told by
/// the bytes that were written for the first.
pub type RenderPost = fn(&Posted, &mut Vec<u8>);

impl Protocol {
    /// Its address unless configured otherwise.
    #[must_use]
    pub fn default_address(&self) -> SocketAddr {
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, self.default_port).into()
    }

    /// Whether its sessions post, or are told of posts.
    #[must_use]
    pub fn has_posts(&self) -> bool {
        !matches!(self.posts, PostHandling::None)
    }
}
