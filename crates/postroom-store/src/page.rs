//! Pages of histories: where they begin, and how long they are.

use postroom_model::PostId;

/// Entries of a page of a history, at most. It ends after
/// [`PAGE_BYTES`](crate::PAGE_BYTES) of text, too.
pub const HISTORY_ENTRIES_MAX: usize = 100;

/// Where a page of a history begins, and in which direction it goes: of posts of a channel, or
/// of messages of an account. The ids need not be of that history, nor of what is still kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HistoryFrom<Id = PostId> {
    /// Forwards from the oldest.
    Oldest,
    /// Forwards from this one, which is the first.
    At(Id),
    /// Forwards from what is behind this one.
    After(Id),
    /// Backwards from what is before this one.
    Before(Id),
    /// Backwards from the latest.
    Latest,
}

impl<Id> HistoryFrom<Id> {
    /// Whether what was stored later comes later.
    #[must_use]
    pub fn is_forwards(&self) -> bool {
        match self {
            Self::Oldest | Self::At(_) | Self::After(_) => true,
            Self::Before(_) | Self::Latest => false,
        }
    }
}

/// The first of some records, and whether there are more.
pub(crate) fn first<T>(mut all: impl Iterator<Item = T>, most: usize) -> (Vec<T>, bool) {
    let first = all.by_ref().take(most).collect();
    (first, all.next().is_some())
}
