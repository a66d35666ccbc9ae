//! The origins of the store calls that are under way.

use postroom_model::{Name, SessionKey};
use postroom_store::{Call, PAGE_BYTES, Ticket};
use slab::Slab;

use crate::administration::{AdminTicket, Administered};
use crate::creations::Reservation;

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
    Release,
    /// The return of a lease or presence that arrived after its session had ended.
    HandBack,
    /// The lock of an account of the password file.
    Lock(Name),
    /// A question of an operator.
    Administration(AdminTicket, Administered),
    /// The removal of what was deleted.
    Sweep,
}

/// A call under way.
#[derive(Debug)]
struct UnderWay {
    number: u32,
    origin: Origin,
    reservation: Option<Reservation>,
    bytes: usize,
}

/// What a call takes beside its texts, with its outcome: in bytes of memory, and as many
/// bytes of text as take as long to complete.
pub(crate) const CALL_BYTES: usize = 4 << 10;

/// The calls under way.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    under_way: Slab<UnderWay>,
    last: u32,
    bytes: usize,
}

impl Calls {
    /// Registers a call and returns its ticket. Tickets are unique.
    pub(crate) fn begin(
        &mut self,
        call: &Call,
        origin: Origin,
        reservation: Option<Reservation>,
    ) -> Ticket {
        self.last = self.last.wrapping_add(1);
        let number = self.last;
        let bytes = CALL_BYTES + text_bytes(call);
        self.bytes += bytes;
        let place = self.under_way.insert(UnderWay { number, origin, reservation, bytes });
        Ticket(u64::from(number) << 32 | place as u64)
    }

    pub(crate) fn len(&self) -> usize {
        self.under_way.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Bytes of memory that they take, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Removes a call that has completed; returns also what was reserved for it.
    pub(crate) fn end(&mut self, ticket: Ticket) -> Option<(Origin, Option<Reservation>)> {
        let place = usize::try_from(ticket.0 & u64::from(u32::MAX)).ok()?;
        let number = self.under_way.get(place)?.number;
        (u64::from(number) == ticket.0 >> 32).then(|| {
            let UnderWay { origin, reservation, bytes, .. } = self.under_way.remove(place);
            self.bytes -= bytes;
            (origin, reservation)
        })
    }
}

/// Bytes of the texts that a call stores or asks for.
fn text_bytes(call: &Call) -> usize {
    match call {
        Call::Compose { text, .. } => text.as_str().len(),
        Call::Post { post, .. } => post.text.as_str().len() * post.channels.len(),
        Call::Timeline { .. } => PAGE_BYTES,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_ends_its_own_call_and_only_once() {
        let mut calls = Calls::default();
        let first = calls.begin(&Call::ListPresent, Origin::HandBack, None);
        assert!(calls.end(first).is_some());
        let second = calls.begin(&Call::ListPresent, Origin::Lock(Name::new("bob").unwrap()), None);
        assert_ne!(first, second);
        assert!(calls.end(first).is_none(), "its place is another's");
        assert!(matches!(calls.end(second), Some((Origin::Lock(_), None))));
        assert!(calls.end(second).is_none());
    }
}
