//! How the server is.

use postroom_engine::Status;
use serde::{Deserialize, Serialize};

/// How the server is: `GET /v1/status`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct StatusReport {
    /// The version of the program.
    pub version: String,
    /// Connections that there are.
    pub connections: usize,
    /// Connections that there may be.
    pub connections_max: usize,
    /// Those that wait for their login.
    pub before_login: usize,
    /// Bytes that wait for clients.
    pub output_bytes: usize,
    /// Requests that wait for the disk.
    pub requests_under_way: usize,
}

impl From<Status> for StatusReport {
    fn from(status: Status) -> Self {
        let Status { connections, connections_max, before_login, output_bytes, calls_under_way } =
            status;
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            connections,
            connections_max,
            before_login,
            output_bytes,
            requests_under_way: calls_under_way,
        }
    }
}
