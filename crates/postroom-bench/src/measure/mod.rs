//! What is measured: time, CPU, memory and latencies, round by round, the
//! tables that show them, and the floors of the machine beside them.
//!
//! Nothing here knows how load is generated.

pub(crate) mod bare_server;
pub(crate) mod cpu;
pub(crate) mod disk;
pub(crate) mod machine;
pub(crate) mod measurement;
pub(crate) mod memory;
pub(crate) mod pairs;
pub(crate) mod process;
pub(crate) mod rounds;
pub(crate) mod schedule;
pub(crate) mod table;
pub(crate) mod tally;
