//! The requests of a conversation that have no reply yet.

use std::collections::VecDeque;

/// Requests, in the order in which their replies come.
///
/// A client that waits for each answer has one at a time, which needs no memory of
/// its own; the queue for more is there only while there are more.
#[derive(Debug)]
pub(crate) struct Pending<A> {
    first: Option<Entry<A>>,
    #[expect(clippy::box_collection, reason = "idle, it takes 8 bytes of a session, not 32")]
    rest: Option<Box<VecDeque<Entry<A>>>>,
}

/// A request without a reply.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Entry<A> {
    /// The dialogue asked this and gets it back with the reply.
    Asked(A, Kind),
    /// Messages that the client has proved to have are removed.
    Confirm,
    /// A connection back to the client.
    Dial,
    /// The owner of the conversation asked for itself. The lines do not wait for it.
    Aside,
}

/// What a request means for the conversation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Nothing but its answer.
    Plain,
    /// The time to log in ends with it, if it succeeds.
    LogIn,
    /// Its answer may be a whole message, for which there must be room.
    Read,
    /// It waits for a delivery receipt, for a limited time.
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

    /// Takes the earliest request if it is such a one.
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

    /// Whether none is left, those of the owner excepted.
    pub(crate) fn is_empty(&self) -> bool {
        self.iter().all(|entry| matches!(entry, Entry::Aside))
    }

    /// How many of them may be answered by a whole message.
    pub(crate) fn reads(&self) -> usize {
        self.iter().filter(|entry| matches!(entry, Entry::Asked(_, Kind::Read))).count()
    }

    /// Whether one of them waits for a delivery receipt.
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
