//! Stored messages survive kills, failing disks and random histories.

mod crash;
mod disk;
mod keys;
mod model;
