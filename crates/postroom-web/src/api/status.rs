//! How the server is.

use postroom_engine::Status;
use postroom_store::StoreUsage;
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
    /// Bytes that may wait for them.
    pub output_bytes_max: usize,
    /// Requests that wait for the disk.
    pub requests_under_way: usize,
    /// Accounts that there are.
    pub accounts: u32,
    /// Accounts that there may be.
    pub accounts_max: u32,
    /// Hashtags that there are.
    pub channels: u32,
    /// Hashtags that there may be.
    pub channels_max: u32,
    /// Unread messages in all mailboxes.
    pub unread: u64,
    /// Unread messages that the retention has removed since the start.
    pub expired_messages: u64,
    /// Posts that it has removed since the start.
    pub expired_posts: u64,
    /// By how many seconds the clock of the system is ahead of that of the retention.
    pub retention_behind_s: u64,
}

impl From<Status> for StatusReport {
    fn from(status: Status) -> Self {
        let StoreUsage { accounts, accounts_max, channels, channels_max, unread, .. } =
            status.usage;
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            connections: status.connections,
            connections_max: status.connections_max,
            before_login: status.before_login,
            output_bytes: status.output_bytes,
            output_bytes_max: status.output_bytes_max,
            requests_under_way: status.calls_under_way,
            accounts,
            accounts_max,
            channels,
            channels_max,
            unread,
            expired_messages: status.expired.messages,
            expired_posts: status.expired.posts,
            retention_behind_s: status.retention_behind.as_secs(),
        }
    }
}
