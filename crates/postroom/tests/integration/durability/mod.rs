//! What is stored survives: kills, failing disks, random histories.

mod crash;
mod disk;
mod model;
