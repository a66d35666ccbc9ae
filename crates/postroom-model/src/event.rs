//! Events: what sessions receive without a request.

use std::sync::Arc;

use crate::{Channel, Committed, Name, Post, PostId, Shown, Stamp, Text};

/// An event of another session or of the store that concerns a session.
#[derive(Debug)]
pub enum Event {
    /// Posts in a channel that the session has joined, which the server no longer keeps:
    /// its client reads too slowly.
    Missed {
        /// The channel.
        channel: Channel,
        /// How many posts.
        missed: u64,
    },
    /// Lines that are not stored, for which there was no room: its client reads too
    /// slowly.
    MissedLines(u64),
    /// A live line to the session's account. It is not stored.
    Told(Told),
    /// The author of a post has deleted it. The session may have been told of it before, and
    /// is not any more.
    PostDeleted {
        /// A channel of the post that the session has joined.
        channel: Channel,
        /// The post.
        id: PostId,
    },
    /// The session is no longer in a channel that it had joined, which is private: it is
    /// deleted, or the session's account may not enter it any more.
    TakenOut(Channel),
    /// A message waits in the mailbox of the session's account.
    Mail,
    /// The sender of the line with this mark no longer waits for a delivery receipt.
    Withdrawn(Mark),
    /// Accounts became present, or are no longer present. Boxed: it is much larger than
    /// the others.
    Announced(Box<Announcement>),
}

/// A post as it appears in one channel. It is on disk.
#[derive(Debug)]
pub struct Posted {
    post: Committed<Arc<Post>>,
    /// Its id and its time.
    pub stamp: Stamp,
    /// The channel, one of the post's.
    pub channel: Channel,
    /// Set if its author waits for delivery receipts.
    pub mark: Option<Mark>,
    shown: Shown,
}

impl Posted {
    /// The post once for each of its channels.
    pub fn in_each(
        stored: &Committed<(Arc<Post>, Stamp)>,
        mark: Option<Mark>,
    ) -> impl Iterator<Item = Self> {
        let (post, stamp) = stored.get();
        let shown = Shown::new(&post.text);
        post.channels.iter().map(move |channel| Self {
            post: stored.derive(|(post, _)| Arc::clone(post)),
            stamp: *stamp,
            channel: channel.clone(),
            mark,
            shown: shown.clone(),
        })
    }

    /// The same post, for someone else.
    #[must_use]
    pub fn again(&self) -> Self {
        let post = self.post.derive(Arc::clone);
        let (channel, shown) = (self.channel.clone(), self.shown.clone());
        Self { post, stamp: self.stamp, channel, mark: self.mark, shown }
    }

    /// The post: its author and text.
    #[must_use]
    pub fn post(&self) -> &Post {
        self.post.get()
    }

    /// The text made safe, computed once for all members.
    #[must_use]
    pub fn shown(&self) -> &Shown {
        &self.shown
    }
}

/// A live line to one account.
#[derive(Debug)]
pub struct Told {
    /// The sender.
    pub sender: Name,
    /// The text.
    pub text: Text,
    /// Set if the sender waits for a delivery receipt.
    pub mark: Option<Mark>,
}

/// The accounts that became present, and those that are no longer present, within a short
/// time. An account that did both within it is in neither list.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Announcement {
    /// Accounts that became present.
    pub joined: NameList,
    /// Accounts that are no longer present.
    pub left: NameList,
    /// Accounts that are present after the last of these changes.
    pub active: u32,
}

/// A list of accounts, of which the first ones are named.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NameList {
    /// At most [`NAMES_ANNOUNCED_MAX`](crate::NAMES_ANNOUNCED_MAX) names.
    pub names: Vec<Name>,
    /// The number of further accounts.
    pub others: usize,
}

impl NameList {
    /// Whether there is no account in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// An account that became present, or is no longer present.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attendee {
    /// The account.
    pub name: Name,
    /// Accounts that are present after it.
    pub active: u32,
}

/// Asks for a delivery receipt: the session that gets the line returns the mark with
/// the receipt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mark {
    /// The session that waits for the receipt.
    pub session: SessionKey,
    /// Numbers the marks of that session.
    pub number: u32,
}

/// The key of a session: one client's use of a listener, over one connection or two.
/// Keys are never reused.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionKey {
    index: u32,
    generation: u32,
}

impl SessionKey {
    /// For the office only: the key of the session at a place in its table.
    #[must_use]
    pub fn new(index: u32, generation: u32) -> Self {
        Self { index, generation }
    }

    /// The place in tables of sessions. No other session has it at the same time.
    #[must_use]
    pub fn index(self) -> usize {
        self.index as usize
    }

    /// Distinguishes the sessions that use one place one after the other.
    #[must_use]
    pub fn generation(self) -> u32 {
        self.generation
    }
}
