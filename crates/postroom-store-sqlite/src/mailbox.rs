//! Which messages of an account are unread: the part of a mailbox that is in memory.

use std::collections::VecDeque;
use std::iter::Peekable;

/// The unread messages of an account, by sequence number.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Mailbox {
    /// In ascending order.
    waiting: VecDeque<u64>,
    /// Handed out and neither confirmed nor returned.
    leased: Leased,
}

/// The messages of a mailbox that are handed out, in ascending order. Most mailboxes have none,
/// which takes as little as a number.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Leased(Option<Box<Sequences>>);

#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Sequences(Vec<u64>);

impl Leased {
    fn all(&self) -> &[u64] {
        self.0.as_ref().map_or(&[], |leased| &leased.0)
    }

    fn insert(&mut self, sequence: u64) {
        let Sequences(leased) = &mut **self.0.get_or_insert_default();
        let place = leased.partition_point(|other| *other < sequence);
        leased.insert(place, sequence);
    }

    /// Takes one out; returns whether it was there.
    fn remove(&mut self, sequence: u64) -> bool {
        let Some(Sequences(leased)) = self.0.as_deref_mut() else {
            return false;
        };
        let place = leased.binary_search(&sequence);
        if let Ok(place) = place {
            leased.remove(place);
        }
        if leased.is_empty() {
            self.0 = None;
        }
        place.is_ok()
    }
}

impl Mailbox {
    /// All that counts against the capacity.
    pub(crate) fn unread(&self) -> u32 {
        self.waiting().saturating_add(u32::try_from(self.leased.all().len()).unwrap_or(u32::MAX))
    }

    pub(crate) fn waiting(&self) -> u32 {
        u32::try_from(self.waiting.len()).unwrap_or(u32::MAX)
    }

    /// Adds the latest message.
    pub(crate) fn append(&mut self, sequence: u64) {
        debug_assert!(self.waiting.back().is_none_or(|last| *last < sequence));
        self.waiting.push_back(sequence);
    }

    pub(crate) fn earliest(&self) -> Option<u64> {
        self.waiting.front().copied()
    }

    /// Takes the earliest waiting message out.
    pub(crate) fn lease(&mut self) {
        if let Some(sequence) = self.waiting.pop_front() {
            self.leased.insert(sequence);
        }
    }

    /// The messages behind one of this number, the earliest first, and whether each is handed
    /// out.
    pub(crate) fn after(&self, sequence: Option<u64>) -> impl Iterator<Item = (u64, bool)> {
        let is_before = |other: &u64| sequence.is_some_and(|sequence| *other <= sequence);
        let first = self.waiting.partition_point(is_before);
        let leased = self.leased.all();
        let leased = &leased[leased.partition_point(is_before)..];
        Merged {
            waiting: self.waiting.range(first..).copied().peekable(),
            leased: leased.iter().copied().peekable(),
        }
    }

    /// Takes a message out: it waits and counts no more. Returns whether it waited.
    pub(crate) fn set_aside(&mut self, sequence: u64) -> bool {
        let place = self.waiting.binary_search(&sequence);
        place.is_ok_and(|place| self.waiting.remove(place).is_some())
    }

    /// Whether messages are handed out.
    pub(crate) fn has_leased(&self) -> bool {
        !self.leased.all().is_empty()
    }

    /// Puts a leased message back in its place.
    pub(crate) fn give_back(&mut self, sequence: u64) {
        let was_leased = self.leased.remove(sequence);
        debug_assert!(was_leased);
        self.insert(sequence);
    }

    pub(crate) fn insert(&mut self, sequence: u64) {
        let place = self.waiting.partition_point(|waiting| *waiting < sequence);
        self.waiting.insert(place, sequence);
    }

    /// Forgets a leased message.
    pub(crate) fn confirm(&mut self, sequence: u64) {
        let was_leased = self.leased.remove(sequence);
        debug_assert!(was_leased);
    }

    pub(crate) fn undo_confirm(&mut self, sequence: u64) {
        self.leased.insert(sequence);
    }

    /// Takes the latest message out; returns its number.
    pub(crate) fn undo_append(&mut self) -> Option<u64> {
        self.waiting.pop_back()
    }

    pub(crate) fn undo_give_back(&mut self, sequence: u64) {
        if let Ok(place) = self.waiting.binary_search(&sequence) {
            self.waiting.remove(place);
            self.leased.insert(sequence);
        }
    }
}

/// Two lists in ascending order, as one.
struct Merged<W: Iterator, L: Iterator> {
    waiting: Peekable<W>,
    leased: Peekable<L>,
}

impl<W: Iterator<Item = u64>, L: Iterator<Item = u64>> Iterator for Merged<W, L> {
    type Item = (u64, bool);

    fn next(&mut self) -> Option<(u64, bool)> {
        match (self.waiting.peek(), self.leased.peek()) {
            (Some(waiting), Some(leased)) if waiting < leased => {
                self.waiting.next().map(|sequence| (sequence, false))
            }
            (_, Some(_)) => self.leased.next().map(|sequence| (sequence, true)),
            (_, None) => self.waiting.next().map(|sequence| (sequence, false)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mailbox_without_leases_takes_no_more_than_with_a_count_of_them() {
        assert_eq!(size_of::<Mailbox>(), size_of::<VecDeque<u64>>() + size_of::<u64>());
    }

    #[test]
    fn messages_are_told_in_their_order_whether_they_wait_or_are_leased() {
        let mut mailbox = Mailbox::default();
        (1..=5).for_each(|sequence| mailbox.append(sequence));
        (0..4).for_each(|_| mailbox.lease());
        mailbox.give_back(2);
        mailbox.confirm(3);
        let all = [(1, true), (2, false), (4, true), (5, false)];
        assert_eq!(mailbox.after(None).collect::<Vec<_>>(), all);
        for sequence in 0..6 {
            let expected: Vec<_> = all.into_iter().filter(|(of, _)| *of > sequence).collect();
            assert_eq!(mailbox.after(Some(sequence)).collect::<Vec<_>>(), expected);
        }
        assert_eq!((mailbox.unread(), mailbox.waiting()), (4, 2));
    }
}
