//! Records that cannot be read.
//!
//! A damaged record costs that record: it is noted here, told once, and set
//! aside; its row stays as it is. What is noted is a fact about the file, so a
//! group that fails does not take it back.

use std::collections::HashSet;

use postroom_store::Damaged;
use rusqlite::{Error, ErrorCode, ffi};

/// Damaged records listed between two calls of [`Damages::take`]; beyond it, one
/// entry says that there are more.
const LISTED_MAX: usize = 1_000;

/// The damaged records found since the store was opened.
#[derive(Debug, Default)]
pub(crate) struct Damages {
    known: HashSet<(&'static str, i64)>,
    untold: Vec<Damaged>,
}

impl Damages {
    /// Notes a damaged record, once.
    pub(crate) fn note(&mut self, table: &'static str, key: i64, what: impl Into<String>) {
        if self.known.insert((table, key)) && self.untold.len() <= LISTED_MAX {
            let is_last = self.untold.len() == LISTED_MAX;
            let what = if is_last {
                "more records are damaged than are listed here; run postroom check".to_owned()
            } else {
                what.into()
            };
            self.untold.push(Damaged { table, key, what });
        }
    }

    pub(crate) fn contains(&self, table: &'static str, key: i64) -> bool {
        !self.known.is_empty() && self.known.contains(&(table, key))
    }

    pub(crate) fn take(&mut self) -> Vec<Damaged> {
        std::mem::take(&mut self.untold)
    }
}

/// Whether SQLite or the disk could not read a part of the file.
pub(crate) fn is_unreadable(error: &Error) -> bool {
    error.sqlite_error().is_some_and(|error| match error.extended_code {
        ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_SHORT_READ | ffi::SQLITE_IOERR_CORRUPTFS => true,
        _ => error.code == ErrorCode::DatabaseCorrupt,
    })
}

/// What is wrong with a record that could not be read.
pub(crate) fn unreadable(error: &Error) -> String {
    format!("it cannot be read: {error}")
}

/// A sequence number as a key of its table.
pub(crate) fn key(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
