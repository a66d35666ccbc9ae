//! What a job found on disk: the records that its group read.

use postroom_model::Position;
use postroom_store::Damaged;

use crate::expiry::Aged;
use crate::idle::ChannelId;
use crate::record::{StoredMessage, StoredPost};

/// The results of a job, each kind in the order of its operations. Its memory is used
/// for one group after the other.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) messages: Vec<StoredMessage>,
    /// The latest posts that were asked for, and those of the pages.
    pub(crate) posts: Vec<StoredPost>,
    pub(crate) pages: Vec<FoundPage>,
    /// Of each look into a mailbox, which messages it has found; they are among those found.
    pub(crate) peeked: Vec<Vec<u64>>,
    /// Of each post that was to be erased, the rows by its author.
    pub(crate) erased: Vec<Vec<ErasedRow>>,
    /// The last removal that the round of the sweep covers which the group began.
    pub(crate) sweeps_through: Option<i64>,
    /// The records of the block that was looked at.
    pub(crate) aged: Vec<Aged>,
    /// Why that block cannot be read. The group may be committed all the same.
    pub(crate) look_failed: Option<String>,
    /// The records that could not be read; then the group was not committed.
    pub(crate) damaged: Vec<Damaged>,
}

/// A row of a post that was erased.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErasedRow {
    pub(crate) number: u64,
    /// `None` where that is damaged.
    pub(crate) channel: Option<ChannelId>,
    /// It was so before.
    pub(crate) is_deleted: bool,
}

/// A page of a timeline, whose posts are among those found.
#[derive(Debug)]
pub(crate) struct FoundPage {
    pub(crate) posts: usize,
    pub(crate) next: Option<Position>,
}

impl Found {
    pub(crate) fn clear(&mut self) {
        self.messages.clear();
        self.posts.clear();
        self.pages.clear();
        self.peeked.clear();
        self.erased.clear();
        self.sweeps_through = None;
        self.aged.clear();
        self.look_failed = None;
        self.damaged.clear();
    }
}
