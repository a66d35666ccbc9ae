//! Reading what a store holds of one account, a page at a time, without changing anything.
//!
//! While a server runs, each page is read at another moment: a message that is read and
//! confirmed meanwhile may be exported or not, but none that stays. Each page begins by
//! seeing that the account is still the same one.

mod pages;

use postroom_model::{Channel, Name, Text};
use postroom_store::Timestamp;
use thiserror::Error;

use crate::error::OpenError;
use crate::reader::{Pace, PageLimit, Place, Reader};
use pages::Pages;

/// What is exported, in this order: the account, whom it has blocked, messages, posts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Exported {
    /// The account.
    Account {
        /// Its name, as first registered.
        name: Name,
        /// Whether it has a password.
        has_password: bool,
    },
    /// It refuses the messages of a sender.
    Block {
        /// The sender.
        sender: Name,
    },
    /// A message in its mailbox, unread, or handed out and not confirmed.
    Message {
        /// Who has written it.
        sender: Name,
        /// When it was stored.
        stored: Timestamp,
        /// What it says.
        text: Text,
    },
    /// A message that it has read and keeps.
    Read {
        /// Who has written it.
        sender: Name,
        /// When it was stored.
        stored: Timestamp,
        /// What it says.
        text: Text,
    },
    /// A message that it has written to another account, which has not read it, or which it
    /// keeps.
    Sent {
        /// In whose mailbox it is.
        recipient: Name,
        /// When it was stored.
        stored: Timestamp,
        /// What it says.
        text: Text,
    },
    /// A post of it, for each of its channels.
    Post {
        /// The channel.
        channel: Channel,
        /// When it was stored.
        stored: Timestamp,
        /// What it says.
        text: Text,
    },
    /// A record of it is damaged, and left out.
    Damaged,
}

/// Why an export ends early.
#[derive(Debug, Error)]
pub enum ExportError {
    /// There is no such account.
    #[error("there is no account of this name")]
    NoSuchAccount,
    /// It was deleted or renamed meanwhile.
    #[error("the account was deleted or renamed during the export")]
    Gone,
    /// The store cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// An export that is under way.
#[derive(Debug)]
pub struct Export {
    reader: Reader,
    name: Name,
    stage: Stage,
    /// Rows of a page.
    pub(crate) page_rows: usize,
}

/// What comes next: the rows of a table from a key on.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The account is looked for.
    Find(i64),
    /// It has this number.
    Rows(u32, Rows, i64),
    End,
}

#[derive(Clone, Copy, Debug)]
enum Rows {
    Blocks,
    Messages,
    Posts,
}

impl Rows {
    /// The rows that are read next, in a store of this version.
    fn next(self, version: i32) -> Option<Self> {
        match self {
            Self::Blocks => Some(Self::Messages),
            Self::Messages => (version > 1).then_some(Self::Posts),
            Self::Posts => None,
        }
    }
}

impl Export {
    /// Begins an export.
    pub fn open(place: Place<'_>, name: &Name) -> Result<Self, OpenError> {
        let (reader, name) = (Reader::open(place)?, name.clone());
        Ok(Self { reader, name, stage: Stage::Find(i64::MIN), page_rows: PageLimit::ROWS })
    }

    /// What to heed between two pages.
    #[must_use]
    pub fn pace(&self) -> Pace {
        self.reader.pace()
    }

    /// Reads a page in one read transaction, and tells what is in it; returns whether there
    /// is more.
    pub fn page(&mut self, tell: impl FnMut(Exported)) -> Result<bool, ExportError> {
        let (stage, version) = (self.stage, self.reader.version());
        let (name, page_rows) = (&self.name, self.page_rows);
        let mut told = Vec::new();
        let next = self.reader.read(|connection| {
            let mut pages = Pages::new(connection, version, name, page_rows, &mut told);
            next_stage(stage, version, &mut pages)
        })?;
        self.stage = next?;
        // Not before: what cannot be read to its end is not told.
        told.into_iter().for_each(tell);
        Ok(!matches!(self.stage, Stage::End))
    }
}

/// Reads a page; returns what comes next.
fn next_stage(
    stage: Stage,
    version: i32,
    pages: &mut Pages<'_>,
) -> rusqlite::Result<Result<Stage, ExportError>> {
    Ok(match stage {
        Stage::Find(from) => match pages.find(from)? {
            pages::Find::Account(id) if version > 3 => Ok(Stage::Rows(id, Rows::Blocks, i64::MIN)),
            pages::Find::Account(id) => Ok(Stage::Rows(id, Rows::Messages, i64::MIN)),
            pages::Find::Later(next) => Ok(Stage::Find(next)),
            pages::Find::None => Err(ExportError::NoSuchAccount),
        },
        Stage::Rows(id, rows, from) if pages.is_still(id)? => {
            let next = match rows {
                Rows::Blocks => pages.blocks(id, from)?,
                Rows::Messages => pages.messages(id, from)?,
                Rows::Posts => pages.posts(id, from)?,
            };
            Ok(match (next, rows.next(version)) {
                (Some(next), _) => Stage::Rows(id, rows, next),
                (None, Some(rows)) => Stage::Rows(id, rows, i64::MIN),
                (None, None) => Stage::End,
            })
        }
        Stage::Rows(..) => Err(ExportError::Gone),
        Stage::End => Ok(Stage::End),
    })
}
