//! What a row of each table must be.

use std::collections::HashSet;
use std::fmt;

use postroom_store::{PasswordHash, Sender};
use rusqlite::{Connection, Row};

use super::Checked;
use super::ids::{Ids, exists};
use super::names::{Names, Suspects};
use crate::record::{self, Read};
use crate::scan::Table;
use crate::state::State;

/// What the rows of a table are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Subject {
    Accounts,
    Messages,
    Removals,
    Channels,
    Posts,
    Blocks,
    Bans,
    Keys,
    Invitations,
}

impl Subject {
    /// The table that is read first: the others name its rows.
    pub(super) const FIRST: Self = Self::Accounts;

    /// The table that is read next, in a store of this version.
    pub(super) fn next(self, version: i32) -> Option<Self> {
        match self {
            Self::Accounts => Some(Self::Messages),
            Self::Messages => Some(Self::Removals),
            Self::Removals => (version > 1).then_some(Self::Channels),
            Self::Channels => Some(Self::Posts),
            Self::Posts => (version > 3).then_some(Self::Blocks),
            Self::Blocks => (version > 5).then_some(Self::Bans),
            Self::Bans => (version > 9).then_some(Self::Keys),
            Self::Keys => (version > 10).then_some(Self::Invitations),
            Self::Invitations => None,
        }
    }

    pub(super) fn table(self, version: i32) -> Table {
        let (name, key, columns) = match self {
            Self::Accounts if version > 4 => ("account", "id", "name, password, deleted"),
            Self::Accounts => ("account", "id", "name, password, NULL"),
            Self::Messages if version > 11 => {
                ("message", "sequence", "sender, text, stored_ms, recipient, kept")
            }
            Self::Messages => ("message", "sequence", "sender, text, stored_ms, recipient, NULL"),
            Self::Removals if version > 11 => ("removal", "position", "message, kept"),
            Self::Removals => ("removal", "position", "message, NULL"),
            Self::Channels if version > 10 => ("channel", "id", "name, creator, key"),
            Self::Channels => ("channel", "id", "name, NULL, NULL"),
            Self::Posts => {
                let columns = match version {
                    ..7 => "author, text, stored_ms, NULL, number, NULL, channel",
                    7..=8 => "author, text, stored_ms, first, number, NULL, channel",
                    _ => "author, text, stored_ms, first, number, deleted, channel",
                };
                ("post", "number", columns)
            }
            Self::Blocks => ("block", "number", "account, sender"),
            Self::Bans => ("ban", "number", "subject, since_ms, until_ms"),
            Self::Keys => ("once", "number", "account, key, content, first, used_ms"),
            Self::Invitations => ("invitation", "number", "channel, account"),
        };
        Table { name, key, columns }
    }

    /// Where the count of its rows goes.
    pub(super) fn count(self, checked: &mut Checked) -> &mut u64 {
        match self {
            Self::Accounts => &mut checked.accounts,
            Self::Messages => &mut checked.messages,
            Self::Removals => &mut checked.removals,
            Self::Channels => &mut checked.channels,
            Self::Posts => &mut checked.posts,
            Self::Blocks => &mut checked.blocks,
            Self::Bans => &mut checked.bans,
            Self::Keys => &mut checked.keys,
            Self::Invitations => &mut checked.invitations,
        }
    }
}

/// Examines one row after the other.
pub(super) struct Rules {
    version: i32,
    is_hash: Box<dyn Fn(&PasswordHash) -> bool + Send>,
    accounts: Ids,
    channels: Ids,
    /// Of the table that is being read.
    names: Names,
    /// The records with a name that are damaged otherwise.
    damaged: HashSet<u32>,
    last: u64,
    /// Rows that count, of the table that is being read.
    count: u64,
}

impl Rules {
    pub(super) fn new(
        version: i32,
        is_hash: impl Fn(&PasswordHash) -> bool + Send + 'static,
    ) -> Self {
        Self {
            version,
            is_hash: Box::new(is_hash),
            accounts: Ids::default(),
            channels: Ids::default(),
            names: Names::default(),
            damaged: HashSet::new(),
            last: 0,
            count: 0,
        }
    }

    /// A table has been read: how many of its rows count.
    pub(super) fn take_count(&mut self) -> u64 {
        self.last = 0;
        self.damaged.clear();
        std::mem::take(&mut self.count)
    }

    /// The records of a table that was read which may have the same name.
    pub(super) fn suspects(&mut self, subject: Subject) -> Option<Suspects> {
        let has_names = matches!(subject, Subject::Accounts | Subject::Channels);
        has_names.then(|| self.names.suspects())
    }

    /// A record has the name of another one; returns whether that is news.
    pub(super) fn is_double(&mut self, id: u32) -> bool {
        self.damaged.insert(id)
    }

