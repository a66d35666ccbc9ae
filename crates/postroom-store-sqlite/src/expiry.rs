//! Unread messages, posts and kept messages that are too old.
//!
//! Their times are on disk alone. In memory is, of each block of numbers, the earliest time
//! at which one of its records was stored. A sweep reads the times in one block that has
//! something old, and the next sweep removes it. So no sweep reads or removes more than a
//! block, and where nothing is old none reads anything, whatever the clock did when the
//! records were stored.

use std::collections::BTreeMap;

use postroom_store::{Retention, RetentionClock, SWEPT_MAX, SweepDue, Timestamp, is_old};

/// Numbers of a block.
const BLOCK: u64 = SWEPT_MAX as u64;

/// What grows old.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    Message,
    Post,
    /// A message that accounts keep.
    Kept,
}

impl Kind {
    /// In the order in which a pass looks for them.
    const ALL: [Self; 3] = [Self::Message, Self::Post, Self::Kept];

    /// The table of these records.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Message | Self::Kept => "message",
            Self::Post => "post",
        }
    }
}

/// A record that grows old.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Aged {
    pub(crate) number: u64,
    /// The recipient of a message, the channel of a post, or whoever may keep the message.
    pub(crate) of: u32,
    pub(crate) at: Timestamp,
}

/// The records of a store that grow old.
#[derive(Debug, Default)]
pub(crate) struct Expiry {
    retention: Retention,
    /// What accounts keep is too old after so many milliseconds.
    kept_ms: Option<u64>,
    clock: RetentionClock,
    /// The time of the clock that is on disk.
    kept_clock: Option<Timestamp>,
    messages: Ages,
    posts: Ages,
    kept: Ages,
    /// Where the pass under way looks next, if there is one.
    next: Option<Block>,
    /// What the last look has found to be too old.
    found: Option<(Kind, Vec<Aged>)>,
}

/// A block of numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Block {
    kind: Kind,
    place: u64,
}

impl Block {
    pub(crate) fn kind(self) -> Kind {
        self.kind
    }

    /// Its first and last number.
    pub(crate) fn numbers(self) -> (u64, u64) {
        let first = self.place * BLOCK;
        (first, first + (BLOCK - 1))
    }
}

/// A look at a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) block: Block,
    cutoff: Timestamp,
    /// Records with numbers of this block may come that the look does not see.
    is_growing: bool,
}

/// What a group changes, once it is committed.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) clock: RetentionClock,
    /// The time of the clock that the group keeps on disk, if it does.
    pub(crate) kept_clock: Option<Timestamp>,
    pub(crate) look: Option<Look>,
    /// What was found before and could not be removed: it was handed out.
    pub(crate) kept: Vec<Aged>,
}

impl Expiry {
    pub(crate) fn new(retention: Retention, kept_ms: Option<u64>) -> Self {
        Self { retention, kept_ms, ..Self::default() }
    }

    /// Whether anything grows too old.
    fn is_on(&self) -> bool {
        self.retention.is_on() || self.kept_ms.is_some()
    }

    /// A record was stored, or found at start.
    pub(crate) fn note(&mut self, kind: Kind, number: u64, at: Timestamp) {
        if self.age_ms(kind).is_some() {
            self.ages(kind).note(number, at);
        }
    }

    /// All records are noted. The clock goes on from the time that was kept, or begins with
    /// the time of the latest record, if that has any.
    pub(crate) fn loaded(&mut self, kept_clock: Option<Timestamp>, latest: Option<Timestamp>) {
        self.clock = kept_clock.map_or(RetentionClock::new(latest), RetentionClock::resumed);
        self.kept_clock = kept_clock;
    }

    pub(crate) fn due(&self) -> SweepDue {
        if self.found.is_some() || self.next.is_some() {
            SweepDue::Soon
        } else if self.is_on() {
            SweepDue::Later
        } else {
            SweepDue::Never
        }
    }

