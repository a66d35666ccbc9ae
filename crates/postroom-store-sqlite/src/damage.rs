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
    /// The first of records that cannot be read together, though some of them may be sound.
    known_blocks: HashSet<(&'static str, u64)>,
    untold: Vec<Damaged>,
}

impl Damages {
    /// Notes a damaged record, once.
    pub(crate) fn note(&mut self, table: &'static str, key: i64, what: impl Into<String>) {
        if self.known.insert((table, key)) {
            self.list(Damaged { table, key, what: what.into() });
        }
    }

    /// Notes, once, that the records with these numbers cannot be read together. None of them
    /// is set aside for it.
    pub(crate) fn note_block(&mut self, table: &'static str, (first, last): (u64, u64), why: &str) {
        if self.known_blocks.insert((table, first)) {
            let what = format!(
                "the times of the records from here to {last} cannot be read: {why}; none of them \
                 is removed for its age"
            );
            self.list(Damaged { table, key: key(first), what });
        }
    }

    fn list(&mut self, mut damaged: Damaged) {
        if self.untold.len() == LISTED_MAX {
            "more records are damaged than are listed here; run postroom check"
                .clone_into(&mut damaged.what);
        }
        if self.untold.len() <= LISTED_MAX {
            self.untold.push(damaged);
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
