//! Postroom at its outer edge: the program itself, real sockets, real signals,
//! real disks.

#![expect(clippy::unwrap_used, reason = "in a test it is the failure")]

mod clients;
mod durability;
mod harness;
mod limits;
mod operation;
mod protocols;
mod tls;
