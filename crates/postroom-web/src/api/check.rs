//! What a check tells.

use serde::{Deserialize, Serialize};

/// A line of `GET /v1/check`. The last one is an `End` or a `Failed`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum CheckLine {
    /// A record is damaged.
    Record {
        /// Its table.
        table: String,
        /// Its key there.
        key: i64,
        /// What is wrong with it.
        what: String,
    },
    /// The structure of the file is damaged.
    File {
        /// In which way.
        what: String,
    },
    /// Everything was read.
    End(Counts),
    /// The rest cannot be read.
    Failed {
        /// Why.
        detail: String,
    },
}

/// What a check has read.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Counts {
    /// Accounts.
    pub accounts: u64,
    /// Messages, those that were read and not yet swept out included.
    pub messages: u64,
    /// Removals of messages.
    pub removals: u64,
    /// Channels.
    pub channels: u64,
    /// Posts, one for each of their channels.
    pub posts: u64,
    /// Senders whom accounts have blocked.
    pub blocks: u64,
    /// Bans, those that have ended and are not yet deleted included.
    pub bans: u64,
    /// Invitations to private channels.
    pub invitations: u64,
    /// Whether the structure of the file was read, too: not while a server runs.
    pub structure: bool,
}
