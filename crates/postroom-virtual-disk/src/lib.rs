//! A disk that does what a bad disk does, for tests of programs that keep data in SQLite.
//!
//! A [`VirtualDisk`] is an SQLite VFS around the default one: the files are real, best on
//! a RAM disk. It can
//!
//! - **lose power** ([`VirtualDisk::cut_power`], [`VirtualDisk::cut_power_in`]): of the
//!   writes to each file since its last sync none, the first ones or any may survive, the
//!   last survivor perhaps in part;
//! - **fail** ([`VirtualDisk::fail_next`], [`VirtualDisk::fail_often`]) to read, write or
//!   sync, and **be full** ([`VirtualDisk::set_full`]);
//! - **flip bits** ([`VirtualDisk::flip_bits`]);
//! - **lie** about syncs ([`VirtualDisk::set_lying`]), which shows that a test finds lost
//!   data at all;
//! - let the process **be killed** ([`VirtualDisk::kill`]) while it goes on in truth.
//!
//! All of it follows from one seed, as long as one thread at a time uses the disk.
//!
//! # What is simplified
//!
//! That a file was created or deleted survives a cut at once. The VFS does not see what a
//! program writes to a file directly: a cut may undo it where it is newer than the last
//! sync that the VFS saw. The VFS never syncs its files in truth.
//!
//! SQLite takes the salts of write-ahead logs from a generator of the whole process. So
//! from one seed come the same table files, and logs that differ in salts and checksums
//! alone; nothing that a disk does depends on those.
//!
//! # How a file is kept
//!
//! `vfs` has the functions that SQLite calls, and all unsafe code. They ask the `Handle` of
//! their file, which decides with the disk's `State` what becomes of an operation. For each
//! file the `State` has its `History`: the changes since the last sync, and how to undo
//! them.

mod counts;
mod faults;
mod history;
mod medium;
mod state;
#[cfg(test)]
mod tests;
mod vfs;
mod virtual_disk;

pub use counts::{Counts, Loss};
pub use faults::Fault;
pub use virtual_disk::{Flip, VirtualDisk};
