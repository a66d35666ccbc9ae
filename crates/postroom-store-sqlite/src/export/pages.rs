//! The pages of an export, each at one moment.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};

use postroom_model::{Channel, Name, Text};
use postroom_store::{AccountId, Sender, Timestamp};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::Exported;
use crate::damage::is_unreadable;
use crate::kept::Keepers;
use crate::reader::PageLimit;
use crate::record::{self, Read};
use crate::scan::{self, Table};
use crate::state::State;

/// Where an account is.
pub(super) enum Find {
    /// It has this number.
    Account(u32),
    /// If it is there, from this number on.
    Later(i64),
    /// Nowhere.
    None,
}

/// Reads one page.
pub(super) struct Pages<'a> {
    connection: &'a Connection,
    version: i32,
    name: &'a Name,
    limit: RefCell<PageLimit>,
    told: &'a mut Vec<Exported>,
    /// Names of accounts that rows of this page name.
    names: HashMap<u32, Option<Name>>,
    channels: HashMap<u32, Read<Option<Channel>>>,
}

/// A message that is of the account, unless it was removed.
struct Found {
    /// The other one.
    other: Sender,
    is_received: bool,
    keepers: Read<Keepers>,
    stored: Timestamp,
    text: Read<Text>,
}

impl<'a> Pages<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        version: i32,
        name: &'a Name,
        rows: usize,
        told: &'a mut Vec<Exported>,
    ) -> Self {
        let limit = RefCell::new(PageLimit::begin(rows));
        let (names, channels) = (HashMap::new(), HashMap::new());
        Self { connection, version, name, limit, told, names, channels }
    }

    fn accounts(&self) -> Table {
        let columns =
            if self.version > 4 { "name, password, deleted" } else { "name, password, NULL" };
        Table { name: "account", key: "id", columns }
    }

    pub(super) fn find(&mut self, from: i64) -> rusqlite::Result<Find> {
        let mut found = None;
        let is_found = Cell::new(false);
        let next = self.rows(
            self.accounts(),
            from,
            |_| is_found.get(),
            |key, row| {
                if is_found.get() || !is_of(row, self.name) {
                    return;
                }
                if let Ok(id) = u32::try_from(key) {
                    is_found.set(true);
                    found = Some((id, account(row)));
                }
            },
        )?;
        match (found, next) {
            (Some((id, account)), _) => {
                self.told.extend(account);
                Ok(Find::Account(id))
            }
            (None, Some(next)) => Ok(Find::Later(next)),
            (None, None) => Ok(Find::None),
        }
    }

    /// Whether the account that was found is the one of this name still.
    pub(super) fn is_still(&self, id: u32) -> rusqlite::Result<bool> {
        let Table { columns, .. } = self.accounts();
        let sql = format!("SELECT {columns} FROM account WHERE id = ?1");
        let mut select = self.connection.prepare_cached(&sql)?;
        let is_still = select.query_row([id], |row| Ok(is_of(row, self.name))).optional()?;
        Ok(is_still.unwrap_or(false))
    }

    pub(super) fn blocks(&mut self, id: u32, from: i64) -> rusqlite::Result<Option<i64>> {
        let table = Table { name: "block", key: "number", columns: "account, sender" };
        let mut blocks = Vec::new();
        let next = self.rows(
            table,
            from,
            |_| false,
            |_, row| {
                if record::number(row, 0, "").is_ok_and(|account| account == id) {
                    blocks.push(match record::sender_name(row, 1) {
                        Ok(sender) => Exported::Block { sender },
                        Err(_) => Exported::Damaged,
                    });
                }
            },
        )?;
        self.told.append(&mut blocks);
        Ok(next)
    }

    pub(super) fn messages(&mut self, id: u32, from: i64) -> rusqlite::Result<Option<i64>> {
        let columns = if self.version > 11 {
            "recipient, sender, stored_ms, text, kept"
        } else {
            "recipient, sender, stored_ms, text, NULL"
        };
        let table = Table { name: "message", key: "sequence", columns };
        let mut found = BTreeMap::new();
        let next = self.rows(
            table,
            from,
            |_| false,
            |sequence, row| {
                let recipient = record::account(row, 0, "").map(Sender::Account);
                let sender = record::sender(row, 1, "");
                let own = Sender::Account(AccountId(id));
                let is_received = recipient == Ok(own);
                if is_received || sender == Ok(own) {
                    let text = record::text(row, 3);
                    self.tell(text.as_ref().map_or(0, |text| text.as_str().len()));
                    let other = if is_received { sender } else { recipient };
                    let message = other.map(|other| {
                        let (stored, keepers) = (record::time(row, 2), record::keepers(row, 4));
                        Found { other, is_received, keepers, stored, text }
                    });
                    found.insert(sequence, message);
                }
            },
        )?;
        self.take_removed(&mut found)?;
        for message in found.into_values() {
            let exported = match message {
                Ok(Found { is_received, keepers: Ok(keepers), .. })
                    if !keepers.is_unread() && !keepers.has(is_received) =>
                {
                    // It is the other one's alone.
                    continue;
                }
                Ok(Found { other, is_received, keepers: Ok(keepers), stored, text: Ok(text) }) => {
                    self.sender_name(other)?.map(|name| match is_received {
                        true if keepers.is_unread() => {
                            Exported::Message { sender: name, stored, text }
                        }
                        true => Exported::Read { sender: name, stored, text },
                        false => Exported::Sent { recipient: name, stored, text },
                    })
                }
                _ => None,
            };
            self.told.push(exported.unwrap_or(Exported::Damaged));
        }
        Ok(next)
    }

    /// Takes out what was removed, and is not swept out yet, and notes what was read and is
    /// kept.
    fn take_removed(&self, found: &mut BTreeMap<i64, Read<Found>>) -> rusqlite::Result<()> {
        if found.is_empty() {
            return Ok(());
        }
        let columns = if self.version > 11 { "message, kept" } else { "message, NULL" };
        let table = Table { name: "removal", key: "position", columns };
        let mut from = Some(i64::MIN);
        while let Some(first) = from {
            from = scan::page(
                self.connection,
                table,
                first,
                |_| false,
                |_, row| {
                    let Ok(row) = row else {
                        return;
                    };
                    let Ok(message) = record::integer(row, 0, "") else {
                        return;
                    };
                    let is_kept = record::is_kept(row, 1) == Ok(true);
                    let keepers = match found.get(&message) {
                        Some(Ok(Found { keepers: Ok(keepers), .. })) => keepers.removed(is_kept),
                        _ => None,
                    };
                    match (keepers, found.get_mut(&message)) {
                        (Some(left), Some(Ok(found))) => found.keepers = Ok(left),
                        _ => drop(found.remove(&message)),
                    }
                },
            )?;
        }
        Ok(())
    }

    pub(super) fn posts(&mut self, id: u32, from: i64) -> rusqlite::Result<Option<i64>> {
        let columns = if self.version > 8 {
            "author, channel, stored_ms, text, deleted"
        } else {
            "author, channel, stored_ms, text, NULL"
        };
        let table = Table { name: "post", key: "number", columns };
        let mut found = Vec::new();
        let next = self.rows(
            table,
            from,
            |_| false,
            |_, row| {
                // Of what it has deleted nothing is left to tell.
                let is_deleted = row.get_ref(4) != Ok(ValueRef::Null);
                if record::number(row, 0, "") == Ok(id) && !is_deleted {
                    let text = record::text(row, 3);
                    self.tell(text.as_ref().map_or(0, |text| text.as_str().len()));
                    found.push((record::number(row, 1, ""), record::time(row, 2), text));
                }
            },
        )?;
        for (channel, stored, text) in found {
            let exported = match (channel, text) {
                (Ok(channel), Ok(text)) => match self.channel(channel)? {
                    Ok(Some(channel)) => Exported::Post { channel, stored, text },
                    // Its channel was evicted, and it is deleted soon.
                    Ok(None) => continue,
                    Err(_) => Exported::Damaged,
                },
                _ => Exported::Damaged,
            };
            self.told.push(exported);
        }
        Ok(next)
    }

    /// Passes the rows of a page that can be read; returns where the next page begins.
    fn rows(
        &self,
        table: Table,
        from: i64,
        is_enough: impl Fn(usize) -> bool,
        mut take: impl FnMut(i64, &Row<'_>),
    ) -> rusqlite::Result<Option<i64>> {
        let is_full = |rows| is_enough(rows) || self.limit.borrow().is_reached(rows);
        let read = scan::page(self.connection, table, from, is_full, |key, row| {
            // Whose it is that cannot be read, nobody knows.
            if let Ok(row) = row {
                take(key, row);
            }
        });
        match read {
            // Nor can anything behind it.
            Err(error) if is_unreadable(&error) => Ok(None),
            read => read,
        }
    }

    fn tell(&self, text_bytes: usize) {
        /// The rest of a line.
        const LINE_BYTES: usize = 128;
        self.limit.borrow_mut().tell(text_bytes + LINE_BYTES);
    }

    fn sender_name(&mut self, sender: Sender) -> rusqlite::Result<Option<Name>> {
        match sender {
            Sender::Account(account) => self.account_name(account.0),
            Sender::Web => Ok(Some(Name::web())),
        }
    }

    fn account_name(&mut self, id: u32) -> rusqlite::Result<Option<Name>> {
        if let Some(name) = self.names.get(&id) {
            return Ok(name.clone());
        }
        let sql = "SELECT name FROM account WHERE id = ?1";
        let mut select = self.connection.prepare_cached(sql)?;
        let name = select.query_row([id], |row| Ok(record::name(row, 0).ok())).optional()?;
        Ok(self.names.entry(id).or_insert(name.flatten()).clone())
    }

    fn channel(&mut self, id: u32) -> rusqlite::Result<Read<Option<Channel>>> {
        if let Some(channel) = self.channels.get(&id) {
            return Ok(channel.clone());
        }
        let sql = "SELECT name FROM channel WHERE id = ?1";
        let mut select = self.connection.prepare_cached(sql)?;
        let channel = select.query_row([id], |row| Ok(record::channel(row, 0))).optional()?;
        let channel = channel.unwrap_or_else(|| Err("its row is missing".to_owned()));
        Ok(self.channels.entry(id).or_insert(channel).clone())
    }
}

/// Whether a row is that of the account of this name.
fn is_of(row: &Row<'_>, name: &Name) -> bool {
    record::state(row, 2) != Ok(State::Released)
        && record::state(row, 2) != Ok(State::Reserved)
        && record::name(row, 0).is_ok_and(|found| found == *name)
}

fn account(row: &Row<'_>) -> Option<Exported> {
    let name = record::name(row, 0).ok()?;
    // A damaged password is one that opens to nobody.
    let has_password = record::password(row, 1) != Ok(None);
    Some(Exported::Account { name, has_password })
}
