//! Rebuilding at start what waits where.

use std::path::Path;

use postroom_model::{Channel, Name};
use postroom_store::{AccountId, PasswordHash};
use rusqlite::Connection;

use crate::channels::ChannelId;
use crate::error::OpenError;
use crate::index::Index;
use crate::sweep::{ROUND_REMOVALS, Sweep};

/// Reads the whole file once: accounts, removals, of each message whose it is,
/// and of each post where it was said.
pub(crate) fn load(
    connection: &Connection,
    path: &Path,
    channel_posts: u32,
) -> Result<(Index, Sweep), OpenError> {
    let database = |cause| OpenError::database(path, cause);
    let damaged = |_: String| OpenError::Damaged { path: path.to_path_buf() };
    let last_sequence = last_sequence(connection).map_err(database)?;
    let accounts: usize = connection
        .query_row("SELECT count(*) FROM account", [], |row| row.get(0))
        .map_err(database)?;
    let mut index = Index::new(last_sequence, accounts);
    load_accounts(connection, &mut index).map_err(database)?.map_err(damaged)?;
    let removed = removed(connection).map_err(database)?;
    let unswept =
        load_mailboxes(connection, &mut index, &removed).map_err(database)?.map_err(damaged)?;
    forget_swept(connection, removed.len(), &unswept).map_err(database)?;
    load_channels(connection, &mut index, channel_posts).map_err(database)?.map_err(damaged)?;
    Ok((index, Sweep::new(unswept)))
}

fn last_sequence(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row(
        "SELECT max(
            (SELECT coalesce(max(sequence), 0) FROM message),
            (SELECT coalesce(max(message), 0) FROM removal),
            (SELECT coalesce(max(value), 0) FROM counter WHERE name = 'last_sequence'))",
        [],
        |row| row.get(0),
    )
}

fn load_accounts(
    connection: &Connection,
    index: &mut Index,
) -> rusqlite::Result<Result<(), String>> {
    let mut select = connection.prepare("SELECT id, name, password FROM account ORDER BY id")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let id: u32 = row.get(0)?;
        let name = row.get_ref(1)?.as_bytes()?;
        let Ok(name) = Name::from_bytes(name) else {
            return Ok(Err(format!("the name of account {id} is none")));
        };
        if index.find(&name).is_some() {
            return Ok(Err(format!("account {id} has the name of another, {name}")));
        }
        let registered = index.register(name);
        if registered.0 != id {
            return Ok(Err(format!("account {} is missing", registered.0)));
        }
        let password: Option<Box<str>> = row.get(2)?;
        index.account_mut(registered).password = password.map(PasswordHash);
    }
    Ok(Ok(()))
}

/// The sequence numbers of messages that were read, in ascending order.
fn removed(connection: &Connection) -> rusqlite::Result<Vec<u64>> {
    let mut select = connection.prepare("SELECT message FROM removal ORDER BY message")?;
    select.query_map([], |row| row.get(0))?.collect()
}

/// Fills the mailboxes; returns which of the `removed` messages still have a
/// row.
fn load_mailboxes(
    connection: &Connection,
    index: &mut Index,
    removed: &[u64],
) -> rusqlite::Result<Result<Vec<u64>, String>> {
    let mut select =
        connection.prepare("SELECT sequence, recipient, sender FROM message ORDER BY sequence")?;
    let mut rows = select.query([])?;
    let mut removed = removed.iter().copied().peekable();
    let mut unswept = Vec::new();
    while let Some(row) = rows.next()? {
        let sequence: u64 = row.get(0)?;
        let (recipient, sender): (u32, u32) = (row.get(1)?, row.get(2)?);
        while removed.next_if(|earlier| *earlier < sequence).is_some() {}
        if removed.peek() == Some(&sequence) {
            unswept.push(sequence);
        } else if recipient.max(sender) < index.len() {
            index.account_mut(AccountId(recipient)).mailbox.append(sequence);
        } else {
            let what = format!("the accounts of message {sequence} are missing");
            return Ok(Err(what));
        }
    }
    Ok(Ok(unswept))
}

/// Takes up the channels and the numbers of their posts, `posts_max` of each.
fn load_channels(
    connection: &Connection,
    index: &mut Index,
    posts_max: u32,
) -> rusqlite::Result<Result<(), String>> {
    let mut select = connection.prepare("SELECT id, name FROM channel ORDER BY id")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (id, name): (u32, String) = (row.get(0)?, row.get(1)?);
        let Some(channel) = Channel::from_stored(&name) else {
            return Ok(Err(format!("the name of channel {id} is none")));
        };
        if index.channels.find(&channel).is_some() || index.channels.add(channel).0 != id {
            return Ok(Err(format!("channel {id} is there twice, or the one before is missing")));
        }
    }
    let mut select =
        connection.prepare("SELECT number, channel, author FROM post ORDER BY number")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (number, channel): (u64, u32) = (row.get(0)?, row.get(1)?);
        let author: Option<u32> = row.get(2)?;
        if channel >= index.channels.len() || author.is_some_and(|author| author >= index.len()) {
            return Ok(Err(format!("the channel or the author of post {number} is missing")));
        }
        index.channels.load(ChannelId(channel), number, posts_max);
    }
    Ok(Ok(()))
}

/// Drops the removals of a round that a stop broke off, once they are many: its
/// rows are gone, and a server that is stopped often would keep them for ever.
fn forget_swept(connection: &Connection, removals: usize, unswept: &[u64]) -> rusqlite::Result<()> {
    if removals - unswept.len() < ROUND_REMOVALS {
        return Ok(());
    }
    let transaction = connection.unchecked_transaction()?;
    transaction.execute("DELETE FROM removal", [])?;
    let mut insert = transaction.prepare("INSERT INTO removal VALUES (NULL, ?1)")?;
    for sequence in unswept {
        insert.execute([sequence])?;
    }
    drop(insert);
    transaction.commit()
}
