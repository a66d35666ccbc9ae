//! The protocols, each a state machine without sockets, clock or tasks.
//!
//! A driver feeds a [`Session`] with bytes, replies of the office and elapsed timers,
//! and carries out its [`Outputs`]. Protocols never import each other. The common part
//! of the line protocols, from cutting lines to ordering answers, is in
//! `conversation.rs`; the board has its own state machine.

mod board;
mod chat;
mod conversation;
mod dialogue;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod http;
mod im;
mod line;
mod mailbox;
mod mailbox_verbose;
mod pending;
mod protocol;
mod proxy_header;
mod session;
mod settings;
#[cfg(test)]
mod tests;
pub mod tls;

pub use chat::LISTED_MAX;
pub use chat::settings::ChatSettings;
pub use http::HTTP;
pub use im::settings::ImSettings;
pub use protocol::{PostHandling, Protocol, RenderPost};
pub use proxy_header::{PROXY_HEADER_BYTES_MAX, ProxyHeader, ProxyHeaderError};
pub use session::{
    Category, Close, Dial, DropReason, HttpInput, Input, Login, Outputs, Reading, Report, Session,
    Stream, Timer,
};
pub use settings::Settings;

/// All line protocols, in the order in which their listeners are listed.
pub const PROTOCOLS: &[Protocol] =
    &[mailbox::PROTOCOL, mailbox_verbose::PROTOCOL, im::PROTOCOL, board::PROTOCOL, chat::PROTOCOL];

impl Protocol {
    /// All protocols, HTTP included, in the order in which their listeners are listed.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        PROTOCOLS.iter().chain([&HTTP])
    }

    /// The protocol of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        Self::all().find(|protocol| protocol.name == name)
    }
}
