//! The changes of a file that a power cut may undo.

use fastrand::Rng;

use crate::counts::Loss;
use crate::medium::Medium;

/// What a disk writes at once, whatever happens.
const SECTOR_BYTES: u64 = 512;

/// The changes of a file since its last sync, in their order.
#[derive(Debug, Default)]
pub(crate) struct History {
    changes: Vec<Change>,
}

#[derive(Debug)]
struct Change {
    safety: Safety,
    kind: Kind,
    /// Where the write begins, or the length that the file is cut off at.
    offset: u64,
    /// What was there before, as far as the file reached.
    before: Vec<u8>,
    length_before: u64,
}

#[derive(Debug)]
enum Kind {
    Write(Vec<u8>),
    Truncate,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Safety {
    /// The next sync makes it durable.
    Unsynced,
    /// A sync of it failed, and the operating system forgot that it is not on disk.
    Abandoned,
    /// It is synced, and noted only because an abandoned one comes before it.
    Durable,
}

impl History {
    /// Carries out a write and notes how to undo it.
    pub(crate) fn write<M: Medium>(
        &mut self,
        medium: &mut M,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), M::Error> {
        let end = offset.saturating_add(bytes.len() as u64);
        let change = Change::new(medium, Kind::Write(bytes.to_vec()), offset, end)?;
        // Noted first: a write that fails may have changed something.
        self.changes.push(change);
        medium.write(offset, bytes)
    }

    /// Carries out a truncation and notes how to undo it.
    pub(crate) fn truncate<M: Medium>(
        &mut self,
        medium: &mut M,
        length: u64,
    ) -> Result<(), M::Error> {
        let change = Change::new(medium, Kind::Truncate, length, u64::MAX)?;
        self.changes.push(change);
        medium.set_length(length)
    }

    /// The file was synced.
    pub(crate) fn synced(&mut self) {
        for change in &mut self.changes {
            if change.safety == Safety::Unsynced {
                change.safety = Safety::Durable;
            }
        }
        // Nothing from before the file was emptied can come back.
        if let Some(emptied) = self.changes.iter().rposition(Change::empties_durably) {
            self.changes.drain(..=emptied);
        }
        if self.changes.iter().all(|change| change.safety == Safety::Durable) {
            self.changes.clear();
        }
    }

    /// A sync failed.
    pub(crate) fn sync_failed(&mut self) {
        for change in &mut self.changes {
            if change.safety == Safety::Unsynced {
                change.safety = Safety::Abandoned;
            }
        }
    }

    /// Brings the file to the state that a power cut leaves: what was synced, and of the
    /// rest what chance wants.
    pub(crate) fn cut<M: Medium>(
        &mut self,
        medium: &mut M,
        random: &mut Rng,
    ) -> Result<Loss, M::Error> {
        let changes = std::mem::take(&mut self.changes);
        for change in changes.iter().rev() {
            change.undo(medium)?;
        }
        let survives = survivors(&changes, random);
        let is_volatile = |index: &usize| changes[*index].safety != Safety::Durable;
        let last = (0..changes.len()).rev().find(|index| survives[*index] && is_volatile(index));
        let torn = last.filter(|_| random.bool());
        let mut loss = Loss::default();
        for (index, change) in changes.iter().enumerate() {
            if !survives[index] {
                loss.lost += 1;
                continue;
            }
            loss.survived += u64::from(is_volatile(&index));
            let is_torn = torn == Some(index) && change.redo_torn(medium, random)?;
            loss.torn += u64::from(is_torn);
            if !is_torn {
                change.redo(medium)?;
            }
        }
        Ok(loss)
    }
}

/// Which changes survive: the durable ones always.
fn survivors(changes: &[Change], random: &mut Rng) -> Vec<bool> {
    let of_others: Box<dyn FnMut(usize) -> bool> = match random.u8(..8) {
        0..2 => Box::new(|_| false),
        2 => Box::new(|_| true),
        3..6 => {
            let first_lost = random.usize(..=changes.len());
            Box::new(move |index| index < first_lost)
        }
        _ => Box::new(|_| random.bool()),
    };
    let mut of_others = of_others;
    let survives =
        |(index, change): (usize, &Change)| change.safety == Safety::Durable || of_others(index);
    changes.iter().enumerate().map(survives).collect()
}

impl Change {
    fn new<M: Medium>(medium: &mut M, kind: Kind, offset: u64, end: u64) -> Result<Self, M::Error> {
        let length_before = medium.length()?;
        let bytes = end.min(length_before).saturating_sub(offset);
        let mut before = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
        medium.read(offset, &mut before)?;
        Ok(Self { safety: Safety::Unsynced, kind, offset, before, length_before })
    }

    fn empties_durably(&self) -> bool {
        self.safety == Safety::Durable && matches!(self.kind, Kind::Truncate) && self.offset == 0
    }

    fn undo<M: Medium>(&self, medium: &mut M) -> Result<(), M::Error> {
        if !self.before.is_empty() {
            medium.write(self.offset, &self.before)?;
        }
        medium.set_length(self.length_before)
    }

    fn redo<M: Medium>(&self, medium: &mut M) -> Result<(), M::Error> {
        match &self.kind {
            Kind::Write(bytes) => medium.write(self.offset, bytes),
            Kind::Truncate => medium.set_length(self.offset),
        }
    }

    /// Carries out the beginning of a write. Returns whether there is such a thing.
    fn redo_torn<M: Medium>(&self, medium: &mut M, random: &mut Rng) -> Result<bool, M::Error> {
        let Kind::Write(bytes) = &self.kind else { return Ok(false) };
        if bytes.len() < 2 {
            return Ok(false);
        }
        let mut kept = random.usize(1..bytes.len());
        if random.bool() {
            // The sectors that it wrote before the one in which it ended, if any.
            let end = self.offset + kept as u64;
            let whole = (end - end % SECTOR_BYTES).saturating_sub(self.offset);
            kept = usize::try_from(whole).unwrap_or(kept);
        }
        medium.write(self.offset, &bytes[..kept])?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
