//! The origins of the store calls that are under way.

use std::time::{Duration, Instant};

use postroom_model::{Channel, LeaseKey, Name, SessionKey};
use postroom_store::{Call, PAGE_BYTES, Ticket};
use slab::Slab;

use crate::administration::{AdminTicket, Administered};
use crate::bans::BanRequest;
use crate::creations::Reservation;

/// A request of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct RequestKey {
    pub(crate) session: SessionKey,
    /// The number of the request in its session.
    pub(crate) number: u32,
}

/// What a client asks for with a lease.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeaseTerms {
    pub(crate) key: LeaseKey,
    pub(crate) lasts: Duration,
}

/// The purpose of a call.
#[derive(Debug)]
pub(crate) enum Origin {
    /// A request, or one step of a login.
    Request(RequestKey),
    /// A request for a lease on these terms.
    Lease(RequestKey, LeaseTerms),
    /// A request to join a channel, once its key has been checked.
    Join(RequestKey, Channel),
    /// The release of the presence of a session's account.
    Release,
    /// The return of a lease or presence that arrived after its session had ended.
    HandBack,
    /// The lock of an account of the password file.
    Lock(Name),
    /// A question of an operator.
    Administration(AdminTicket, Administered),
    /// The removal of what was deleted, or is too old.
    Sweep,
    /// A ban by an operator, or its end.
    Ban(AdminTicket, BanRequest),
}

/// A call under way.
#[derive(Debug)]
struct UnderWay {
    number: u32,
    origin: Origin,
    reservation: Option<Reservation>,
    bytes: usize,
    since: Instant,
    leases: u32,
}

/// A call that has completed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) origin: Origin,
    /// What was reserved for it.
    pub(crate) reservation: Option<Reservation>,
    /// When it was asked for; of a removal, when the first of its messages was handed out.
    pub(crate) since: Instant,
    /// The messages that it was to remove.
    pub(crate) leases: u32,
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
        since: Instant,
    ) -> Ticket {
        self.last = self.last.wrapping_add(1);
        let number = self.last;
        let bytes = CALL_BYTES * messages(call) + text_bytes(call);
        self.bytes += bytes;
        let leases = match call {
            Call::Confirm { leases } => u32::try_from(leases.len()).unwrap_or(u32::MAX),
            _ => 0,
        };
        let under_way = UnderWay { number, origin, reservation, bytes, since, leases };
        let place = self.under_way.insert(under_way);
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

    /// Removes a call that has completed.
    pub(crate) fn end(&mut self, ticket: Ticket) -> Option<Ended> {
        let place = usize::try_from(ticket.0 & u64::from(u32::MAX)).ok()?;
        let number = self.under_way.get(place)?.number;
        (u64::from(number) == ticket.0 >> 32).then(|| {
            let UnderWay { origin, reservation, bytes, since, leases, .. } =
                self.under_way.remove(place);
            self.bytes -= bytes;
            Ended { origin, reservation, since, leases }
        })
    }
}

/// How many times the work of a call is done.
fn messages(call: &Call) -> usize {
    match call.without_key() {
        Call::ComposeAll { recipients, .. } => recipients.names().len(),
        _ => 1,
    }
}

/// Bytes of the texts that a call stores or asks for.
fn text_bytes(call: &Call) -> usize {
    match call.without_key() {
        Call::Compose { text, .. } => text.as_str().len(),
        Call::Post { post, .. } => post.text.as_str().len() * post.channels.len(),
        Call::Import { import, .. } => import.text_bytes(),
        Call::ComposeAll { recipients, text, .. } => text.as_str().len() * recipients.names().len(),
        Call::Timeline { .. } | Call::Peek { .. } => PAGE_BYTES,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_ends_its_own_call_and_only_once() {
        let mut calls = Calls::default();
        let now = crate::tests::any_time();
        let first = calls.begin(&Call::ListPresent, Origin::HandBack, None, now);
        assert!(calls.end(first).is_some());
        let of_bob = Origin::Lock(Name::new("bob").unwrap());
        let second = calls.begin(&Call::ListPresent, of_bob, None, now);
        assert_ne!(first, second);
        assert!(calls.end(first).is_none(), "its place is another's");
        assert!(matches!(calls.end(second), Some(Ended { origin: Origin::Lock(_), .. })));
        assert!(calls.end(second).is_none());
    }
}
