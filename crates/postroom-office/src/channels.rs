//! What operators do with channels: on a running server, or on a store that no server uses.

use postroom_model::Channel;
use postroom_store::{ChannelSummary, Outcome, Timestamp};
use thiserror::Error;

/// A channel, as operators see it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListedChannel {
    /// The channel.
    pub channel: Channel,
    /// Posts that it keeps.
    pub posts: u32,
    /// When the latest was stored, if it has any.
    pub latest: Option<Timestamp>,
    /// Sessions of this server that are in it.
    pub members: usize,
    /// Whether it is private.
    pub is_private: bool,
}

impl ListedChannel {
    /// A channel of a store, with so many members.
    #[must_use]
    pub fn new(summary: ChannelSummary, members: usize) -> Self {
        let ChannelSummary { channel, posts, latest, is_private } = summary;
        Self { channel, posts, latest, members, is_private }
    }
}

/// A channel whose posts are deleted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeletedChannel {
    /// The channel.
    pub channel: Channel,
    /// Posts that are gone.
    pub posts: u32,
    /// Sessions of this server that stay in it.
    pub members: usize,
}

impl DeletedChannel {
    /// What the outcome of a [`Call::DeleteChannel`](postroom_store::Call::DeleteChannel) means.
    pub fn of(channel: Channel, outcome: &Outcome, members: usize) -> Result<Self, ChannelRefusal> {
        match outcome {
            Outcome::ChannelDeleted { posts, .. } => Ok(Self { channel, posts: *posts, members }),
            Outcome::DiskFull => Err(ChannelRefusal::DiskFull),
            _ => Err(ChannelRefusal::Unknown(channel)),
        }
    }
}

/// Why a channel was not deleted.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ChannelRefusal {
    /// It has neither posts nor members.
    #[error("there is no channel {0}")]
    Unknown(Channel),
    /// The disk has no room for the change.
    #[error("the disk is full; nothing was changed")]
    DiskFull,
}

/// What came of a question about channels.
#[derive(Debug)]
pub enum AboutChannels {
    /// A page of channels.
    Channels {
        /// They, in the order of their names.
        channels: Vec<ListedChannel>,
        /// The last one, if there may be more.
        next: Option<Channel>,
    },
    /// One was deleted, or not.
    Deleted(Result<DeletedChannel, ChannelRefusal>),
    /// The store cannot do it now.
    Unavailable,
    /// The store cannot say whether it was done.
    Unknown,
}
