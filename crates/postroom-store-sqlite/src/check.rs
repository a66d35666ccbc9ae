//! Reading everything in a store without changing anything.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

use postroom_model::{Channel, Name};
use postroom_store::{Damaged, PasswordHash};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Row};

use crate::damage::{Damages, is_unreadable, unreadable};
use crate::error::OpenError;
use crate::file::{self, beside};
use crate::folder;
use crate::record::{self, Read};
use crate::scan::{Table, scan};
use crate::schema;
use crate::state::State;

/// Something in a store that is not as it should be.
#[derive(Debug)]
pub enum Finding {
    /// A record cannot be read.
    Record(Damaged),
    /// The file's structure is damaged, in SQLite's words.
    Structure(String),
}

/// A line for people and scripts: the table, the key, and what is wrong.
impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(damaged) => damaged.fmt(formatter),
            Self::Structure(what) => write!(formatter, "file: {what}"),
        }
    }
}

/// What a check has read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checked {
    /// Accounts.
    pub accounts: u64,
    /// Messages, those that were read and not yet swept out included.
    pub messages: u64,
    /// Removals of messages.
    pub removals: u64,
    /// Channels.
    pub channels: u64,
    /// Posts, one for each of their channels.
    pub posts: u64,
    /// Senders whom accounts have blocked.
    pub blocks: u64,
    /// Whether the structure of the file was read, too. That takes one long look,
    /// which would keep the log of a running server from beginning anew.
    pub structure: bool,
}

/// Reads everything in the store of a folder, and tells what is damaged.
///
/// `is_hash` knows what a password hash looks like. Works while a server runs, in
/// short read transactions, and neither changes nor creates anything.
pub fn check(
    folder: &Path,
    is_hash: impl Fn(&PasswordHash) -> bool,
    mut tell: impl FnMut(Finding),
) -> Result<Checked, OpenError> {
    folder::require_store(folder)?;
    let path = file::database(folder);
    let database = |cause| OpenError::database(&path, cause);
    let (connection, locks) = connect(folder, &path)?;
    let version = schema::version(&connection, &path)?;
    let mut checked = Checked { structure: locks.is_some(), ..Checked::default() };
    if checked.structure {
        for what in structure(&connection).map_err(database)? {
            tell(Finding::Structure(what));
        }
    }
    let (accounts, channels) = (Ids::default(), Ids::default());
    let mut reader = Reader { connection: &connection, tell, accounts, channels };
    checked.accounts = reader.accounts(version, is_hash).map_err(database)?;
    checked.messages = reader.messages().map_err(database)?;
    checked.removals = reader.removals().map_err(database)?;
    if version > 1 {
        checked.channels = reader.channels().map_err(database)?;
        checked.posts = reader.posts().map_err(database)?;
    }
    if version > 3 {
        checked.blocks = reader.blocks().map_err(database)?;
    }
    Ok(checked)
}

/// Opens the store for reading; with the locks that keep servers out, unless one
/// runs.
///
/// SQLite reads a log by way of an index in shared memory, a file that it would
/// create. So a store without a log is read as a file that does not change, and one
/// with a log under an exclusive lock, with the index in this process's memory.
fn connect(folder: &Path, path: &Path) -> Result<(Connection, Option<Vec<File>>), OpenError> {
    let locks = folder::lock_for_reading(folder)?;
    let read = |path: &Path| {
        file::bytes(path).map_err(|cause| OpenError::Read { path: path.to_path_buf(), cause })
    };
    if locks.is_some() {
        file::inspect(path)?;
    } else if !beside(path, "-shm").exists() {
        return Err(OpenError::InUse { path: folder.to_path_buf() });
    }
    let has_log = read(&beside(path, "-wal"))? > 0;
    let open = || {
        let no_mutex = OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let read_only = OpenFlags::SQLITE_OPEN_READ_ONLY | no_mutex;
        let connection = match (&locks, has_log) {
            (None, _) => Connection::open_with_flags(path, read_only)?,
            (Some(_), false) => {
                let flags = read_only | OpenFlags::SQLITE_OPEN_URI;
                Connection::open_with_flags(immutable(path), flags)?
            }
            (Some(_), true) => {
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | no_mutex;
                let connection = Connection::open_with_flags(path, flags)?;
                connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
                connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
                connection
            }
        };
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    };
    let connection = open().map_err(|cause| OpenError::database(path, cause))?;
    Ok((connection, locks))
}

