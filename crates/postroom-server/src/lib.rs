//! The server: the driver of the [engine](postroom_engine). It owns sockets, clock,
//! signals and threads; the engine makes all decisions.
//!
//! One thread does everything but hashing passwords, reading the password file and
//! checkpoints: it polls sockets, feeds the engine, runs the store's job, and transmits
//! the engine's output. While a commit syncs, the next group gathers in the sockets; no
//! message is handed from one thread to another. Once the disk is slow, jobs run on a
//! thread too (`commits.rs`): then the loop waits for no sync.

mod accept;
mod administration;
mod certificate;
mod commits;
mod connection;
mod dial;
mod event_loop;
mod handshakes;
mod http;
mod http_gate;
mod listener;
mod log_line;
mod metrics;
mod new_settings;
mod parts;
mod passed;
mod proxied;
mod reload;
mod salt;
mod service_manager;
mod settings;
mod signals;
mod socket;
mod sockets;
mod threads;
mod transport;

use std::io;
use std::net::SocketAddr;

use postroom_engine::Listener;
use postroom_store::StoreFailure;
use thiserror::Error;

pub use administration::{Administrator, NotAsked};
pub use certificate::{CertificateError, CertificateFiles, TlsSettings};
pub use commits::{CommitPath, CommitSettings, timestamp as now};
pub use event_loop::Server;
pub use http_gate::{HttpBusy, HttpDriver, HttpGate, HttpHandover, ToHttp};
pub use listener::{BoundListener, KeepAlive, ListenError, open_listeners};
pub use metrics::{CommitMetrics, ServerMetrics};
pub use new_settings::{
    LogControl, NewSettings, ReloadSummary, SettingsError, SettingsSource, logs_requests,
};
pub use parts::{Parts, PasswordSource, Passwords, Reporter};
pub use passed::{PassedError, PassedSockets};
pub use salt::salt;
pub use service_manager::ServiceManager;
pub use settings::ServerSettings;
pub use signals::CaughtSignals;
pub use socket::{Received, raise_descriptor_limit, received, unacknowledged_bytes};

/// Why a running server ended without a stop.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The store no longer knows what is on disk.
    #[error(transparent)]
    Store(#[from] StoreFailure),
    /// A thread has panicked: a defect of this program.
    #[error(
        "the thread {thread} has panicked; nothing more was acknowledged; \
         report this defect, then start again"
    )]
    Panicked {
        /// Its name.
        thread: String,
    },
    /// A system call failed that the server needs.
    #[error("cannot {what}: {cause}")]
    System {
        /// The action that failed.
        what: &'static str,
        /// The operating system's error.
        cause: io::Error,
    },
}

/// The address of a listener, and the settings that its connections inherit.
#[derive(Clone, Copy, Debug)]
pub struct ListenerSettings {
    /// The settings that connections inherit.
    pub listener: Listener,
    /// The address; port 0 takes a free port.
    pub address: SocketAddr,
}
