//! Reading the history of channels beside the loop, on a connection of its own.
//!
//! Which rows are read, the store has said from its memory. What has become of them since is
//! seen in the rows: those whose author or channel was deleted are left out, though a sweep has
//! not removed them yet.

use std::collections::HashMap;
use std::path::PathBuf;

use postroom_model::{Author, Channel, Entry, Name, PostId, Stamp, Timestamp};
use postroom_store::{
    AccountId, Damaged, History, HistoryFailure, HistoryPage, HistoryRows, Sender,
};
use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::damage::{self, is_unreadable, unreadable};
use crate::error::OpenError;
use crate::index;
use crate::platform::Platform;
use crate::reader::{Pace, Reader};
use crate::record::{self, Read, StoredPost};
use crate::state::State;

/// The store whose history is read: that of a server of this process.
#[derive(Clone, Debug)]
pub struct HistorySource {
    path: PathBuf,
    platform: Platform,
}

/// Reads the history of channels, while the store is used.
#[derive(Debug)]
pub struct HistoryReader {
    reader: Reader,
}

impl HistorySource {
    pub(crate) fn new(path: PathBuf, platform: Platform) -> Self {
        Self { path, platform }
    }

    /// Opens a connection to the store, which must be open still.
    pub fn open(&self) -> Result<HistoryReader, OpenError> {
        let reader = Reader::beside_own_server(self.path.clone(), &self.platform)?;
        Ok(HistoryReader { reader })
    }
}

impl HistoryReader {
    /// What to heed between two pages, if many are read.
    #[must_use]
    pub fn pace(&self) -> Pace {
        self.reader.pace()
    }
}

impl History for HistoryReader {
    fn page(&mut self, rows: &HistoryRows) -> Result<HistoryPage, HistoryFailure> {
        let read = self.reader.read(|connection| Rows::new(connection, rows.channel()).page(rows));
        read.map_err(failure)
    }

    /// Looks at about as many rows as the number of the latest has binary digits.
    fn first_at(&mut self, time: Timestamp) -> Result<PostId, HistoryFailure> {
        self.reader.read(|connection| first_at(connection, time)).map_err(failure)
    }
}

fn failure(error: OpenError) -> HistoryFailure {
    HistoryFailure { cause: error.into() }
}

/// A row of a post, as far as it can be read.
struct Found {
    post: StoredPost,
    channel: u32,
}

/// The author of a post.
#[derive(Clone)]
enum Account {
    /// It has this name.
    Known(Name),
    /// Its posts are deleted with it.
    Deleted,
    /// There is none of this number, nor was.
    None,
}

/// Reads the rows of one page, at one moment.
struct Rows<'a> {
    connection: &'a Connection,
    channel: &'a Channel,
    /// Whether a channel of this number is the one that is read.
    channels: HashMap<u32, bool>,
    accounts: HashMap<AccountId, Account>,
    damaged: Vec<Damaged>,
}

impl<'a> Rows<'a> {
    fn new(connection: &'a Connection, channel: &'a Channel) -> Self {
        let (channels, accounts, damaged) = (HashMap::new(), HashMap::new(), Vec::new());
        Self { connection, channel, channels, accounts, damaged }
    }

    fn page(mut self, rows: &HistoryRows) -> rusqlite::Result<HistoryPage> {
        let mut page = rows.page(|number| self.entry(number))?;
        page.damaged = self.damaged;
        Ok(page)
    }

    /// The entry of a row; `None` if there is none, or it is damaged.
    fn entry(&mut self, number: u64) -> rusqlite::Result<Option<Entry>> {
        let found = match self.row(number) {
            Ok(None) => return Ok(None),
            Ok(Some(Ok(found))) => found,
            Ok(Some(Err(what))) => return Ok(self.damaged(number, what)),
            Err(error) if is_unreadable(&error) => {
                return Ok(self.damaged(number, unreadable(&error)));
            }
            Err(error) => return Err(error),
        };
        let Found { post: StoredPost { author, stamp, content }, channel } = found;
        if !self.is_of_channel(channel)? {
            return Ok(None);
        }
        let author = match author {
            None => Author::Board,
            Some(Sender::Web) => Author::Web,
            Some(Sender::Account(account)) => match self.account(account)? {
                Account::Known(name) => Author::Account(name),
                Account::Deleted => return Ok(None),
                Account::None => {
                    return Ok(self.damaged(number, "its author is not an account".to_owned()));
                }
            },
        };
        let Stamp { id, stored } = stamp;
        Ok(Some(Entry { id, stored, author, content }))
    }

