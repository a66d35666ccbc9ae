//! Deleting what was read.
//!
//! A confirmed message is noted in the removal table, which only grows at its
//! end; the message's own row may be anywhere in a large file. Once enough
//! removals are noted, a round deletes their rows in the order of the table, so
//! that neighbours go with one page, a few with each commit, so that no commit
//! waits for many. Where the reader keeps a message, that is noted in its row instead.

use crate::damage::{self, Damages};
use crate::kept::Noted;
use crate::operation::{MessageChange, Operation, Operations, place};
use postroom_model::{Fault, faulty};

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
    noted: Vec<Noted>,
    round: Option<Round>,
    hurried: bool,
    /// What is noted has messages of deleted accounts: do not wait for a full round.
    erases: bool,
}

#[derive(Debug)]
struct Round {
    /// What to delete, or to note in its row, the lowest last.
    rest: Vec<Noted>,
    /// The last position in the removal table that this round covers.
    through: i64,
    /// Whether messages of deleted accounts are among them.
    erases: bool,
}

/// What a group sweeps, once it is committed.
#[derive(Debug)]
pub(crate) enum Step {
    /// Begins a round by deleting so many of the rows.
    Begin { rest: Vec<Noted>, rows: usize },
    /// Deletes so many rows.
    Continue { rows: usize },
    /// Deletes the last rows, and then their removals.
    End,
}

impl Sweep {
    /// Takes up the removals found at start.
    pub(crate) fn new(noted: Vec<Noted>) -> Self {
        Self { noted, round: None, hurried: false, erases: false }
    }

    /// The disk is short of room: do not wait for a full round.
    pub(crate) fn hurry(&mut self) {
        self.hurried = true;
    }

    /// Messages of a deleted account are among what is noted: they are to go soon.
    pub(crate) fn erase(&mut self) {
        self.erases = !self.noted.is_empty();
    }

    /// Whether messages of deleted accounts are still on disk.
    pub(crate) fn is_erasing(&self) -> bool {
        self.erases || self.round.as_ref().is_some_and(|round| round.erases)
    }

    /// Plans the next step within a group that itself notes `removals`. Rows that
    /// cannot be deleted stay.
    pub(crate) fn plan(
        &self,
        removals: usize,
        last_sequence: u64,
        damages: &Damages,
        operations: &mut Operations,
    ) -> Option<Step> {
        let least = if self.hurried { STEP_ROWS_HURRIED } else { STEP_ROWS };
        let rows = |rest: &[Noted]| rest.len().min(least.max(2 * removals));
        let Some(Round { rest, through, .. }) = &self.round else {
            let rest = self.is_due().then(|| self.sorted())?;
            let removals = place(removals);
            operations.push(Operation::BeginSweep { last_sequence, removals });
            let rows = rows(&rest);
            delete(&rest, rows, damages, operations);
            return Some(Step::Begin { rest, rows });
        };
        let rows = rows(rest);
        delete(rest, rows, damages, operations);
        if rows < rest.len() {
            return Some(Step::Continue { rows });
        }
        if !damages.contains("removal", *through) {
            operations.push(Operation::DeleteRemovals { through: *through });
        }
        Some(Step::End)
    }

    /// The group is on disk, with the `removed` that it noted. `through` is the last
    /// removal of the round that it began.
    pub(crate) fn committed(
        &mut self,
        step: Option<Step>,
        through: Option<i64>,
        removed: &[Noted],
    ) {
        match step {
            Some(Step::Begin { mut rest, rows }) => {
                rest.truncate(rest.len() - rows);
                let through = through.expect("a job that begins a round finds its end");
                let erases = std::mem::take(&mut self.erases);
                self.round = Some(Round { rest, through, erases });
                self.noted.clear();
            }
            Some(Step::Continue { rows }) => {
                if let Some(Round { rest, .. }) = &mut self.round {
                    rest.truncate(rest.len() - rows);
                }
            }
            Some(Step::End) => {
                self.round = None;
                self.hurried = false;
            }
            None => {}
        }
        self.noted.extend_from_slice(removed);
    }

    /// The removals that no round has taken up, the lowest last.
    fn sorted(&self) -> Vec<Noted> {
        let mut rest = self.noted.clone();
        rest.sort_unstable_by(|one, other| other.cmp(one));
        rest
    }

    fn is_due(&self) -> bool {
        let is_early = self.hurried || self.erases;
        self.noted.len() >= ROUND_REMOVALS || (is_early && !self.noted.is_empty())
    }
}

/// Deletes the last `rows` of `rest`, but not those that are damaged. What its recipient keeps
/// is noted in its row instead.
fn delete(rest: &[Noted], rows: usize, damages: &Damages, operations: &mut Operations) {
    let is_sound = |sequence: &u64| !damages.contains("message", damage::key(*sequence));
    let rows = &rest[rest.len() - rows..];
    let sequences = |is_kept| {
        let of = rows.iter().filter(move |noted| noted.is_kept() == is_kept);
        of.map(|noted| noted.sequence())
    };
    let keep = |numbers| Operation::ChangeMessages(MessageChange::Keep, numbers);
    operations.push_numbers(sequences(true).filter(is_sound), keep);
    let beyond = sequences(false).next_back().filter(|_| faulty(Fault::SweepTakesUnread));
    let all = sequences(false).chain(beyond.map(|last| last + 1));
    let delete = |numbers| Operation::ChangeMessages(MessageChange::Delete, numbers);
    operations.push_numbers(all.filter(is_sound), delete);
}
