//! Channels that may be evicted when there are too many, in the order in which they go.
//!
//! A channel with one author goes before those with several, the one with the fewest
//! posts first, whatever its age; of equal ones that which was posted in longest ago.
//! Channels with several authors go only [`PROTECTED_MS`] after their latest post, that
//! first which has been silent for longest. Channels with members are not idle.

use std::collections::BTreeSet;

use postroom_store::{PROTECTED_MS, Sender, Timestamp};

/// A channel within its store.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct ChannelId(pub(crate) u32);

/// The place of a channel among the idle ones.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Rank {
    has_several_authors: bool,
    /// Its posts; of a channel with several authors the time of the latest.
    first: u64,
    latest: u64,
    id: ChannelId,
}

/// How many posts a channel keeps, and the numbers of the first and the last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) count: usize,
    pub(crate) first: Option<u64>,
    pub(crate) last: Option<u64>,
}

/// Who has said the posts that a channel keeps.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Authors {
    /// That of the latest post; no one for the board.
    last: Option<Sender>,
    /// The latest post that another has said, or 0.
    other: u64,
}

impl Authors {
    /// Those of posts of which the latest that is not by `last`, the author of the latest, has
    /// the number `other`.
    pub(crate) fn new(last: Option<Sender>, other: Option<u64>) -> Self {
        Self { last, other: other.unwrap_or(0) }
    }

    /// Whether the rank depends on this post: it is the latest that another has said.
    pub(crate) fn depend_on(&self, number: u64) -> bool {
        number == self.other
    }

    /// There is a new latest post; `before` is the number of the one before.
    pub(crate) fn add(&mut self, author: Option<Sender>, before: Option<u64>) {
        if author != self.last {
            self.other = before.unwrap_or(0);
            self.last = author;
        }
    }

    /// The rank of a channel with these authors that keeps these posts, the latest of which
    /// was stored at `latest`.
    pub(crate) fn rank(&self, id: ChannelId, posts: Extent, latest: Timestamp) -> Rank {
        let has_several_authors = posts.first.is_some_and(|first| first <= self.other);
        let first = if has_several_authors { latest.0 } else { posts.count as u64 };
        Rank { has_several_authors, first, latest: posts.last.unwrap_or(0), id }
    }
}

/// All idle channels.
#[derive(Debug, Default)]
pub(crate) struct Idle(BTreeSet<Rank>);

impl Idle {
    pub(crate) fn insert(&mut self, rank: Option<Rank>) {
        self.0.extend(rank);
    }

    pub(crate) fn remove(&mut self, rank: Option<Rank>) {
        if let Some(rank) = rank {
            self.0.remove(&rank);
        }
    }

    /// Those that may go, the first one first.
    pub(crate) fn first(&self, now: Timestamp) -> impl Iterator<Item = ChannelId> + '_ {
        let may_go = move |rank: &&Rank| {
            !rank.has_several_authors || now.0.saturating_sub(rank.first) > PROTECTED_MS
        };
        self.0.iter().take_while(may_go).map(|rank| rank.id)
    }
}
