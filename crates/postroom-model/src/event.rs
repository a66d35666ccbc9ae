//! What sessions are told without having asked.

use std::sync::Arc;

use crate::{Channel, Committed, Name, Post, Safe, Text};

/// Something that happened elsewhere and is a session's business.
#[derive(Debug)]
pub enum Event {
    /// Something was said in a channel that the session is in.
    Posted(Posted),
    /// Someone speaks to the session's account, live and unstored.
    Told(Told),
    /// A message waits in the mailbox of the session's account.
    Mail,
    /// The sender of this waits no longer for a delivery receipt.
    Withdrawn(Mark),
    /// An account became present.
    Arrived(Attendee),
    /// An account is present no more.
    Departed(Attendee),
}

/// A post as it is seen in one channel. It is on disk.
#[derive(Debug)]
pub struct Posted {
    post: Committed<Arc<Post>>,
    /// Which of its channels.
    pub channel: Channel,
    /// Set where its author waits for delivery receipts.
    pub mark: Option<Mark>,
    shown: Arc<str>,
}

impl Posted {
    /// The post in each of its channels.
    pub fn in_each(post: &Committed<Arc<Post>>, mark: Option<Mark>) -> impl Iterator<Item = Self> {
        let shown: Arc<str> = Safe(post.get().text.as_str()).to_string().into();
        post.get().channels.iter().map(move |channel| Self {
            post: post.derive(Arc::clone),
            channel: channel.clone(),
            mark,
            shown: Arc::clone(&shown),
        })
    }

    /// What was said, and by whom.
    #[must_use]
    pub fn post(&self) -> &Post {
        self.post.get()
    }

    /// The text made safe, once for all who see it.
    #[must_use]
    pub fn shown(&self) -> &str {
        &self.shown
    }
}

/// Live words to one account.
#[derive(Debug)]
pub struct Told {
    /// Who speaks.
    pub sender: Name,
    /// What is said.
    pub text: Text,
    /// Set where the sender waits for a delivery receipt.
    pub mark: Option<Mark>,
}

/// Someone who came or went.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attendee {
    /// The account.
    pub name: Name,
    /// Accounts that are present after it.
    pub active: u32,
}

/// Asks for a delivery receipt: the session that gets the line answers with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mark {
    /// The session that waits for the receipt.
    pub session: SessionKey,
    /// Which of the lines that it waited for.
    pub number: u32,
}

/// A session: one client's use of a listener, over one connection or two. No other
/// session ever has the same key.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionKey {
    index: u32,
    generation: u32,
}

impl SessionKey {
    /// For the office alone: the key of the session at a place in its table.
    #[must_use]
    pub fn new(index: u32, generation: u32) -> Self {
        Self { index, generation }
    }

    /// The place in tables of sessions. No other session has it at the same time.
    #[must_use]
    pub fn index(self) -> usize {
        self.index as usize
    }

    /// Tells apart the sessions that have one place in turn.
    #[must_use]
    pub fn generation(self) -> u32 {
        self.generation
    }
}
