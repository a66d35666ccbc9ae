//! Reading a whole table, and going on behind what cannot be read.

use rusqlite::{Connection, OptionalExtension as _, Row};

use crate::damage::{Damages, is_unreadable, unreadable};
use crate::record::Read;

/// A table, the column that is its key, and further columns to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) key: &'static str,
    pub(crate) columns: &'static str,
}

/// Passes the keys of a table to `take` in ascending order, each with its row, or
/// with the reason why the row cannot be read. What `take` returns as wrong is noted
/// as damage.
///
/// Of a range of unreadable rows, `take` gets the last key that may be in it, so
/// that every key of the table is known to be in use.
///
/// Fails where not even the end of the table can be read: then nothing could be
/// added to it either.
pub(crate) fn scan(
    connection: &Connection,
    table: Table,
    damages: &mut Damages,
    mut take: impl FnMut(i64, Read<&Row<'_>>, &mut Damages) -> Read<()>,
) -> rusqlite::Result<()> {
    let mut take = |key, row: Read<&Row<'_>>| {
        if let Err(what) = take(key, row, damages) {
            damages.note(table.name, key, what);
        }
    };
    let mut from = Some(i64::MIN);
    while let Some(first) = from {
        // While a statement runs, the write-ahead log cannot begin anew.
        from = page(connection, table, first, |rows| rows >= CHUNK_ROWS, &mut take)?;
    }
    Ok(())
}

/// Rows that [`scan`] reads with one statement.
const CHUNK_ROWS: usize = 10_000;

/// Passes the rows at `first` and after it to `take`, until `is_full` says of their count
/// that they are enough. Returns where the next page begins, if there may be one.
///
/// To be called in one read transaction, where others write: what cannot be read is looked
/// for once more.
pub(crate) fn page(
    connection: &Connection,
    table: Table,
    first: i64,
    mut is_full: impl FnMut(usize) -> bool,
    mut take: impl FnMut(i64, Read<&Row<'_>>),
) -> rusqlite::Result<Option<i64>> {
    let mut next = first;
    let mut read =
        read_rows(connection, table, &mut next, &mut is_full, |key, row| take(key, Ok(row)));
    // A disk may fail once. What is taken for damage is left out until the next start.
    if read.as_ref().is_err_and(is_unreadable) {
        read = read_rows(connection, table, &mut next, &mut is_full, |key, row| take(key, Ok(row)));
    }
    let error = match read {
        Ok(is_end) => return Ok((!is_end).then_some(next)),
        Err(error) if is_unreadable(&error) => error,
        Err(error) => return Err(error),
    };
    let lost = lost(connection, table, next)?;
    let mut what = unreadable(&error);
    if lost.first < lost.last {
        what = format!("{what}; nor can those from {} on", lost.first);
    }
    take(lost.last, Err(what));
    Ok(if lost.at_end { None } else { lost.last.checked_add(1) })
}

/// Reads rows from `next` on, and keeps in it the key after the last one read; returns
/// whether the table has no more.
fn read_rows(
    connection: &Connection,
    Table { name, key, columns }: Table,
    next: &mut i64,
    is_full: &mut impl FnMut(usize) -> bool,
    mut take: impl FnMut(i64, &Row<'_>),
) -> rusqlite::Result<bool> {
    // The key comes last, so that callers count their columns from 0.
    let sql = format!("SELECT {columns}, {key} FROM {name} WHERE {key} >= ?1 ORDER BY {key}");
    let mut select = connection.prepare_cached(&sql)?;
    let last = select.column_count() - 1;
    let (begun, mut count) = (*next, 0);
    let mut rows = select.query([begun])?;
    while let Some(row) = rows.next()? {
        count += 1;
        let key: i64 = row.get(last)?;
        // In a damaged page rows may be in any order; each is taken once.
        if key >= *next {
            take(key, row);
            *next = key.saturating_add(1);
        }
        if is_full(count) {
            return Ok(*next == begun);
        }
    }
    Ok(true)
}

/// Keys whose rows cannot be read.
struct Lost {
    first: i64,
    last: i64,
    /// Whether the table has none after them.
    at_end: bool,
}

/// The keys that are lost where the row at `first` or after it cannot be read.
fn lost(connection: &Connection, table: Table, first: i64) -> rusqlite::Result<Lost> {
    let Table { name, key, .. } = table;
    let last: Option<i64> =
        connection.query_row(&format!("SELECT max({key}) FROM {name}"), [], |row| row.get(0))?;
    let first = match probe(connection, table, first)? {
        // Its place is sound, and its content is not.
        Probe::Row(key) => return Ok(Lost { first: key, last: key, at_end: false }),
        Probe::None | Probe::Unreadable => first.max(0),
    };
    let Some(last) = last.filter(|last| *last > first) else {
        return Ok(Lost { first, last: first, at_end: true });
    };
    let (mut unreadable, mut step) = (first, 1_i64);
    let mut readable = loop {
        let at = unreadable.saturating_add(step).min(last);
        if at == last || matches!(probe(connection, table, at)?, Probe::Row(_)) {
            break at;
        }
        (unreadable, step) = (at, step.saturating_mul(2));
    };
    while readable - unreadable > 1 {
        let middle = unreadable + (readable - unreadable) / 2;
        match probe(connection, table, middle)? {
            Probe::Unreadable => unreadable = middle,
            Probe::Row(_) | Probe::None => readable = middle,
        }
    }
    Ok(Lost { first, last: unreadable, at_end: false })
}

/// What is at a key or after it.
enum Probe {
    Row(i64),
    None,
    Unreadable,
}

fn probe(
    connection: &Connection,
    Table { name, key, .. }: Table,
    from: i64,
) -> rusqlite::Result<Probe> {
    let sql = format!("SELECT {key} FROM {name} WHERE {key} >= ?1 ORDER BY {key} LIMIT 1");
    let found = connection.prepare_cached(&sql)?.query_row([from], |row| row.get(0)).optional();
    match found {
        Ok(Some(key)) => Ok(Probe::Row(key)),
        Ok(None) => Ok(Probe::None),
        Err(error) if is_unreadable(&error) => Ok(Probe::Unreadable),
        Err(error) => Err(error),
    }
}
