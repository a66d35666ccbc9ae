//! The pending requests of one session: those without a reply.
//!
//! ```text
//!  request ──▶ Waiting ──its call completes──▶ Ready ──earlier ones are answered──▶ reply
//!  request that needs no commit, behind others ──▶ Deferred ──▶ Waiting or Ready
//!  request to a mailbox, behind a deferred one ──▶ Deferred ──▶ Waiting or Ready
//! ```
//!
//! Completions arrive in any order; replies are sent in the order of the requests. A
//! request that is answered from memory, or is live only, waits for the earlier
//! requests of its own session, so that it sees their effects; it waits for no other
//! session. What its session asks of a mailbox behind it waits too, so that it sees
//! nothing of that.

use std::collections::VecDeque;

use postroom_model::{Reply, Request};

/// The requests, the earliest first.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    /// The number of the earliest.
    first: u32,
    pending: VecDeque<Pending>,
    /// There may be one that has not begun.
    has_deferred: bool,
}

#[derive(Debug)]
enum Pending {
    /// Its call, its check or its delivery is under way.
    Waiting,
    /// Its reply waits for those of earlier requests.
    Ready(Reply),
    /// It begins when all earlier requests are answered.
    Deferred(Request),
}

/// The next action for the head of the queue.
#[derive(Debug)]
pub(crate) enum Due {
    /// Send this reply.
    Reply(Reply),
    /// Begin this request, with this number.
    Request(u32, Request),
}

impl Requests {
    /// Sets the number of the next request of an empty queue.
    pub(crate) fn begin_at(&mut self, number: u32) {
        self.first = number;
    }

    /// The number of the next request.
    pub(crate) fn next(&self) -> u32 {
        self.first.wrapping_add(u32::try_from(self.pending.len()).unwrap_or(u32::MAX))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Whether one that has not begun concerns a mailbox.
    pub(crate) fn defers_mail(&self) -> bool {
        let concerns_mail = |pending: &Pending| {
            matches!(
                pending,
                Pending::Deferred(
                    Request::CountUnread
                        | Request::Compose { .. }
                        | Request::Read
                        | Request::Confirm
                )
            )
        };
        self.has_deferred && self.pending.iter().any(concerns_mail)
    }

    /// Adds a request that is under way; returns its number.
    pub(crate) fn begin(&mut self) -> u32 {
        self.push(Pending::Waiting)
    }

    /// Adds a request that begins when all earlier ones are answered.
    pub(crate) fn defer(&mut self, request: Request) {
        self.has_deferred = true;
        self.push(Pending::Deferred(request));
    }

    fn push(&mut self, pending: Pending) -> u32 {
        let number = self.next();
        self.pending.push_back(pending);
        number
    }

    /// Stores the reply to a request; it is due when the replies before it have been
    /// sent.
    pub(crate) fn resolve(&mut self, number: u32, reply: Reply) {
        let place = number.wrapping_sub(self.first) as usize;
        if let Some(pending) = self.pending.get_mut(place) {
            *pending = Pending::Ready(reply);
        }
    }

    /// Takes the next action, if one is due.
    pub(crate) fn take_due(&mut self) -> Option<Due> {
        match self.pending.front_mut()? {
            Pending::Waiting => None,
            pending @ Pending::Deferred(_) => match std::mem::replace(pending, Pending::Waiting) {
                Pending::Deferred(request) => Some(Due::Request(self.first, request)),
                Pending::Waiting | Pending::Ready(_) => None,
            },
            Pending::Ready(_) => match self.pop() {
                Some(Pending::Ready(reply)) => Some(Due::Reply(reply)),
                _ => None,
            },
        }
    }

    /// Drops all requests: their replies will not be sent.
    pub(crate) fn clear(&mut self) {
        while self.pop().is_some() {}
    }

    fn pop(&mut self) -> Option<Pending> {
        let pending = self.pending.pop_front()?;
        self.first = self.first.wrapping_add(1);
        self.has_deferred &= !self.pending.is_empty();
        Some(pending)
    }

    /// The number of a deferred `Tell` that waits for a delivery receipt, if there is
    /// one.
    pub(crate) fn deferred_delivery(&self) -> Option<u32> {
        let is_it = |pending: &Pending| {
            matches!(pending, Pending::Deferred(Request::Tell { awaits_delivery: true, .. }))
        };
        let place = self.pending.iter().position(is_it)?;
        Some(self.first.wrapping_add(u32::try_from(place).unwrap_or(u32::MAX)))
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

    #[test]
    fn replies_leave_in_the_order_of_the_requests() {
        let mut requests = Requests::default();
        let [first, second, third] = [(); 3].map(|()| requests.begin());
        requests.resolve(third, Reply::Unread(3));
        requests.resolve(second, Reply::Unread(2));
        assert_eq!(replies(&mut requests), [0_u32; 0]);
        requests.resolve(first, Reply::Unread(1));
        assert_eq!(replies(&mut requests), [1, 2, 3]);
        requests.resolve(first, Reply::Unread(1));
        assert!(requests.is_empty(), "an answered request is not answered again");
    }

    #[test]
    fn a_deferred_request_begins_when_earlier_ones_are_answered() {
        let mut requests = Requests::default();
        let first = requests.begin();
        requests.defer(Request::CountUnread);
        assert!(requests.take_due().is_none());
        requests.resolve(first, Reply::Unread(1));
        assert_eq!(replies(&mut requests), [1]);
        let mut requests = Requests::default();
        requests.defer(Request::CountUnread);
        let Some(Due::Request(number, Request::CountUnread)) = requests.take_due() else {
            panic!("{requests:?}");
        };
        assert!(requests.take_due().is_none(), "it is under way");
        requests.resolve(number, Reply::Unread(2));
        assert_eq!(replies(&mut requests), [2]);
    }
}
