//! Which ids are in use.

use std::ops::Range;

use rusqlite::Connection;

use crate::record::{self, Read};

/// The numbers of the accounts or of the channels, which may have gaps.
#[derive(Debug, Default)]
pub(super) struct Ids {
    /// One more than the highest.
    next: u32,
    /// In ascending order.
    gaps: Vec<Range<u32>>,
}

impl Ids {
    pub(super) fn add(&mut self, id: i64) -> Read<u32> {
        let id = record::in_sequence(id, self.next)?;
        if id > self.next {
            self.gaps.push(self.next..id);
        }
        self.next = id.saturating_add(1);
        Ok(id)
    }

    fn contains(&self, id: u32) -> bool {
        let gap = self.gaps.partition_point(|gap| gap.end <= id);
        id < self.next && self.gaps.get(gap).is_none_or(|gap| id < gap.start)
    }
}

/// Whether an account or a channel exists which a row names; `ids` are those that were
/// there when they were read.
pub(super) fn exists(
    connection: &Connection,
    table: &str,
    ids: &Ids,
    id: u32,
    what: &str,
) -> Read<()> {
    // A server may have added it meanwhile.
    let sql = format!("SELECT count(*) FROM {table} WHERE id = ?1");
    let look = || connection.prepare_cached(&sql)?.query_row([id], |row| row.get::<_, bool>(0));
    if ids.contains(id) || look().unwrap_or(false) {
        return Ok(());
    }
    Err(format!("its {what} is missing"))
}