    /// What is wrong with a row, if anything.
    pub(super) fn row(
        &mut self,
        connection: &Connection,
        subject: Subject,
        key: i64,
        row: Read<&Row<'_>>,
    ) -> Read<()> {
        // A channel counts once its name is known.
        self.count += u64::from(row.is_ok() && subject != Subject::Channels);
        match subject {
            Subject::Accounts => {
                let id = self.accounts.add(key);
                let row = row?;
                let id = id?;
                self.account(row, id).inspect_err(|_| {
                    self.damaged.insert(id);
                })
            }
            Subject::Messages => self.message(connection, key, row?),
            Subject::Removals => {
                let row = row?;
                let message = record::integer(row, 0, "message")?;
                u64::try_from(message).map_err(|_| record::out_of_range("message"))?;
                record::is_kept(row, 1).map(drop)
            }
            Subject::Channels => {
                let id = self.channels.add(key);
                let row = row?;
                let id = id?;
                // The row of an evicted channel waits for its number to be used again.
                if let Some(name) = record::channel(row, 0)? {
                    self.names.add(&name, id);
                    self.count += 1;
                    if let Some(creator) = record::creator(row, 1)? {
                        exists(connection, "account", &self.accounts, creator.0, "creator")?;
                        record::channel_key(row, 2)?;
                    }
                }
                Ok(())
            }
            Subject::Posts => self.post(connection, key, row?),
            Subject::Blocks => {
                let row = row?;
                let account = record::account(row, 0, "account")?;
                record::sender_name(row, 1)?;
                exists(connection, "account", &self.accounts, account.0, "account")
            }
            Subject::Invitations => {
                let row = row?;
                let channel = record::number(row, 0, "channel")?;
                let account = record::account(row, 1, "account")?;
                exists(connection, "channel", &self.channels, channel, "channel")?;
                exists(connection, "account", &self.accounts, account.0, "account")
            }
            Subject::Bans => {
                self.last = record::sequence(key, self.last, "number")?;
                record::ban(row?).map(drop)
            }
            Subject::Keys => {
                self.last = record::sequence(key, self.last, "number")?;
                let (account, ..) = record::key(row?)?;
                exists(connection, "account", &self.accounts, account.0, "account")
            }
        }
    }

    fn account(&mut self, row: &Row<'_>, id: u32) -> Read<()> {
        let name = record::name(row, 0)?;
        if record::state(row, 2)? == State::Released {
            // The row of a deleted account stays while others name it.
            self.count -= 1;
            return Ok(());
        }
        self.names.add(&name, id);
        match record::password(row, 1)? {
            Some(hash) if !(self.is_hash)(&hash) => {
                Err("its password is not a hash, and opens to nobody".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn message(&mut self, connection: &Connection, sequence: i64, row: &Row<'_>) -> Read<()> {
        self.last = record::sequence(sequence, self.last, "number")?;
        let sender = record::message(row)?.sender;
        let recipient = record::account(row, 3, "recipient")?;
        record::integer(row, 2, "time")?;
        record::keepers(row, 4)?;
        if let Some(sender) = sender.account() {
            exists(connection, "account", &self.accounts, sender.0, "sender")?;
        }
        exists(connection, "account", &self.accounts, recipient.0, "recipient")
    }

    fn post(&mut self, connection: &Connection, number: i64, row: &Row<'_>) -> Read<()> {
        self.last = record::sequence(number, self.last, "number")?;
        let author = record::post(row)?.author;
        let channel = record::number(row, 6, "channel")?;
        record::integer(row, 2, "time")?;
        if let Some(author) = author.and_then(Sender::account) {
            exists(connection, "account", &self.accounts, author.0, "author")?;
        }
        exists(connection, "channel", &self.channels, channel, "channel")
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Rules").field("version", &self.version).finish_non_exhaustive()
    }
}

/// The name that a record has now, in the form in which no two may have it.
pub(super) fn name(
    connection: &Connection,
    subject: Subject,
    version: i32,
    id: u32,
) -> Option<String> {
    let Table { name, key, columns } = subject.table(version);
    let sql = format!("SELECT {columns} FROM {name} WHERE {key} = ?1");
    let read = |row: &Row<'_>| -> Read<Option<String>> {
        Ok(match subject {
            Subject::Channels => record::channel(row, 0)?.map(|name| name.as_str().to_owned()),
            _ if record::state(row, 2)? == State::Released => None,
            _ => Some(record::name(row, 0)?.folded().to_owned()),
        })
    };
    let mut select = connection.prepare_cached(&sql).ok()?;
    // What is damaged, or cannot be read, was told as it was read.
    select.query_row([id], |row| Ok(read(row).ok().flatten())).ok().flatten()
}
