//! The engine with simulated clients, network, clock and disk.
//!
//! A [`Driver`] does for an [`Engine`](postroom_engine::Engine) what the server does with
//! sockets, threads and a disk, and its owner decides when.

#![expect(clippy::missing_panics_doc, reason = "a panic is how a defect shows")]

mod disk;
mod driver;
mod peer;
mod running;

pub use disk::Disk;
pub use driver::{Driver, PORT};
pub use peer::{HeldDial, PeerKey, Taken};
pub use running::Running;
