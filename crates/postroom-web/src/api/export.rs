//! What is exported of an account.

use serde::{Deserialize, Serialize};

use super::time::Time;

/// The version of the format: a later one may have further types of lines and further
/// members.
pub const EXPORT_VERSION: u32 = 2;

/// A line of `GET /v1/export`, and of the file that `postroom account export` writes. The
/// first one is an `Account`, the last one an `End` or a `Failed`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum ExportLine {
    /// The account.
    Account {
        /// The version of the format.
        version: u32,
        /// Its name, as first registered.
        account: String,
        /// Whether it has a password, which is not exported.
        has_password: bool,
        /// When the export began.
        time: Time,
    },
    /// It refuses the messages of a sender.
    Block {
        /// The sender.
        sender: String,
    },
    /// An unread message in its mailbox.
    Message {
        /// Who has written it.
        sender: String,
        /// When it was stored.
        time: Time,
        /// What it says.
        text: String,
    },
    /// A message that it has read and keeps. Since version 2.
    Read {
        /// Who has written it.
        sender: String,
        /// When it was stored.
        time: Time,
        /// What it says.
        text: String,
    },
    /// A message that it has written: one that its recipient has not read, or that it keeps.
    Sent {
        /// In whose mailbox it is.
        recipient: String,
        /// When it was stored.
        time: Time,
        /// What it says.
        text: String,
    },
    /// A post of it, for each of its channels.
    Post {
        /// The channel: `#name`.
        channel: String,
        /// When it was stored.
        time: Time,
        /// What it says.
        text: String,
    },
    /// Everything was exported.
    End(ExportCounts),
    /// The rest cannot be exported.
    Failed {
        /// Why.
        detail: String,
    },
}

/// How much was exported.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ExportCounts {
    /// Senders that are blocked.
    pub blocks: u64,
    /// Unread messages.
    pub messages: u64,
    /// Messages that were read and are kept.
    #[serde(default)]
    pub read: u64,
    /// Messages to others.
    pub sent: u64,
    /// Posts, one for each of their channels.
    pub posts: u64,
    /// Records of the account that are damaged, and left out.
    pub damaged: u64,
}
