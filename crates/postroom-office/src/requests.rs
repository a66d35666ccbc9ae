//! The requests of one session that have no reply yet.
//!
//! ```text
//!  stored ──▶ Waiting ──its call completes──▶ Ready ──earlier ones are answered──▶ reply
//!  read from memory or live, alone ──▶ Reading, or Waiting ──▶ Ready ──▶ reply
//!  any other ──▶ Deferred ──▶ Waiting or Reading
//! ```
//!
//! Completions come in any order; replies leave in the order of the requests. A request
//! that is answered from memory, or is live only, waits for the earlier requests of its
//! own session, and later ones wait for it: it sees what was stored before it, and
//! nothing that was stored after it. It waits for no other session.

use std::collections::VecDeque;

use postroom_model::{Fault, Reply, Request, faulty};

use crate::calls::CALL_BYTES;

/// The requests, the earliest first.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    /// The number of the earliest.
    first: u32,
    pending: VecDeque<Pending>,
    /// Bytes of memory that those take which have not begun.
    deferred_bytes: usize,
}

#[derive(Debug)]
enum Pending {
    /// Its call, its check or its delivery is under way.
    Waiting,
    /// The same, and it is answered from memory: later ones wait for it.
    Reading,
    /// Its reply waits for those of earlier requests.
    Ready(Reply),
    /// It begins when what it waits for is answered.
    Deferred(Request),
}

impl Pending {
    fn deferred_bytes(&self) -> usize {
        match self {
            Self::Deferred(request) => bytes(request),
            Self::Waiting | Self::Reading | Self::Ready(_) => 0,
        }
    }
}

/// Bytes of memory that a request takes until it begins.
fn bytes(request: &Request) -> usize {
    let recipients = match request.without_key() {
        Request::ComposeAll { recipients, .. } => size_of_val(recipients.names()),
        _ => 0,
    };
    CALL_BYTES + recipients + request.text().map_or(0, |text| text.as_str().len())
}

/// What a request needs to be answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Needs {
    /// A call of the store that may need a commit.
    Commit,
    /// What the store has in memory.
    Memory,
    /// Other sessions.
    Others,
}

impl Needs {
    fn of(request: &Request) -> Self {
        match request {
            Request::CountUnread
            | Request::ListPresent
            | Request::ListBlocked
            | Request::Appear(_) => Self::Memory,
            Request::Tell { .. }
            | Request::Join(_)
            | Request::Leave(_)
            | Request::WatchMail
            | Request::Disappear => Self::Others,
            Request::LogIn { .. }
            | Request::Compose { .. }
            | Request::ComposeAll { .. }
            | Request::Once(_)
            | Request::Peek { .. }
            | Request::ChangePassword { .. }
            | Request::Block { .. }
            | Request::Read
            | Request::Lease { .. }
            | Request::ConfirmLease { .. }
            | Request::Confirm
            | Request::Post { .. }
            | Request::DeletePost { .. }
            | Request::ManageChannel { .. }
            | Request::JoinWithKey { .. }
            | Request::Latest(_)
            | Request::Timeline { .. } => Self::Commit,
        }
    }

    /// A request that has these needs is under way.
    fn begun(self) -> Pending {
        match self {
            Self::Memory => Pending::Reading,
            Self::Commit | Self::Others => Pending::Waiting,
        }
    }
}

/// What is due at the head of the queue.
#[derive(Debug)]
pub(crate) enum Due {
    /// To be sent.
    Reply(Reply),
    /// To be begun, under this number.
    Request(u32, Request),
}

impl Requests {
    /// Lets the requests of an empty queue be counted from `number` on.
    pub(crate) fn begin_at(&mut self, number: u32) {
        self.first = number;
    }

