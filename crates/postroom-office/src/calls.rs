//! The origins of the store calls that are under way.

use postroom_model::{Name, SessionKey};
use postroom_store::Ticket;
use slab::Slab;

/// A request of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RequestKey {
    pub(crate) session: SessionKey,
    /// The number of the request in its session.
    pub(crate) number: u32,
}

/// The purpose of a call.
#[derive(Debug)]
pub(crate) enum Origin {
    /// A request, or one step of a login.
    Request(RequestKey),
    /// The release of the presence of a session's account.
    Release(SessionKey),
    /// The return of a lease or presence that arrived after its session had ended.
    HandBack,
    /// The lock of an account of the password file.
    Lock(Name),
}

/// The calls under way.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    under_way: Slab<(u32, Origin)>,
    last: u32,
}

impl Calls {
    /// Registers a call and returns its ticket. Tickets are unique.
    pub(crate) fn begin(&mut self, origin: Origin) -> Ticket {
        self.last = self.last.wrapping_add(1);
        let place = self.under_way.insert((self.last, origin));
        Ticket(u64::from(self.last) << 32 | place as u64)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Removes a call that has completed.
    pub(crate) fn end(&mut self, ticket: Ticket) -> Option<Origin> {
        let place = usize::try_from(ticket.0 & u64::from(u32::MAX)).ok()?;
        let (number, _) = self.under_way.get(place)?;
        (u64::from(*number) == ticket.0 >> 32).then(|| self.under_way.remove(place).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_ends_its_own_call_and_only_once() {
        let mut calls = Calls::default();
        let first = calls.begin(Origin::HandBack);
        assert!(calls.end(first).is_some());
        let second = calls.begin(Origin::Lock(Name::new("bob").unwrap()));
        assert_ne!(first, second);
        assert!(calls.end(first).is_none(), "its place is another's");
        assert!(matches!(calls.end(second), Some(Origin::Lock(_))));
        assert!(calls.end(second).is_none());
    }
}
