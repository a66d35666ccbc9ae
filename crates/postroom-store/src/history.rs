//! Reading what channels keep, and what accounts have read and sent, beside the calls.
//!
//! A store tells from its memory, at once, which posts a page has ([`Store::history`]), or
//! which messages ([`Store::kept`]). Whoever wants to read them takes that to a [`History`], on a
//! thread that may wait: so no commit waits for a reader, and no reader for a commit.
//!
//! [`Store::history`]: crate::Store::history
//! [`Store::kept`]: crate::Store::kept

use std::error::Error;

use postroom_model::{Channel, Entry, Fault, MessageId, PostId, Timestamp, faulty};
use thiserror::Error;

use crate::page::{HISTORY_ENTRIES_MAX, HistoryFrom, first};
use crate::{Damaged, KeptPage, KeptRows, PAGE_BYTES};

/// A question about the posts of a channel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HistoryQuery {
    /// The channel.
    pub channel: Channel,
    /// Where the page begins.
    pub from: HistoryFrom,
    /// How many entries it has, at most; no more than [`HISTORY_ENTRIES_MAX`].
    pub count: usize,
}

/// The posts that a page has, if they are still there when they are read: what the memory of
/// a store knows.
///
/// The number of a record is the id of its post, or a little more: a post has a record for
/// each of its channels, and their numbers are consecutive.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HistoryRows {
    query: HistoryQuery,
    /// In the direction of the question.
    numbers: Vec<u64>,
    /// There may be more behind them.
    has_more: bool,
    is_private: bool,
}

/// A page of a channel's history.
#[derive(Debug, Default)]
pub struct HistoryPage {
    /// The entries, in the direction of the question. Posts that were removed meanwhile are
    /// left out.
    pub entries: Vec<Entry>,
    /// Where the next page in this direction begins, if there may be one.
    pub next: Option<HistoryFrom>,
    /// Records of the page that are damaged, and left out. The store
    /// [notes](crate::Store::note_damaged) them.
    pub damaged: Vec<Damaged>,
}

/// Reads pages of history, from what is committed, on a thread that may wait.
pub trait History {
    /// Reads a page.
    fn page(&mut self, rows: &HistoryRows) -> Result<HistoryPage, HistoryFailure>;

    /// From where the posts are that were stored at this time or later: those before were
    /// stored earlier. If there is none, it is behind the last post of all.
    ///
    /// Where the clock of the system was set back, posts of several stretches of time may be
    /// meant, and it is one of the places at which one before the time is followed by one at
    /// it or later.
    fn first_at(&mut self, time: Timestamp) -> Result<PostId, HistoryFailure>;

    /// Reads a page of what an account has read and sent.
    fn kept(&mut self, rows: &KeptRows) -> Result<KeptPage, HistoryFailure>;

    /// The same of messages: from where those are that were stored at this time or later.
    fn first_message_at(&mut self, time: Timestamp) -> Result<MessageId, HistoryFailure>;
}

/// Why a history cannot be read.
#[derive(Debug, Error)]
#[error("the history cannot be read: {cause}")]
pub struct HistoryFailure {
    /// What the disk or the database said.
    pub cause: Box<dyn Error + Send + Sync>,
}

impl HistoryRows {
    /// The answer to a question about a channel that has no posts, as far as the reader may
    /// know.
    #[must_use]
    pub fn nothing(query: HistoryQuery) -> Self {
        Self::new(query, |_| std::iter::empty(), |_| std::iter::empty())
    }

    /// The same, of a private channel that the reader may enter.
    #[must_use]
    pub fn of_private(self) -> Self {
        Self { is_private: true, ..self }
    }

    /// Whether the channel is private, and the reader may enter it.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.is_private
    }

    /// For store implementations alone: the answer to a question. `from` gives the numbers of
    /// the channel's records from one on, in ascending order, and `before` those before one,
    /// in descending order.
    pub fn new<F, B>(
        query: HistoryQuery,
        from: impl FnOnce(u64) -> F,
        before: impl FnOnce(u64) -> B,
    ) -> Self
    where
        F: Iterator<Item = u64>,
        B: Iterator<Item = u64>,
    {
        let count = query.count.clamp(1, HISTORY_ENTRIES_MAX);
        let query = HistoryQuery { count, ..query };
        // One may be of a post that is before the page.
        let most = count + 1;
        let (numbers, has_more) = match query.from {
            HistoryFrom::Oldest => first(from(0), most),
            HistoryFrom::At(PostId(id)) | HistoryFrom::After(PostId(id)) => {
                first(from(id + u64::from(faulty(Fault::HistoryGap))), most)
            }
            HistoryFrom::Before(PostId(id)) => first(before(id), most),
            HistoryFrom::Latest => first(before(u64::MAX), most),
        };
        Self { query, numbers, has_more, is_private: false }
    }

    /// The channel.
    #[must_use]
    pub fn channel(&self) -> &Channel {
        &self.query.channel
    }

    /// For store implementations alone: the page, of which `read` reads the record of a
    /// number; `None` if it is gone or damaged.
    pub fn page<E>(
        &self,
        mut read: impl FnMut(u64) -> Result<Option<Entry>, E>,
    ) -> Result<HistoryPage, E> {
        let mut page = HistoryPage::default();
        let (mut bytes, mut last) = (0, None);
        for number in &self.numbers {
            if page.entries.len() == self.query.count || bytes >= PAGE_BYTES {
                page.next = last.map(|last| self.behind(last));
                return Ok(page);
            }
            if let Some(entry) = read(*number)?
                && self.has(entry.id)
            {
                bytes += entry.content.text_bytes();
                page.entries.push(entry);
            }
            last = Some(*number);
        }
        page.next = last.filter(|_| self.has_more).map(|last| self.behind(last));
        Ok(page)
    }

    /// Whether the page may have a post. Of its records, that of this channel may come behind
    /// the beginning of the page though its id does not.
    fn has(&self, post: PostId) -> bool {
        match self.query.from {
            HistoryFrom::At(id) => post >= id,
            HistoryFrom::After(id) => post > id,
            HistoryFrom::Oldest | HistoryFrom::Before(_) | HistoryFrom::Latest => true,
        }
    }

    /// A page in the same direction that begins behind the record of this number.
    fn behind(&self, number: u64) -> HistoryFrom {
        if self.query.from.is_forwards() {
            HistoryFrom::At(PostId(number + 1))
        } else {
            HistoryFrom::Before(PostId(number))
        }
    }
}