    /// The number of the next request.
    pub(crate) fn next(&self) -> u32 {
        self.number(self.pending.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Adds a request; returns it with its number if it begins now.
    pub(crate) fn add(&mut self, request: Request) -> Option<(u32, Request)> {
        let number = self.next();
        let needs = Needs::of(&request);
        let must_wait = self.barrier().is_some() || needs != Needs::Commit && !self.is_empty();
        if must_wait {
            self.deferred_bytes += bytes(&request);
            self.pending.push_back(Pending::Deferred(request));
            return None;
        }
        self.pending.push_back(needs.begun());
        Some((number, request))
    }

    /// The place of the first request that later ones wait for.
    fn barrier(&self) -> Option<usize> {
        // Nothing begins behind such a request, so if the last one has begun there is none.
        // That is the usual case, and needs no search.
        if let Some(Pending::Waiting) = self.pending.back() {
            return None;
        }
        self.pending
            .iter()
            .position(|pending| matches!(pending, Pending::Reading | Pending::Deferred(_)))
    }

    /// Takes the reply to a request: returns it if it is due, and otherwise keeps it until
    /// those before it have gone.
    pub(crate) fn settle(&mut self, number: u32, reply: Reply) -> Option<Reply> {
        let place = number.wrapping_sub(self.first) as usize;
        let pending = self.pending.get_mut(place)?;
        if place == 0 || faulty(Fault::RepliesSwapped) {
            self.pop();
            return Some(reply);
        }
        self.deferred_bytes -= pending.deferred_bytes();
        *pending = Pending::Ready(reply);
        None
    }

    /// Takes what is due.
    pub(crate) fn take_due(&mut self) -> Option<Due> {
        if let Pending::Ready(_) = self.pending.front()?
            && let Some(Pending::Ready(reply)) = self.pop()
        {
            return Some(Due::Reply(reply));
        }
        let place = self.barrier()?;
        let pending = &mut self.pending[place];
        let Pending::Deferred(request) = pending else {
            return None;
        };
        let needs = Needs::of(request);
        if needs != Needs::Commit && place > 0 {
            return None;
        }
        match std::mem::replace(pending, needs.begun()) {
            Pending::Deferred(request) => {
                self.deferred_bytes -= bytes(&request);
                Some(Due::Request(self.number(place), request))
            }
            _ => None,
        }
    }

    fn number(&self, place: usize) -> u32 {
        self.first.wrapping_add(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// The session is closed: what has not begun never does.
    pub(crate) fn drop_deferred(&mut self) {
        for pending in &mut self.pending {
            if let Pending::Deferred(_) = pending {
                *pending = Pending::Ready(Reply::Unavailable);
            }
        }
        self.deferred_bytes = 0;
    }

    /// Does something with them, and keeps in `in_all` how many bytes of memory those of all
    /// sessions take which have not begun.
    pub(crate) fn counting<T>(
        &mut self,
        in_all: &mut usize,
        act: impl FnOnce(&mut Self) -> T,
    ) -> T {
        *in_all -= self.deferred_bytes;
        let result = act(self);
        *in_all += self.deferred_bytes;
        result
    }

    /// Forgets all requests: whatever they come to is not told.
    pub(crate) fn clear(&mut self) {
        while self.pop().is_some() {}
    }

    fn pop(&mut self) -> Option<Pending> {
        let pending = self.pending.pop_front()?;
        self.deferred_bytes -= pending.deferred_bytes();
        self.first = self.first.wrapping_add(1);
        Some(pending)
    }

    /// The number of a deferred request that would wait for delivery receipts, if there
    /// is one.
    pub(crate) fn deferred_delivery(&self) -> Option<u32> {
        let is_it = |pending: &Pending| match pending {
            Pending::Deferred(request) => request.awaits_delivery(),
            _ => false,
        };
        let place = self.pending.iter().position(is_it)?;
        Some(self.number(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replies(requests: &mut Requests) -> Vec<u32> {
        let mut unread = Vec::new();
        while let Some(Due::Reply(Reply::Unread(count))) = requests.take_due() {
            unread.push(count);
        }
        unread
    }

    /// Adds a request that needs a commit; returns its number.
    fn begin(requests: &mut Requests) -> u32 {
        requests.add(Request::Read).unwrap().0
    }

    #[test]
    fn requests_after_one_from_memory_begin_when_it_is_answered_and_then_at_once() {
        let mut requests = Requests::default();
        let (count, _) = requests.add(Request::CountUnread).unwrap();
        for request in [Request::Read, Request::Confirm, Request::CountUnread, Request::Read] {
            assert!(requests.add(request).is_none());
        }
        assert!(requests.take_due().is_none());
        assert!(requests.settle(count, Reply::Unread(1)).is_some());
        assert!(matches!(requests.take_due(), Some(Due::Request(1, Request::Read))));
        assert!(matches!(requests.take_due(), Some(Due::Request(2, Request::Confirm))));
        assert!(requests.take_due().is_none(), "the next count waits for both");
    }

    #[test]
    fn replies_leave_in_the_order_of_the_requests() {
        let mut requests = Requests::default();
        let [first, second, third] = [(); 3].map(|()| begin(&mut requests));
        assert!(requests.settle(third, Reply::Unread(3)).is_none());
        assert!(requests.settle(second, Reply::Unread(2)).is_none());
        assert_eq!(replies(&mut requests), [0_u32; 0]);
        assert!(matches!(requests.settle(first, Reply::Unread(1)), Some(Reply::Unread(1))));
        assert_eq!(replies(&mut requests), [2, 3]);
        let again = requests.settle(first, Reply::Unread(1));
        assert!(again.is_none(), "an answered request is not answered again");
    }

    #[test]
    fn a_deferred_request_begins_when_earlier_ones_are_answered() {
        let mut requests = Requests::default();
        let first = begin(&mut requests);
        assert!(requests.add(Request::CountUnread).is_none());
        assert!(requests.take_due().is_none());
        assert!(matches!(requests.settle(first, Reply::Unread(1)), Some(Reply::Unread(1))));
        let Some(Due::Request(number, Request::CountUnread)) = requests.take_due() else {
            panic!("{requests:?}");
        };
        assert!(requests.take_due().is_none(), "it is under way");
        assert!(matches!(requests.settle(number, Reply::Unread(2)), Some(Reply::Unread(2))));
    }
}
