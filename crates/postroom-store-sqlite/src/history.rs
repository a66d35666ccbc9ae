//! Reading the history of channels and of mailboxes beside the loop, on a connection of its own.
//!
//! Which rows are read, the store has said from its memory. What has become of them since is
//! seen in the rows: those whose author or channel was deleted are left out, though a sweep has
//! not removed them yet.

use std::collections::HashMap;
use std::path::PathBuf;

use postroom_model::{Author, Channel, Entry, MessageId, Name, PostId, Stamp, Timestamp};
use postroom_store::{
    AccountId, Damaged, History, HistoryFailure, HistoryPage, HistoryRows, KeptAs, KeptMessage,
    KeptPage, KeptRow, KeptRows, Sender,
};
use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::damage::{self, is_unreadable, unreadable};
use crate::error::OpenError;
use crate::index;
use crate::platform::Platform;
use crate::reader::{Pace, Reader};
use crate::record::{self, Read, StoredMessage, StoredPost};
use crate::state::State;

/// The store whose history is read: that of a server of this process.
#[derive(Clone, Debug)]
pub struct HistorySource {
    path: PathBuf,
    platform: Platform,
}

/// Reads the history of channels and of mailboxes, while the store is used.
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
        let read = |connection: &Connection| {
            let mut of_page = Rows::new(connection);
            let mut channels = ChannelNumbers { channel: rows.channel(), known: HashMap::new() };
            let mut page = rows.page(|number| of_page.entry(number, &mut channels))?;
            page.damaged = of_page.damaged;
            Ok(page)
        };
        self.reader.read(read).map_err(failure)
    }

    /// Looks at about as many rows as the number of the latest has binary digits.
    fn first_at(&mut self, time: Timestamp) -> Result<PostId, HistoryFailure> {
        let read = self.reader.read(|connection| first_at(connection, ("post", "number"), time));
        read.map(PostId).map_err(failure)
    }

    fn kept(&mut self, rows: &KeptRows) -> Result<KeptPage, HistoryFailure> {
        let read = |connection: &Connection| {
            let mut of_page = Rows::new(connection);
            if !matches!(of_page.account(rows.account())?, Account::Known(_)) {
                // It was deleted meanwhile.
                return Ok(KeptPage::default());
            }
            let mut page = rows.page(|row| of_page.kept(rows.account(), row))?;
            page.damaged = of_page.damaged;
            Ok(page)
        };
        self.reader.read(read).map_err(failure)
    }

    fn first_message_at(&mut self, time: Timestamp) -> Result<MessageId, HistoryFailure> {
        let table = ("message", "sequence");
        let read = self.reader.read(|connection| first_at(connection, table, time));
        read.map(MessageId).map_err(failure)
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
    /// It had this name. Its posts are deleted with it.
    Deleted(Name),
    /// There is none of this number, nor was.
    None,
}

/// Reads the rows of one page, at one moment.
struct Rows<'a> {
    connection: &'a Connection,
    accounts: HashMap<AccountId, Account>,
    damaged: Vec<Damaged>,
}

/// Which numbers a channel has that is read.
struct ChannelNumbers<'a> {
    channel: &'a Channel,
    /// Whether a number is one of them.
    known: HashMap<u32, bool>,
}

impl<'a> Rows<'a> {
    fn new(connection: &'a Connection) -> Self {
        Self { connection, accounts: HashMap::new(), damaged: Vec::new() }
    }

