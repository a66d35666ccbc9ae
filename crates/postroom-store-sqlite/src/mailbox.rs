//! Which messages of an account are unread: the part of a mailbox that is in memory.

use std::collections::VecDeque;

/// The unread messages of an account, by sequence number.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Mailbox {
    /// In ascending order.
    waiting: VecDeque<u64>,
    /// Handed out and neither confirmed nor returned.
    leased: u32,
}

impl Mailbox {
    /// All that counts against the capacity.
    pub(crate) fn unread(&self) -> u32 {
        self.waiting().saturating_add(self.leased)
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
        if self.waiting.pop_front().is_some() {
            self.leased += 1;
        }
    }

    /// Takes a message out: it waits and counts no more. Returns whether it waited.
    pub(crate) fn set_aside(&mut self, sequence: u64) -> bool {
        let place = self.waiting.binary_search(&sequence);
        place.is_ok_and(|place| self.waiting.remove(place).is_some())
    }

    /// Whether messages are handed out.
    pub(crate) fn has_leased(&self) -> bool {
        self.leased > 0
    }

    /// Puts a leased message back in its place.
    pub(crate) fn give_back(&mut self, sequence: u64) {
        debug_assert!(self.leased > 0);
        self.leased -= 1;
        self.insert(sequence);
    }

    pub(crate) fn insert(&mut self, sequence: u64) {
        let place = self.waiting.partition_point(|waiting| *waiting < sequence);
        self.waiting.insert(place, sequence);
    }

    /// Forgets a leased message.
    pub(crate) fn confirm(&mut self) {
        debug_assert!(self.leased > 0);
        self.leased -= 1;
    }

    pub(crate) fn undo_confirm(&mut self) {
        self.leased += 1;
    }

    /// Takes the latest message out; returns its number.
    pub(crate) fn undo_append(&mut self) -> Option<u64> {
        self.waiting.pop_back()
    }

    pub(crate) fn undo_give_back(&mut self, sequence: u64) {
        if let Ok(place) = self.waiting.binary_search(&sequence) {
            self.waiting.remove(place);
            self.leased += 1;
        }
    }
}
