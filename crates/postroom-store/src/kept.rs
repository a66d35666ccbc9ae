//! What accounts with a password have read and sent, as far as it is kept.
//!
//! A message that its reader has confirmed is read: it has left the mailbox. Where the operator
//! lets accounts [keep](KeepRead) what was read, it can be read again, and so can what an
//! account has sent, from the commit that stored it. Nothing of it counts for the capacity of
//! a mailbox.
//!
//! Recipient and sender keep a message apart: it is gone from the disk once none of the two
//! keeps it and it is not unread either.

use postroom_model::{MessageId, Name, Text, Timestamp};
use thiserror::Error;

use crate::page::{HISTORY_ENTRIES_MAX, HistoryFrom, first};
use crate::{AccountId, Damaged, PAGE_BYTES};

/// How much each account with a password keeps of what it has read and sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeepRead {
    /// So many messages at most, the latest. At least one.
    pub messages_max: u32,
    /// So many milliseconds from when they were stored, by the clock of the
    /// [retention](crate::RetentionClock); `None`: for ever.
    pub age_ms: Option<u64>,
}

impl KeepRead {
    /// All of it, for ever.
    pub const ALL: Self = Self { messages_max: u32::MAX, age_ms: None };
}

/// A question about what an account keeps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeptQuery {
    /// Whose.
    pub account: AccountId,
    /// Where the page begins.
    pub from: HistoryFrom<MessageId>,
    /// How many messages it has, at most; no more than [`HISTORY_ENTRIES_MAX`].
    pub count: usize,
}

/// Why an account keeps nothing that could be read again.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum NotKept {
    /// Nothing is kept of what is read and sent: the operator has not set how long.
    #[error("this server keeps nothing of what was read")]
    Off,
    /// The account has no password: anyone could read it.
    #[error("only an account with a password can read again what it has read")]
    HasNoPassword,
}

/// Whether an account has read or sent a message.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum KeptAs {
    /// It was in its mailbox. So is what an account has written to itself.
    Received,
    /// It has written it to another account.
    Sent,
}

/// A message that a page has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeptRow {
    /// Which.
    pub id: MessageId,
    /// What it is to the account.
    pub kept: KeptAs,
}

/// The messages that a page has, if they are still there when they are read: what the memory
/// of a store knows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeptRows {
    query: KeptQuery,
    /// In the direction of the question.
    rows: Vec<KeptRow>,
    /// There are more behind them.
    has_more: bool,
}

/// A message that was read or sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeptMessage {
    /// Its id.
    pub id: MessageId,
    /// When it was stored.
    pub stored: Timestamp,
    /// What it is to the account that keeps it.
    pub kept: KeptAs,
    /// Who has written it, where it was received; to whom, where it was sent.
    pub other: Name,
    /// What it says.
    pub text: Text,
}

/// A page of what an account keeps.
#[derive(Debug, Default)]
pub struct KeptPage {
    /// The messages, in the direction of the question. What was removed meanwhile is left out.
    pub messages: Vec<KeptMessage>,
    /// Where the next page in this direction begins, if there may be one.
    pub next: Option<HistoryFrom<MessageId>>,
    /// Records of the page that are damaged, and left out. The store
    /// [notes](crate::Store::note_damaged) them.
    pub damaged: Vec<Damaged>,
}

impl KeptRows {
    /// For store implementations alone: the answer to a question. `from` gives what the account
    /// keeps from a number on, in ascending order, and `before` what it keeps before one, in
    /// descending order.
    pub fn new<F, B>(
        query: KeptQuery,
        from: impl FnOnce(u64) -> F,
        before: impl FnOnce(u64) -> B,
    ) -> Self
    where
        F: Iterator<Item = KeptRow>,
        B: Iterator<Item = KeptRow>,
    {
        let query = KeptQuery { count: query.count.clamp(1, HISTORY_ENTRIES_MAX), ..query };
        let (rows, has_more) = match query.from {
            HistoryFrom::Oldest => first(from(0), query.count),
            HistoryFrom::At(MessageId(id)) => first(from(id), query.count),
            HistoryFrom::After(MessageId(id)) => first(from(id.saturating_add(1)), query.count),
            HistoryFrom::Before(MessageId(id)) => first(before(id), query.count),
            HistoryFrom::Latest => first(before(u64::MAX), query.count),
        };
        Self { query, rows, has_more }
    }

    /// Whose it is.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.query.account
    }

    /// For store implementations alone: the page, of which `read` reads a message; `None` if it
    /// is gone or damaged.
    pub fn page<E>(
        &self,
        mut read: impl FnMut(KeptRow) -> Result<Option<KeptMessage>, E>,
    ) -> Result<KeptPage, E> {
        let mut page = KeptPage::default();
        let (mut bytes, mut last) = (0, None);
        for row in &self.rows {
            if bytes >= PAGE_BYTES {
                page.next = last.map(|last| self.behind(last));
                return Ok(page);
            }
            if let Some(message) = read(*row)? {
                bytes += message.text.as_str().len();
                page.messages.push(message);
            }
            last = Some(row.id);
        }
        page.next = last.filter(|_| self.has_more).map(|last| self.behind(last));
        Ok(page)
    }

    /// A page in the same direction that begins behind a message.
    fn behind(&self, last: MessageId) -> HistoryFrom<MessageId> {
        if self.query.from.is_forwards() {
            HistoryFrom::After(last)
        } else {
            HistoryFrom::Before(last)
        }
    }
}
