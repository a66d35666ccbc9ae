//! The server: the only part of Postroom that touches sockets, clocks, signals
//! and threads. It drives the [engine](postroom_engine), which decides everything.
//!
//! One thread does everything but hashing passwords, reading the password file and
//! checkpoints: it waits for sockets, gives the engine what came, runs the store's job,
//! and transmits what the engine puts out. While a commit syncs, the next group gathers
//! in the sockets; no message is ever handed from one thread to another.

mod accept;
mod connection;
mod dial;
mod event_loop;
mod listener;
mod log_line;
mod parts;
mod settings;
mod signals;
mod socket;
mod threads;
mod transport;

use std::io;
use std::net::SocketAddr;

use postroom_engine::Listener;
use postroom_store::StoreFailure;
use thiserror::Error;

pub use event_loop::Server;
pub use listener::{BoundListener, KeepAlive, ListenError, bind};
pub use parts::{Parts, PasswordSource, Passwords, Reporter};
pub use settings::ServerSettings;
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

/// An address, and what connections inherit from the listener there.
#[derive(Clone, Copy, Debug)]
pub struct ListenerSettings {
    /// What connections inherit.
    pub listener: Listener,
    /// The address; port 0 takes a free port.
    pub address: SocketAddr,
}
