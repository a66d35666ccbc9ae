//! The pending requests of a conversation: those without a reply.

use std::collections::VecDeque;

use crate::dialogue::ReadLines;

/// Pending requests, in the order in which their replies arrive.
///
/// A client that waits for each answer has one request at a time, which is stored
/// inline; the queue is allocated only for further ones.
#[derive(Debug)]
pub(crate) struct Pending<A> {
    first: Option<Entry<A>>,
    /// Boxed: idle, it takes 8 bytes of a session.
    rest: Option<Box<Rest<A>>>,
}

/// The requests after the first.
#[derive(Debug)]
struct Rest<A> {
    entries: VecDeque<Entry<A>>,
    answer_bytes_max: usize,
}

/// A pending request.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Entry<A> {
    /// A request of the dialogue, with the value that it gets back with the reply.
    Asked(A, Kind),
    /// The removal of messages whose receipt the client has proved.
    Confirm,
    /// A dial back to the client.
    Dial,
    /// A request of the conversation's owner. Lines do not wait for it.
    Aside,
}

/// How the conversation treats a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// It only has an answer.
    Plain,
    /// If it succeeds, the time limit for the login is stopped.
    LogIn,
    /// Its answer may be a whole message.
    Read(ReadLines),
    /// Its answer is a list of accounts.
    List,
    /// It waits for a delivery receipt, for a limited time.
    AwaitsDelivery,
}

impl Kind {
    /// Bytes of the longest answer, for which there must be room.
    fn answer_bytes_max(self) -> usize {
        match self {
            Self::Plain | Self::LogIn | Self::AwaitsDelivery => 256,
            // A text of 8 KiB, made safe, and its sender.
            Self::Read(ReadLines::One) => 17 << 10,
            // The same with the sender before each of 64 lines.
            Self::Read(ReadLines::Each) => 21 << 10,
            // 2,000 of the longest names, which is what chat shows.
            Self::List => 128 << 10,
        }
    }
}

impl<A> Entry<A> {
    fn answer_bytes_max(&self) -> usize {
        match self {
            Self::Asked(_, kind) => kind.answer_bytes_max(),
            Self::Confirm | Self::Dial | Self::Aside => 0,
        }
    }
}

impl<A> Default for Pending<A> {
    fn default() -> Self {
        Self { first: None, rest: None }
    }
}

impl<A> Default for Rest<A> {
    fn default() -> Self {
        Self { entries: VecDeque::new(), answer_bytes_max: 0 }
    }
}

impl<A> Pending<A> {
    /// Adds the latest request.
    pub(crate) fn push(&mut self, entry: Entry<A>) {
        if self.first.is_none() {
            self.first = Some(entry);
        } else {
            let rest = self.rest.get_or_insert_default();
            rest.answer_bytes_max += entry.answer_bytes_max();
            rest.entries.push_back(entry);
        }
    }

    /// Takes the earliest request if `is_such` accepts it.
    pub(crate) fn pop_if(&mut self, is_such: impl FnOnce(&Entry<A>) -> bool) -> Option<Entry<A>> {
        let entry = self.first.take_if(|entry| is_such(entry))?;
        if let Some(rest) = &mut self.rest {
            self.first = rest.entries.pop_front();
            rest.answer_bytes_max -= self.first.as_ref().map_or(0, Entry::answer_bytes_max);
            if rest.entries.is_empty() {
                self.rest = None;
            }
        }
        Some(entry)
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.as_ref().map_or(0, |rest| rest.entries.len())
    }

    /// Whether no request is pending, except those of the owner.
    pub(crate) fn is_empty(&self) -> bool {
        self.iter().all(|entry| matches!(entry, Entry::Aside))
    }

    /// Bytes that all their answers may come to.
    pub(crate) fn answer_bytes_max(&self) -> usize {
        let first = self.first.as_ref().map_or(0, Entry::answer_bytes_max);
        first + self.rest.as_ref().map_or(0, |rest| rest.answer_bytes_max)
    }

    /// Whether a pending request waits for a delivery receipt.
    pub(crate) fn awaits_delivery(&self) -> bool {
        self.iter().any(|entry| matches!(entry, Entry::Asked(_, Kind::AwaitsDelivery)))
    }

    fn iter(&self) -> impl Iterator<Item = &Entry<A>> {
        self.first.iter().chain(self.rest.iter().flat_map(|rest| rest.entries.iter()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_back_in_their_order_and_leave_no_memory() {
        let mut pending = Pending::default();
        for round in [1, 2, 5] {
            for number in 0..round {
                pending.push(Entry::Asked(number, Kind::Read(ReadLines::One)));
            }
            assert_eq!(pending.len(), round);
            assert_eq!(pending.answer_bytes_max(), round * (17 << 10));
            for number in 0..round {
                let expected = Entry::Asked(number, Kind::Read(ReadLines::One));
                assert_eq!(pending.pop_if(|_| true), Some(expected));
            }
            assert!(pending.first.is_none() && pending.rest.is_none());
        }
    }

    #[test]
    fn lines_do_not_wait_for_what_the_owner_asked() {
        let mut pending = Pending::<()>::default();
        pending.push(Entry::Aside);
        assert!(pending.is_empty());
        pending.push(Entry::Confirm);
        assert!(!pending.is_empty());
        assert_eq!(pending.pop_if(|entry| *entry == Entry::Confirm), None);
        assert_eq!(pending.pop_if(|entry| *entry == Entry::Aside), Some(Entry::Aside));
        assert_eq!(pending.pop_if(|_| true), Some(Entry::Confirm));
    }
}
