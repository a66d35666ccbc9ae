//! Disks that fail or are full, files that are damaged, and syncs before answers.

mod damage;
mod failing;
mod full;
mod order;
