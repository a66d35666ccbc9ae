//! The posts that a channel keeps.

use std::collections::VecDeque;

use postroom_store::AccountId;

use crate::idle::Authors;

/// No account: the board.
const BOARD: u32 = u32::MAX;

/// The numbers of the posts that a channel keeps, in ascending order, and their authors:
/// twelve bytes a post.
#[derive(Debug, Default)]
pub(super) struct Posts {
    numbers: VecDeque<u64>,
    authors: VecDeque<u32>,
}

/// A post that was taken out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    number: u64,
    author: u32,
}

impl Posts {
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The numbers.
    pub(super) fn numbers(&self) -> &VecDeque<u64> {
        &self.numbers
    }

    /// Adds the latest post.
    pub(super) fn push(&mut self, number: u64, author: Option<AccountId>) {
        self.numbers.push_back(number);
        self.authors.push_back(author.map_or(BOARD, |account| account.0));
    }

    /// Takes the latest post out.
    pub(super) fn pop_latest(&mut self) {
        self.numbers.pop_back();
        self.authors.pop_back();
    }

    /// Takes the earliest post out.
    pub(super) fn pop_earliest(&mut self) -> Option<u64> {
        self.authors.pop_front();
        self.numbers.pop_front()
    }

    /// The first number from `from` on.
    pub(super) fn next(&self, from: u64) -> Option<u64> {
        self.numbers.get(self.numbers.partition_point(|number| *number < from)).copied()
    }

    /// Takes a post out, if it is there.
    pub(super) fn take(&mut self, number: u64) -> Option<Taken> {
        let place = self.numbers.binary_search(&number).ok()?;
        let author = self.authors.remove(place)?;
        self.numbers.remove(place);
        Some(Taken { number, author })
    }

    /// Puts a post back in its place.
    pub(super) fn insert(&mut self, Taken { number, author }: Taken) {
        let place = self.numbers.partition_point(|other| *other < number);
        self.numbers.insert(place, number);
        self.authors.insert(place, author);
    }

    /// How many are by this author.
    pub(super) fn count_by(&self, author: AccountId) -> usize {
        self.authors.iter().filter(|by| **by == author.0).count()
    }

    /// Takes those by this author out, each with a call of `gone`.
    pub(super) fn take_by(&mut self, author: AccountId, mut gone: impl FnMut(u64)) {
        let mut numbers = std::mem::take(&mut self.numbers).into_iter();
        for by in std::mem::take(&mut self.authors) {
            let Some(number) = numbers.next() else {
                return;
            };
            if by == author.0 {
                gone(number);
            } else {
                self.numbers.push_back(number);
                self.authors.push_back(by);
            }
        }
    }

    /// By whom they are, as channels are ranked by it.
    pub(super) fn authors(&self) -> Authors {
        let (mut authors, mut before) = (Authors::default(), None);
        for (number, by) in self.numbers.iter().zip(&self.authors) {
            authors.add(author(*by), before);
            before = Some(*number);
        }
        authors
    }
}

fn author(stored: u32) -> Option<AccountId> {
    (stored != BOARD).then_some(AccountId(stored))
}
