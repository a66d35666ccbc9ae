//! Channels.

use postroom_office::{DeletedChannel, ListedChannel};
use serde::{Deserialize, Serialize};

/// A page of `GET /v1/channels`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ChannelPage {
    /// The channels, in the order of their names.
    pub channels: Vec<ChannelLine>,
    /// `?after=` of the next page, if there is one.
    pub next: Option<String>,
}

/// A channel.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ChannelLine {
    /// Its name, such as `#rust`; that of the board is `@board`.
    pub channel: String,
    /// Posts that it keeps.
    pub posts: u32,
    /// Sessions that are in it.
    pub members: usize,
    /// When the latest post was stored, in milliseconds since 1970, if there is one.
    pub latest_ms: Option<u64>,
    /// Whether it is private.
    pub private: bool,
}

impl From<ListedChannel> for ChannelLine {
    fn from(listed: ListedChannel) -> Self {
        let ListedChannel { channel, posts, latest, members, is_private } = listed;
        let latest_ms = latest.map(|latest| latest.0);
        Self { channel: channel.to_string(), posts, members, latest_ms, private: is_private }
    }
}

/// What is to be done with a channel: the body of `POST /v1/channel`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ChannelOrder {
    /// Delete its posts.
    Delete {
        /// Its name, with or without its `#`.
        channel: String,
    },
}

/// What was done: the answer to a [`ChannelOrder`].
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "done", rename_all = "kebab-case")]
pub enum ChannelDone {
    /// Its posts are deleted.
    Deleted {
        /// Its name.
        channel: String,
        /// How many posts are gone.
        posts: u32,
        /// Sessions that stay in it.
        members: usize,
    },
}

impl From<DeletedChannel> for ChannelDone {
    fn from(deleted: DeletedChannel) -> Self {
        let DeletedChannel { channel, posts, members } = deleted;
        Self::Deleted { channel: channel.to_string(), posts, members }
    }
}
