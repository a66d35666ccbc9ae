//! The administration of a running server: an HTTP/JSON API on a Unix socket in the data
//! folder, on a thread of its own, and its client. docs/administration.md describes it.

mod api;
mod archive;
mod client;
mod orders;
mod routes;
mod socket;

pub use api::{
    AccountDone, AccountLine, AccountOrder, AccountPage, ChannelDone, ChannelLine, ChannelOrder,
    ChannelPage, CheckLine, Counts, Kicked, LogLevel, Problem, Reloaded, SessionLine, SessionPage,
    StatusReport, Whose,
};
pub use archive::{Archive, ReadFailure, Reading};
pub use client::{AdminClient, ClientError};
pub use orders::channel;
pub use socket::{AdminSocket, AdminThread, SOCKET, SocketError};
