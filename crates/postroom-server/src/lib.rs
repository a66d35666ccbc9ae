//! The server: the only part of Postroom that touches sockets, clocks, signals
//! and threads.
//!
//! One thread does everything but hashing passwords, reading the password file and
//! moving the store's log: it waits for sockets, feeds what came to the sessions, commits in one group
//! what they asked for, and then writes all answers. While a commit syncs, the
//! next group gathers in the sockets; no message is ever handed from one thread
//! to another.

mod accept;
mod acknowledgement;
mod answer;
mod audit;
mod before_login;
mod connection;
mod dial;
mod event_loop;
mod input;
mod listener;
mod seat;
mod settings;
mod signals;
mod socket;
mod spare;
mod tell;
mod threads;
mod timers;

use std::io;
use std::net::SocketAddr;

use postroom_protocol::Protocol;
use postroom_store::StoreFailure;
use thiserror::Error;

pub use event_loop::{Parts, PasswordSource, Passwords, Reporter, Server};
pub use listener::{BoundListener, KeepAlive, ListenError, bind};
pub use settings::{Proof, ServerSettings};
pub use signals::CaughtSignals;
pub use socket::raise_descriptor_limit;

/// Why a running server ended otherwise than asked.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The store can no longer say what is on disk.
    #[error(transparent)]
    Store(#[from] StoreFailure),
    /// A thread has come upon a defect of this program.
    #[error(
        "the thread {thread} has panicked; nothing more was acknowledged; \
         report this defect, then start again"
    )]
    Panicked {
        /// Its name.
        thread: String,
    },
    /// The operating system refused what the server cannot do without.
    #[error("cannot {what}: {cause}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the operating system said.
        cause: io::Error,
    },
}

/// An address and the protocol spoken there.
#[derive(Clone, Copy, Debug)]
pub struct ListenerAddress {
    /// The protocol.
    pub protocol: &'static Protocol,
    /// The address; port 0 takes a free port.
    pub address: SocketAddr,
}
