//! Disks that fail, disks that are full, files that are damaged, and whether the
//! server waits for them.

mod damage;
mod failing;
mod full;
mod order;