    pub(crate) fn clock(&self, now: Timestamp, passed_ms: u64) -> RetentionClock {
        self.clock.advanced(now, passed_ms)
    }

    /// The time of this clock if it is to be kept on disk now.
    pub(crate) fn to_keep(&self, clock: RetentionClock) -> Option<Timestamp> {
        let is_kept = self.is_on() && clock.is_to_be_kept(self.kept_clock);
        clock.time().filter(|_| is_kept)
    }

    /// What the last look has found to be too old.
    pub(crate) fn found(&self) -> Option<(Kind, Vec<Aged>)> {
        self.found.clone()
    }

    /// The next block that has something old, if there is one. It is to be looked at now: the
    /// look does not see what is noted later.
    pub(crate) fn next_look(&mut self, clock: RetentionClock, now: Timestamp) -> Option<Look> {
        let next = self.next.unwrap_or(Block { kind: Kind::Message, place: 0 });
        let rest = Kind::ALL.into_iter().filter(|kind| *kind >= next.kind);
        rest.map(|kind| (kind, if kind == next.kind { next.place } else { 0 }))
            .find_map(|(kind, from)| self.look(kind, from, clock, now))
    }

    fn look(
        &mut self,
        kind: Kind,
        from: u64,
        clock: RetentionClock,
        now: Timestamp,
    ) -> Option<Look> {
        let cutoff = clock.cutoff(now, self.age_ms(kind));
        let ages = self.ages(kind);
        let place = ages.next_old(from, cutoff)?;
        ages.unseen = None;
        Some(Look { block: Block { kind, place }, cutoff, is_growing: ages.is_last(place) })
    }

    /// A group is committed, and its look has found these records.
    pub(crate) fn committed(&mut self, step: Step, looked: &[Aged]) {
        let Step { clock, kept_clock, look, kept } = step;
        self.clock = clock;
        self.kept_clock = kept_clock.or(self.kept_clock);
        if let Some((kind, _)) = self.found.take() {
            let ages = self.ages(kind);
            for row in kept {
                ages.note(row.number, row.at);
            }
        }
        self.next =
            look.map(|Look { block: Block { kind, place }, .. }| Block { kind, place: place + 1 });
        let Some(Look { block: Block { kind, place }, cutoff, is_growing }) = look else {
            return;
        };
        let ages = self.ages(kind);
        ages.forget(place);
        if let Some(at) = ages.unseen.filter(|_| is_growing) {
            ages.note(place * BLOCK, at);
        }
        let (old, young): (Vec<_>, Vec<_>) =
            looked.iter().copied().partition(|row| is_old(row.at, cutoff));
        for row in young {
            ages.note(row.number, row.at);
        }
        self.found = (!old.is_empty()).then_some((kind, old));
    }

    /// A block cannot be read: what is in it stays.
    pub(crate) fn give_up(&mut self, Look { block: Block { kind, place }, .. }: Look) {
        self.ages(kind).forget(place);
    }

    fn age_ms(&self, kind: Kind) -> Option<u64> {
        match kind {
            Kind::Message => self.retention.messages_ms,
            Kind::Post => self.retention.posts_ms,
            Kind::Kept => self.kept_ms,
        }
    }

    fn ages(&mut self, kind: Kind) -> &mut Ages {
        match kind {
            Kind::Message => &mut self.messages,
            Kind::Post => &mut self.posts,
            Kind::Kept => &mut self.kept,
        }
    }
}

/// Of each block the earliest time at which one of its records was stored, or an earlier
/// one.
#[derive(Debug, Default)]
struct Ages {
    earliest: BTreeMap<u64, Timestamp>,
    last: u64,
    /// The earliest time that was noted since the last look.
    unseen: Option<Timestamp>,
}

