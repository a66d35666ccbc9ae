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
    /// Whoever waited for this to be heard waits no longer.
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
    /// Set where someone waits until it is heard.
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
    /// Set where the sender waits until it is heard.
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

/// Tells apart what someone waits to be heard; means something to the office
/// alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mark {
    /// The session that waits.
    pub session: u64,
    /// Which of the things that it waited for.
    pub number: u32,
}