/// The name of a file that does not change while it is read.
fn immutable(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let escape = |byte: &u8| match byte {
        b'/' | b'.' | b'-' | b'_' => char::from(*byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        byte => format!("%{byte:02x}"),
    };
    let escaped: String = absolute.as_os_str().as_bytes().iter().map(escape).collect();
    format!("file:{escaped}?immutable=1")
}

/// What is wrong with the structure of the file.
fn structure(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    const FINDINGS_MAX: u32 = 1_000;
    let read = || -> rusqlite::Result<Vec<String>> {
        let mut select = connection.prepare(&format!("PRAGMA integrity_check({FINDINGS_MAX})"))?;
        select.query_map([], |row| row.get(0))?.collect()
    };
    match read() {
        Ok(lines) => Ok(lines
            .iter()
            .flat_map(|lines| lines.lines())
            .filter(|line| *line != "ok" && !line.starts_with("***"))
            .map(str::to_owned)
            .collect()),
        Err(error) if is_unreadable(&error) => Ok(vec![unreadable(&error)]),
        Err(error) => Err(error),
    }
}

/// Reads one table after the other.
struct Reader<'a, T> {
    connection: &'a Connection,
    tell: T,
    accounts: Ids,
    channels: Ids,
}

impl<T: FnMut(Finding)> Reader<'_, T> {
    fn accounts(
        &mut self,
        version: i32,
        is_hash: impl Fn(&PasswordHash) -> bool,
    ) -> rusqlite::Result<u64> {
        let columns = if version > 4 { "name, password, deleted" } else { "name, password, NULL" };
        let table = Table { name: "account", key: "id", columns };
        let mut released = 0;
        let mut names = HashMap::<Name, i64>::new();
        let mut ids = Ids::default();
        let count = read_table(self.connection, &mut self.tell, table, |_, id, row| {
            let added = ids.add(id);
            let row = row?;
            added?;
            let name = record::name(row, 0)?;
            if record::state(row, 2)? == State::Released {
                released += 1;
                return Ok(());
            }
            if let Some(other) = names.insert(name, id) {
                return Err(format!("its name is that of account {other}"));
            }
            match record::password(row, 1)? {
                Some(hash) if !is_hash(&hash) => {
                    Err("its password is not a hash, and opens to nobody".to_owned())
                }
                _ => Ok(()),
            }
        })?;
        self.accounts = ids;
        // The row of a deleted account stays while others name it.
        Ok(count - released)
    }

    fn messages(&mut self) -> rusqlite::Result<u64> {
        let table = Table {
            name: "message",
            key: "sequence",
            columns: "sender, text, recipient, stored_ms",
        };
        let (accounts, mut last) = (&self.accounts, 0);
        read_table(self.connection, &mut self.tell, table, |connection, sequence, row| {
            let row = row?;
            last = record::sequence(sequence, last, "number")?;
            let sender = record::message(row)?.sender;
            let recipient = record::account(row, 2, "recipient")?;
            record::integer(row, 3, "time")?;
            exists(connection, "account", accounts, sender.0, "sender")?;
            exists(connection, "account", accounts, recipient.0, "recipient")
        })
    }

    fn removals(&mut self) -> rusqlite::Result<u64> {
        let table = Table { name: "removal", key: "position", columns: "message" };
        read_table(self.connection, &mut self.tell, table, |_, _, row| {
            let message = record::integer(row?, 0, "message")?;
            u64::try_from(message).map(drop).map_err(|_| record::out_of_range("message"))
        })
    }

    fn blocks(&mut self) -> rusqlite::Result<u64> {
        let table = Table { name: "block", key: "number", columns: "account, sender" };
        let accounts = &self.accounts;
        read_table(self.connection, &mut self.tell, table, |connection, _, row| {
            let row = row?;
            let account = record::account(row, 0, "account")?;
            record::name(row, 1)?;
            exists(connection, "account", accounts, account.0, "account")
        })
    }

    fn channels(&mut self) -> rusqlite::Result<u64> {
        let mut names = HashMap::<Channel, i64>::new();
        let mut ids = Ids::default();
        let table = Table { name: "channel", key: "id", columns: "name" };
        read_table(self.connection, &mut self.tell, table, |_, id, row| {
            let added = ids.add(id);
            let row = row?;
            added?;
            let name = record::channel(row, 0)?;
            match name.and_then(|name| names.insert(name, id)) {
                Some(other) => Err(format!("its name is that of channel {other}")),
                None => Ok(()),
            }
        })?;
        self.channels = ids;
        // The row of an evicted channel waits for its number to be used again.
        Ok(names.len() as u64)
    }

    fn posts(&mut self) -> rusqlite::Result<u64> {
        let table =
            Table { name: "post", key: "number", columns: "author, text, channel, stored_ms" };
        let (accounts, channels) = (&self.accounts, &self.channels);
        let mut last = 0;
        read_table(self.connection, &mut self.tell, table, |connection, number, row| {
            let row = row?;
            last = record::sequence(number, last, "number")?;
            let author = record::post(row)?.author;
            let channel = record::number(row, 2, "channel")?;
            record::integer(row, 3, "time")?;
            if let Some(author) = author {
                exists(connection, "account", accounts, author.0, "author")?;
            }
            exists(connection, "channel", channels, channel, "channel")
        })
    }
}