    fn damaged(&mut self, number: u64, what: String) -> Option<Entry> {
        self.damaged.push(Damaged { table: "post", key: damage::key(number), what });
        None
    }

    fn row(&self, number: u64) -> rusqlite::Result<Option<Read<Found>>> {
        let found = |row: &Row<'_>| -> Read<Found> {
            Ok(Found { post: record::post(row)?, channel: record::number(row, 6, "channel")? })
        };
        let sql = "SELECT author, text, stored_ms, first, number, deleted, channel FROM post \
                   WHERE number = ?1";
        let mut select = self.connection.prepare_cached(sql)?;
        select.query_row([number], |row| Ok(found(row))).optional()
    }

    /// Whether a channel has the name of that which is read still. Its number may be another
    /// channel's by now.
    fn is_of_channel(&mut self, id: u32) -> rusqlite::Result<bool> {
        if let Some(is_it) = self.channels.get(&id) {
            return Ok(*is_it);
        }
        let sql = "SELECT name FROM channel WHERE id = ?1";
        let mut select = self.connection.prepare_cached(sql)?;
        let name = select.query_row([id], |row| Ok(record::channel(row, 0)));
        let is_it = match name.optional() {
            Ok(name) => name.is_some_and(|name| name.as_ref() == Ok(&Some(self.channel.clone()))),
            Err(error) if is_unreadable(&error) => false,
            Err(error) => return Err(error),
        };
        self.channels.insert(id, is_it);
        Ok(is_it)
    }

    /// The account of a number. One that is damaged has the name that the store gives it.
    fn account(&mut self, id: AccountId) -> rusqlite::Result<Account> {
        if let Some(account) = self.accounts.get(&id) {
            return Ok(account.clone());
        }
        let sql = "SELECT name, deleted, id FROM account WHERE id >= ?1 ORDER BY id LIMIT 1";
        let mut select = self.connection.prepare_cached(sql)?;
        let read = select.query_row([id.0], |row| {
            if record::account(row, 2, "number") != Ok(id) {
                // Its row is lost, but that of a later one is there.
                return Ok(Account::Known(index::stand_in(id)));
            }
            Ok(match (record::state(row, 1), record::name(row, 0)) {
                (Ok(State::Reserved | State::Released), _) => Account::Deleted,
                (_, Ok(name)) => Account::Known(name),
                (_, Err(_)) => Account::Known(index::stand_in(id)),
            })
        });
        let account = match read.optional() {
            Ok(found) => found.unwrap_or(Account::None),
            Err(error) if is_unreadable(&error) => Account::Known(index::stand_in(id)),
            Err(error) => return Err(error),
        };
        self.accounts.insert(id, account.clone());
        Ok(account)
    }
}

fn first_at(connection: &Connection, time: Timestamp) -> rusqlite::Result<PostId> {
    let end = "SELECT coalesce(max(number), -1) + 1 FROM post";
    let (mut low, mut high): (i64, i64) = (0, connection.query_row(end, [], |row| row.get(0))?);
    let sql = "SELECT number, stored_ms FROM post WHERE number >= ?1 ORDER BY number LIMIT 1";
    let mut select = connection.prepare_cached(sql)?;
    // What is before `low` was stored earlier, and what is at `high` was not, if it is there.
    while low < high {
        let middle = low + (high - low) / 2;
        let (number, stored) =
            select.query_row([middle], |row| Ok((row.get::<_, i64>(0)?, record::time(row, 1))))?;
        if stored < time {
            low = number + 1;
        } else {
            high = middle;
        }
    }
    Ok(PostId(u64::try_from(low).unwrap_or(0)))
}