    /// The entry of a row; `None` if there is none, or it is damaged.
    fn entry(
        &mut self,
        number: u64,
        channels: &mut ChannelNumbers<'_>,
    ) -> rusqlite::Result<Option<Entry>> {
        let found = |row: &Row<'_>| -> Read<Found> {
            Ok(Found { post: record::post(row)?, channel: record::number(row, 6, "channel")? })
        };
        let sql = "SELECT author, text, stored_ms, first, number, deleted, channel FROM post \
                   WHERE number = ?1";
        let Some(found) = self.row("post", sql, number, found)? else {
            return Ok(None);
        };
        let Found { post: StoredPost { author, stamp, content }, channel } = found;
        if !channels.have(self.connection, channel)? {
            return Ok(None);
        }
        let author = match author {
            None => Author::Board,
            Some(Sender::Web) => Author::Web,
            Some(Sender::Account(account)) => match self.account(account)? {
                Account::Known(name) => Author::Account(name),
                Account::Deleted(_) => return Ok(None),
                Account::None => {
                    let what = "its author is not an account".to_owned();
                    return Ok(self.damaged("post", number, what));
                }
            },
        };
        let Stamp { id, stored } = stamp;
        Ok(Some(Entry { id, stored, author, content }))
    }

    /// A message that an account keeps; `None` if it does no longer, or it is damaged.
    fn kept(
        &mut self,
        account: AccountId,
        KeptRow { id, kept }: KeptRow,
    ) -> rusqlite::Result<Option<KeptMessage>> {
        let found = |row: &Row<'_>| -> Read<(StoredMessage, AccountId)> {
            Ok((record::message(row)?, record::account(row, 3, "recipient")?))
        };
        let sql = "SELECT sender, text, stored_ms, recipient FROM message WHERE sequence = ?1";
        let Some((message, recipient)) = self.row("message", sql, id.0, found)? else {
            return Ok(None);
        };
        let StoredMessage { sender, stored, text } = message;
        let (own, other) = match kept {
            KeptAs::Received => (Sender::Account(recipient), sender),
            KeptAs::Sent => (sender, Sender::Account(recipient)),
        };
        if own != Sender::Account(account) {
            return Ok(None);
        }
        let other = match other {
            Sender::Web => Name::web(),
            Sender::Account(other) => match self.account(other)? {
                Account::Known(name) | Account::Deleted(name) => name,
                Account::None => {
                    let what = "its recipient or its sender is not an account".to_owned();
                    return Ok(self.damaged("message", id.0, what));
                }
            },
        };
        Ok(Some(KeptMessage { id, stored, kept, other, text }))
    }

    fn damaged<T>(&mut self, table: &'static str, number: u64, what: String) -> Option<T> {
        self.damaged.push(Damaged { table, key: damage::key(number), what });
        None
    }

    /// Reads a row; `None` if there is none, or it is damaged.
    fn row<T>(
        &mut self,
        table: &'static str,
        sql: &str,
        number: u64,
        read: impl FnOnce(&Row<'_>) -> Read<T>,
    ) -> rusqlite::Result<Option<T>> {
        let mut select = self.connection.prepare_cached(sql)?;
        match select.query_row([number], |row| Ok(read(row))).optional() {
            Ok(None) => Ok(None),
            Ok(Some(Ok(found))) => Ok(Some(found)),
            Ok(Some(Err(what))) => Ok(self.damaged(table, number, what)),
            Err(error) if is_unreadable(&error) => {
                Ok(self.damaged(table, number, unreadable(&error)))
            }
            Err(error) => Err(error),
        }
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
                (Ok(State::Reserved | State::Released), name) => {
                    Account::Deleted(name.unwrap_or_else(|_| index::stand_in(id)))
                }
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

impl ChannelNumbers<'_> {
    /// Whether a channel has this name still. Its number may be another channel's by now.
    fn have(&mut self, connection: &Connection, id: u32) -> rusqlite::Result<bool> {
        if let Some(is_it) = self.known.get(&id) {
            return Ok(*is_it);
        }
        let sql = "SELECT name FROM channel WHERE id = ?1";
        let mut select = connection.prepare_cached(sql)?;
        let name = select.query_row([id], |row| Ok(record::channel(row, 0)));
        let is_it = match name.optional() {
            Ok(name) => name.is_some_and(|name| name.as_ref() == Ok(&Some(self.channel.clone()))),
            Err(error) if is_unreadable(&error) => false,
            Err(error) => return Err(error),
        };
        self.known.insert(id, is_it);
        Ok(is_it)
    }
}

/// The number in a table from which on the rows are that were stored at a time or later.
fn first_at(
    connection: &Connection,
    (table, key): (&str, &str),
    time: Timestamp,
) -> rusqlite::Result<u64> {
    let end = format!("SELECT coalesce(max({key}), -1) + 1 FROM {table}");
    let (mut low, mut high): (i64, i64) = (0, connection.query_row(&end, [], |row| row.get(0))?);
    let sql =
        format!("SELECT {key}, stored_ms FROM {table} WHERE {key} >= ?1 ORDER BY {key} LIMIT 1");
    let mut select = connection.prepare_cached(&sql)?;
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
    Ok(u64::try_from(low).unwrap_or(0))
}
