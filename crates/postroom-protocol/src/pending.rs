//! The pending requests of a conversation: those without a reply.

use std::collections::VecDeque;

/// Pending requests, in the order in which their replies arrive.
///
/// A client that waits for each answer has one request at a time, which is stored
/// inline; the queue is allocated only for further ones.
#[derive(Debug)]
pub(crate) struct Pending<A> {
    first: Option<Entry<A>>,
    #[expect(clippy::box_collection, reason = "idle, it takes 8 bytes of a session, not 32")]
    rest: Option<Box<VecDeque<Entry<A>>>>,
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
    /// Its answer may be a whole message, for which the output must have room.
    Read,
    /// It waits for delivery receipts, with a time limit.
    AwaitsDelivery,
}

impl<A> Default for Pending<A> {
    fn default() -> Self {
        Self { first: None, rest: None }
    }
}

impl<A> Pending<A> {
    /// Adds the latest request.
    pub(crate) fn push(&mut self, entry: Entry<A>) {
        if self.first.is_none() {
            self.first = Some(entry);
        } else {
            self.rest.get_or_insert_default().push_back(entry);
        }
    }

    /// Takes the earliest request if `is_such` accepts it.
    pub(crate) fn pop_if(&mut self, is_such: impl FnOnce(&Entry<A>) -> bool) -> Option<Entry<A>> {
        let entry = self.first.take_if(|entry| is_such(entry))?;
        if let Some(rest) = &mut self.rest {
            self.first = rest.pop_front();
            if rest.is_empty() {
                self.rest = None;
            }
        }
        Some(entry)
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.as_ref().map_or(0, |rest| rest.len())
    }

    /// Whether no request is pending, except those of the owner.
    pub(crate) fn is_empty(&self) -> bool {
        self.iter().all(|entry| matches!(entry, Entry::Aside))
    }

    /// How many pending requests may be answered by a whole message.
    pub(crate) fn reads(&self) -> usize {
        self.iter().filter(|entry| matches!(entry, Entry::Asked(_, Kind::Read))).count()
    }

    /// Whether a pending request waits for a delivery receipt.
    pub(crate) fn awaits_delivery(&self) -> bool {
        self.iter().any(|entry| matches!(entry, Entry::Asked(_, Kind::AwaitsDelivery)))
    }

    fn iter(&self) -> impl Iterator<Item = &Entry<A>> {
        self.first.iter().chain(self.rest.iter().flat_map(|rest| rest.iter()))
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
                pending.push(Entry::Asked(number, Kind::Read));
            }
            assert_eq!((pending.len(), pending.reads()), (round, round));
            for number in 0..round {
                let expected = Entry::Asked(number, Kind::Read);
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
