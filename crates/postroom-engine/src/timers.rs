//! The deadlines of all sessions and connections.

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use postroom_model::{Fault, SessionKey, faulty};
use postroom_protocol::Timer;

use crate::key::ConnectionKey;

/// What a deadline is for, and whose it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Deadline {
    /// A timer of a session.
    Session(SessionKey, Timer),
    /// A dial is answered.
    Dial(SessionKey),
    /// A refused dial is tried again.
    Redial(SessionKey),
    /// The drain of a connection ends.
    Drain(ConnectionKey),
    /// The session of a connection may say more.
    Rate(ConnectionKey),
    /// Logins wait no longer for the password file.
    Passwords,
    /// A password check may begin that failed logins have delayed.
    Checks,
    /// Joins and leaves that have gathered are announced.
    Announcement,
    /// What was deleted, or is too old, is removed.
    Sweep,
}

/// Where the owner of a deadline keeps its time, in half the bytes of an
/// `Option<Instant>`: nanoseconds since the engine began, and one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Slot(Option<NonZeroU64>);

impl Slot {
    pub(crate) fn is_set(self) -> bool {
        self.0.is_some()
    }
}

/// All deadlines in the order of their times: at most six a session, two a connection
/// and four of the engine.
#[derive(Debug)]
pub(crate) struct Timers {
    began: Instant,
    pending: BTreeSet<(NonZeroU64, Deadline)>,
}

impl Timers {
    pub(crate) fn new(began: Instant) -> Self {
        Self { began, pending: BTreeSet::new() }
    }

    /// Sets, or with `None` stops, a deadline; `slot` is where its owner keeps it.
    pub(crate) fn set(&mut self, slot: &mut Slot, deadline: Deadline, at: Option<Instant>) {
        let at = at.map(|at| self.number(at));
        if let Some(earlier) = std::mem::replace(&mut slot.0, at) {
            self.pending.remove(&(earlier, deadline));
            if faulty(Fault::TimerLost) {
                return;
            }
        }
        if let Some(at) = at {
            self.pending.insert((at, deadline));
        }
    }

    /// Takes a deadline that has passed, if there is one. Its owner's slot is to
    /// be emptied.
    pub(crate) fn take_passed(&mut self, now: Instant) -> Option<Deadline> {
        let (at, deadline) = self.pending.first().copied()?;
        if at > self.number(now) {
            return None;
        }
        self.pending.pop_first();
        Some(deadline)
    }

    /// The next deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        let (at, _) = self.pending.first()?;
        Some(self.began + Duration::from_nanos(at.get() - 1))
    }

    fn number(&self, at: Instant) -> NonZeroU64 {
        let nanos = at.saturating_duration_since(self.began).as_nanos();
        NonZeroU64::MIN.saturating_add(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_pass_in_order_and_stopped_ones_never() {
        let start = crate::tests::any_time();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut timers = Timers::new(start);
        let mut slots = [Slot::default(); 3];
        let [log_in, pause, drain] = &mut slots;
        let session = SessionKey::new(1, 0);
        let (first, second) =
            (Deadline::Session(session, Timer::ALL[0]), Deadline::Session(session, Timer::ALL[1]));
        let third = Deadline::Drain(ConnectionKey::from_index(2));
        timers.set(log_in, first, Some(after(60)));
        timers.set(pause, second, Some(after(1)));
        timers.set(pause, second, Some(after(3)));
        timers.set(drain, third, Some(after(2)));
        assert_eq!(timers.next(), Some(after(2)));
        assert_eq!(timers.take_passed(after(1)), None);
        assert_eq!(timers.take_passed(after(5)), Some(third));
        assert_eq!(timers.take_passed(after(5)), Some(second));
        timers.set(log_in, first, None);
        assert_eq!(timers.take_passed(after(100)), None);
        assert_eq!(timers.next(), None);
    }
}
