//! The engine with simulated clients, network, clock and disk.
//!
//! A [`Driver`] does for an [`Engine`](postroom_engine::Engine) what the server does with
//! sockets, threads and a disk, and its owner decides when. [`simulate()`] is an owner that a
//! seed decides: clients of all protocols behave well and badly, the network, the store,
//! the process and the clock fail, and judges that know only what clients do and see check
//! each promise.

#![expect(clippy::missing_panics_doc, reason = "a panic is how a defect shows")]

mod act;
mod administration;
mod campaign;
mod checks;
mod clients;
mod copied;
mod disk;
mod driver;
mod ending;
mod expiry;
mod history;
mod judge;
mod kept;
mod link;
mod lock;
mod memory;
mod network;
mod operator;
mod passwords;
mod peer;
mod person;
#[cfg(feature = "faults")]
mod prove;
mod random;
mod reader;
mod running;
mod scenario;
mod segment;
mod server;
mod simulate;
mod sqlite;
mod tally;
mod texts;
mod tls;
mod world;

pub use campaign::{Found, simulate_all};
pub use disk::Disk;
pub use driver::{Driver, PORT};
pub use passwords::{delete, set_password};
pub use peer::{HeldDial, PeerKey, Taken};
#[cfg(feature = "faults")]
pub use prove::prove;
pub use running::Running;
pub use simulate::{Case, Cut, Failure, On, replay, shrink, simulate};
pub use tally::Tally;
