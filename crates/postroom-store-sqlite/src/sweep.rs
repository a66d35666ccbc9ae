//! Deleting what was read.
//!
//! A confirmed message is noted in the removal table, which only grows at its
//! end; the message's own row may be anywhere in a large file. Once enough
//! removals are noted, a round deletes their rows in the order of the table, so
//! that neighbours go with one page, a few with each commit, so that no commit
//! waits for many.

use rusqlite::Connection;

use crate::damage::{self, Damages};

/// Removals noted before a round begins.
pub(crate) const ROUND_REMOVALS: usize = 8_192;
/// Rows that a commit deletes, at least; a round keeps pace with twice what is
/// being read.
const STEP_ROWS: usize = 64;
/// The same while the disk is short of room.
const STEP_ROWS_HURRIED: usize = 1_024;

/// What has been read and is still in the message table.
#[derive(Debug, Default)]
pub(crate) struct Sweep {
    /// Removals on disk that no round has taken up.
    noted: Vec<u64>,
    round: Option<Round>,
    hurried: bool,
}

#[derive(Debug)]
struct Round {
    /// Sequence numbers to delete, the lowest last.
    rest: Vec<u64>,
    /// The last position in the removal table that this round covers.
    through: i64,
}

/// What a commit will have swept.
#[derive(Debug)]
pub(crate) struct Step {
    /// Set where the step begins a round.
    begun: Option<Round>,
    rows: usize,
}

impl Sweep {
    /// Takes up the removals found at start.
    pub(crate) fn new(noted: Vec<u64>) -> Self {
        Self { noted, round: None, hurried: false }
    }

    /// The disk is short of room: do not wait for a full round.
    pub(crate) fn hurry(&mut self) {
        self.hurried = true;
    }

    /// Deletes some rows within the open transaction, which has itself noted
    /// `removals`. Rows that cannot be deleted stay.
    pub(crate) fn step(
        &self,
        connection: &Connection,
        removals: usize,
        last_sequence: u64,
        damages: &mut Damages,
    ) -> rusqlite::Result<Option<Step>> {
        let begun = match &self.round {
            Some(_) => None,
            None if self.is_due() => Some(self.begin(connection, removals, last_sequence)?),
            None => return Ok(None),
        };
        let Some(round) = begun.as_ref().or(self.round.as_ref()) else {
            return Ok(None);
        };
        let least = if self.hurried { STEP_ROWS_HURRIED } else { STEP_ROWS };
        let rows = round.rest.len().min(least.max(2 * removals));
        let mut delete = connection.prepare_cached("DELETE FROM message WHERE sequence = ?1")?;
        for sequence in &round.rest[round.rest.len() - rows..] {
            let delete = || delete.execute([*sequence]);
            damages.unless_damaged("message", damage::key(*sequence), delete)?;
        }
        if rows == round.rest.len() {
            let mut delete =
                connection.prepare_cached("DELETE FROM removal WHERE position <= ?1")?;
            let delete = || delete.execute([round.through]);
            damages.unless_damaged("removal", round.through, delete)?;
        }
        Ok(Some(Step { begun, rows }))
    }

    /// The transaction is on disk, with the `removed` that it noted.
    pub(crate) fn committed(&mut self, step: Option<Step>, removed: &[u64]) {
        if let Some(Step { begun, rows }) = step {
            if begun.is_some() {
                self.round = begun;
                self.noted.clear();
            }
            if let Some(round) = &mut self.round {
                round.rest.truncate(round.rest.len() - rows);
                if round.rest.is_empty() {
                    self.round = None;
                    self.hurried = false;
                }
            }
        }
        self.noted.extend_from_slice(removed);
    }

    fn is_due(&self) -> bool {
        self.noted.len() >= ROUND_REMOVALS || (self.hurried && !self.noted.is_empty())
    }

    fn begin(
        &self,
        connection: &Connection,
        removals: usize,
        last_sequence: u64,
    ) -> rusqlite::Result<Round> {
        // Sequence numbers must not be given out again although the row with
        // the highest be gone, or a removal would hit another message.
        connection
            .prepare_cached("INSERT OR REPLACE INTO counter VALUES ('last_sequence', ?1)")?
            .execute([last_sequence])?;
        let last: Option<i64> = connection
            .prepare_cached("SELECT max(position) FROM removal")?
            .query_row([], |row| row.get(0))?;
        let mut rest = self.noted.clone();
        rest.sort_unstable_by(|one, other| other.cmp(one));
        let through = last.unwrap_or(0) - i64::try_from(removals).unwrap_or(i64::MAX);
        Ok(Round { rest, through })
    }
}
