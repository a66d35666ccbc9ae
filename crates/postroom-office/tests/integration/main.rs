//! Tests of the office over a store in memory, through its public interface.

#![expect(clippy::unwrap_used, reason = "in a test it is the failure")]

mod model;
mod telling;
