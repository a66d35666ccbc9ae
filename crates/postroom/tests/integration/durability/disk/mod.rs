//! Disks that fail, are full or slow, files that are damaged, and syncs before answers.

mod damage;
mod failing;
mod full;
mod order;
mod slow;
