//! The office over a store in memory, as its driver sees it.

#![expect(clippy::unwrap_used, reason = "in a test it is the failure")]

mod model;
mod telling;
