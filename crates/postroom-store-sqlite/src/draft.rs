//! What a call will have come to once its group is committed.

use std::vec::Drain;

use postroom_model::{Author, Entry, Page, Stamp};
use postroom_store::{Lease, Outcome, Sender};

use crate::found::{Found, FoundPage};
use crate::index::Index;
use crate::record::{StoredMessage, StoredPost};

/// An outcome, as far as it is known before the group's job has read the disk.
#[derive(Debug)]
pub(crate) enum Draft {
    Complete(Outcome),
    /// Wants the next message found.
    Read {
        lease: Lease,
        remaining: u32,
    },
    /// Wants the next post found.
    Latest,
    /// Wants the next page found.
    Timeline,
}

/// The records found by a job, given out in the order of its operations.
#[derive(Debug)]
pub(crate) struct Records<'a> {
    messages: Drain<'a, StoredMessage>,
    posts: Drain<'a, StoredPost>,
    pages: Drain<'a, FoundPage>,
    index: &'a Index,
}

impl<'a> Records<'a> {
    pub(crate) fn new(found: &'a mut Found, index: &'a Index) -> Self {
        Self {
            messages: found.messages.drain(..),
            posts: found.posts.drain(..),
            pages: found.pages.drain(..),
            index,
        }
    }

    /// Completes the draft of the next call.
    pub(crate) fn complete(&mut self, draft: Draft) -> Outcome {
        match draft {
            Draft::Complete(outcome) => outcome,
            Draft::Read { lease, remaining } => {
                let StoredMessage { sender, stored, text } = self.messages.next().expect(EACH_READ);
                let sender = self.index.sender_name(sender);
                Outcome::Read { lease, stored, sender, text, remaining }
            }
            Draft::Latest => Outcome::Latest(Some(self.entry())),
            Draft::Timeline => {
                let FoundPage { posts, next } = self.pages.next().expect(EACH_READ);
                Outcome::Timeline(Page {
                    entries: (0..posts).map(|_| self.entry()).collect(),
                    next,
                })
            }
        }
    }

    fn entry(&mut self) -> Entry {
        let StoredPost { author, stamp: Stamp { id, stored }, text } =
            self.posts.next().expect(EACH_READ);
        let author = match author {
            Some(Sender::Account(author)) => {
                Author::Account(self.index.account(author).name.clone())
            }
            Some(Sender::Web) => Author::Web,
            None => Author::Board,
        };
        Entry { id, stored, author, text }
    }
}

/// A job whose records are not all found and sound does not commit.
const EACH_READ: &str = "a committed job has found each record";
