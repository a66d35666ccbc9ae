//! What a call will have come to once its group is committed.

use std::vec::Drain;

use postroom_model::{
    Author, Entry, MessageId, Page, Peeked, PeekedMessage, PostDeletionRefusal, PostId, Stamp,
};
use postroom_store::{AccountId, Lease, Outcome, Sender};

use crate::found::{ErasedRow, Found, FoundPage};
use crate::index::Index;
use crate::record::{StoredMessage, StoredPost};

/// An outcome, as far as it is known before the group's job has read the disk.
#[derive(Debug)]
pub(crate) enum Draft {
    Complete(Outcome),
    /// Wants the next message found.
    Read {
        account: AccountId,
        sequence: u64,
        remaining: u32,
    },
    /// Wants the next messages found of a mailbox.
    Peek(Peek),
    /// Wants the next rows erased.
    DeletePost(PostId),
    /// Wants the next post found.
    Latest,
    /// Wants the next page found.
    Timeline,
}

/// The messages that a look into a mailbox asks for, as many as a page can have.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Peek {
    /// Which of them are handed out, by their places: the first is the lowest bit.
    pub(crate) leased: u64,
    /// How many there are.
    pub(crate) count: usize,
    /// There are more behind them.
    pub(crate) has_more: bool,
}

/// The records found by a job, given out in the order of its operations.
#[derive(Debug)]
pub(crate) struct Records<'a> {
    messages: Drain<'a, StoredMessage>,
    posts: Drain<'a, StoredPost>,
    pages: Drain<'a, FoundPage>,
    peeked: Drain<'a, Vec<u64>>,
    erased: Drain<'a, Vec<ErasedRow>>,
    index: &'a Index,
}

impl<'a> Records<'a> {
    pub(crate) fn new(found: &'a mut Found, index: &'a Index) -> Self {
        Self {
            messages: found.messages.drain(..),
            posts: found.posts.drain(..),
            pages: found.pages.drain(..),
            peeked: found.peeked.drain(..),
            erased: found.erased.drain(..),
            index,
        }
    }

    /// Completes the draft of the next call.
    pub(crate) fn complete(&mut self, draft: Draft) -> Outcome {
        match draft {
            Draft::Complete(outcome) => outcome,
            Draft::Read { account, sequence, remaining } => {
                let StoredMessage { sender, stored, text } = self.messages.next().expect(EACH_READ);
                let lease = Lease::new(account, sequence, stored);
                let sender = self.index.sender_name(sender);
                Outcome::Read { lease, stored, sender, text, remaining }
            }
            Draft::Peek(peek) => Outcome::Peeked(self.peeked(peek)),
            Draft::DeletePost(id) => self.post_deleted(id),
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

    fn peeked(&mut self, Peek { leased, count, has_more }: Peek) -> Peeked {
        let sequences = self.peeked.next().expect(EACH_READ);
        let message = |(place, sequence): (usize, u64)| {
            let StoredMessage { sender, stored, text } = self.messages.next().expect(EACH_READ);
            PeekedMessage {
                id: MessageId(sequence),
                stored,
                sender: self.index.sender_name(sender),
                text,
                is_leased: leased >> place & 1 == 1,
            }
        };
        let messages: Vec<_> = sequences.into_iter().enumerate().map(message).collect();
        let is_cut = has_more || messages.len() < count;
        let next = messages.last().map(|last| last.id).filter(|_| is_cut);
        Peeked { messages, next }
    }

    /// What it came to that a post was erased. Channels that keep it no longer, but have its
    /// row still, have had no text to lose.
    fn post_deleted(&mut self, id: PostId) -> Outcome {
        let rows = self.erased.next().expect(EACH_READ);
        let channels = &self.index.channels;
        let kept = |row: &ErasedRow| channels.keeper(row.channel?, row.number);
        if !rows.iter().any(|row| kept(row).is_some()) {
            return Outcome::PostNotDeleted(PostDeletionRefusal::NotFound);
        }
        let erased = rows.iter().filter(|row| !row.is_deleted);
        Outcome::PostDeleted { id, channels: erased.filter_map(kept).cloned().collect() }
    }

    fn entry(&mut self) -> Entry {
        let StoredPost { author, stamp: Stamp { id, stored }, content } =
            self.posts.next().expect(EACH_READ);
        let author = match author {
            Some(Sender::Account(author)) => {
                Author::Account(self.index.account(author).name.clone())
            }
            Some(Sender::Web) => Author::Web,
            None => Author::Board,
        };
        Entry { id, stored, author, content }
    }
}

/// A job whose records are not all found and sound does not commit.
const EACH_READ: &str = "a committed job has found each record";