impl Ages {
    fn note(&mut self, number: u64, at: Timestamp) {
        self.last = self.last.max(number);
        // What has no age never grows old.
        if at >= postroom_store::EARLIEST {
            let earliest = self.earliest.entry(number / BLOCK).or_insert(at);
            *earliest = at.min(*earliest);
            self.unseen = Some(self.unseen.map_or(at, |unseen| at.min(unseen)));
        }
    }

    fn forget(&mut self, place: u64) {
        self.earliest.remove(&place);
    }

    fn is_last(&self, place: u64) -> bool {
        place == self.last / BLOCK
    }

    fn next_old(&self, from: u64, cutoff: Timestamp) -> Option<u64> {
        let mut blocks = self.earliest.range(from..);
        blocks.find(|(_, earliest)| is_old(**earliest, cutoff)).map(|(place, _)| *place)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use postroom_store::EARLIEST;
    use proptest::prelude::*;

    use super::*;

    fn at(time: u64) -> Timestamp {
        Timestamp(EARLIEST.0 + time)
    }

    /// Sweeps until nothing is due soon. Those that are `leased` cannot be removed. While the
    /// second look is out, `later` more are stored.
    fn pass(
        expiry: &mut Expiry,
        rows: &mut Vec<Aged>,
        now: Timestamp,
        leased: &BTreeSet<u64>,
        later: u64,
    ) -> Result<(), TestCaseError> {
        let mut looked = BTreeSet::new();
        loop {
            let clock = expiry.clock(now, 1_000);
            let found = expiry.found().map(|(_, found)| found).unwrap_or_default();
            let (kept, removed): (Vec<_>, Vec<_>) =
                found.into_iter().partition(|row| leased.contains(&row.number));
            rows.retain(|row| !removed.contains(row));
            let look = expiry.next_look(clock, now);
            let mut seen = Vec::new();
            if let Some(look) = look {
                let (first, last) = look.block.numbers();
                seen.clone_from(rows);
                seen.retain(|row| (first..=last).contains(&row.number));
                prop_assert!(looked.insert(first), "each block once");
                prop_assert!(seen.len() <= SWEPT_MAX);
            }
            if looked.len() == 2 {
                let last = expiry.messages.last;
                for number in last + 1..last + later {
                    expiry.note(Kind::Message, number, now);
                    rows.push(Aged { number, of: 0, at: now });
                }
            }
            expiry.committed(Step { clock, kept_clock: None, look, kept }, &seen);
            if expiry.due() != SweepDue::Soon {
                return Ok(());
            }
        }
    }

    proptest! {
        #[test]
        fn a_pass_finds_all_that_is_old(
            times in prop_oneof![
                prop::collection::vec(0..20_u64, 1..1_500),
                prop::collection::vec(Just(0), 1..1_500),
            ],
            later in 0..600_u64,
            leased in prop::collection::btree_set(1..1_500_u64, 0..9),
            age in 1..20_u64,
        ) {
            let retention = Retention { messages_ms: Some(age), posts_ms: None };
            let mut expiry = Expiry::new(retention, None);
            let row = |(number, time)| Aged { number, of: 0, at: at(time) };
            let mut rows: Vec<_> = (1..).zip(times).map(row).collect();
            for row in &rows {
                expiry.note(Kind::Message, row.number, row.at);
            }
            expiry.loaded(None, Some(at(20)));
            let cutoff = at(20 - age);
            pass(&mut expiry, &mut rows, at(20), &leased, later)?;
            let is_left = |row: &Aged| is_old(row.at, cutoff);
            prop_assert!(rows.iter().filter(|row| is_left(row)).all(|row| leased.contains(&row.number)));
            pass(&mut expiry, &mut rows, at(20), &BTreeSet::new(), later)?;
            prop_assert!(!rows.iter().any(is_left));
            // What has come meanwhile goes in its time, and all others.
            pass(&mut expiry, &mut rows, at(21 + age), &BTreeSet::new(), 0)?;
            prop_assert_eq!(rows, []);
            prop_assert!(expiry.messages.earliest.len() <= 1, "{:?}", expiry.messages);
        }
    }
}