/// Reads a table, tells what is damaged in it, and returns how many rows it has.
fn read_table(
    connection: &Connection,
    tell: &mut impl FnMut(Finding),
    table: Table,
    mut row: impl FnMut(&Connection, i64, Read<&Row<'_>>) -> Read<()>,
) -> rusqlite::Result<u64> {
    let (mut count, mut damages) = (0, Damages::unlimited());
    let read = scan(connection, table, &mut damages, |key, columns, _| {
        count += u64::from(columns.is_ok());
        row(connection, key, columns)
    });
    match read {
        Err(error) if is_unreadable(&error) => {
            let what = format!("the end of the table {} cannot be read: {error}", table.name);
            tell(Finding::Structure(what));
        }
        read => read?,
    }
    damages.take().into_iter().map(Finding::Record).for_each(tell);
    Ok(count)
}

/// The numbers of the accounts or of the channels, which may have gaps.
#[derive(Debug, Default)]
struct Ids {
    /// One more than the highest.
    next: u32,
    /// In ascending order.
    gaps: Vec<Range<u32>>,
}

impl Ids {
    fn add(&mut self, id: i64) -> Read<()> {
        let id = record::in_sequence(id, self.next)?;
        if id > self.next {
            self.gaps.push(self.next..id);
        }
        self.next = id.saturating_add(1);
        Ok(())
    }

    fn contains(&self, id: u32) -> bool {
        let gap = self.gaps.partition_point(|gap| gap.end <= id);
        id < self.next && self.gaps.get(gap).is_none_or(|gap| id < gap.start)
    }
}

/// Whether an account or a channel exists which a row names; `ids` are those that were
/// there when they were read.
fn exists(connection: &Connection, table: &str, ids: &Ids, id: u32, what: &str) -> Read<()> {
    // A server may have added it meanwhile.
    let sql = format!("SELECT count(*) FROM {table} WHERE id = ?1");
    let look = || connection.prepare_cached(&sql)?.query_row([id], |row| row.get::<_, bool>(0));
    if ids.contains(id) || look().unwrap_or(false) {
        return Ok(());
    }
    Err(format!("its {what} is missing"))
}
