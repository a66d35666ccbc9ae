//! The deadlines of all sessions and connections.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use postroom_protocol::Timer;

/// What a deadline is for, and the key of whose it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Deadline {
    /// A timer of a session.
    Session(usize, Timer),
    /// A dial is answered.
    Dial(usize),
    /// A refused dial is tried again.
    Redial(usize),
    /// The drain of a connection ends.
    Drain(usize),
    /// Connections are accepted again after a shortage.
    Accept,
    /// Logins wait no longer for the password file.
    Passwords,
}

/// All deadlines in the order of their times: at most five a session, one a
/// connection and two of the server.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    pending: BTreeSet<(Instant, Deadline)>,
}

impl Timers {
    /// Sets, or with `None` stops, a deadline; `slot` is where its owner keeps it.
    pub(crate) fn set(
        &mut self,
        slot: &mut Option<Instant>,
        deadline: Deadline,
        at: Option<Instant>,
    ) {
        if let Some(earlier) = std::mem::replace(slot, at) {
            self.pending.remove(&(earlier, deadline));
        }
        if let Some(at) = at {
            self.pending.insert((at, deadline));
        }
    }

    /// Takes a deadline that has passed, if there is one. Its owner's slot is to
    /// be emptied.
    pub(crate) fn take_passed(&mut self, now: Instant) -> Option<Deadline> {
        let (at, deadline) = self.pending.first().copied()?;
        if at > now {
            return None;
        }
        self.pending.pop_first();
        Some(deadline)
    }

    /// The time until the next deadline.
    pub(crate) fn next_in(&self, now: Instant) -> Option<Duration> {
        self.pending.first().map(|(at, _)| at.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_pass_in_order_and_stopped_ones_never() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut timers = Timers::default();
        let (mut log_in, mut pause, mut drain) = (None, None, None);
        timers.set(&mut log_in, Deadline::Session(1, Timer::ALL[0]), Some(after(60)));
        timers.set(&mut pause, Deadline::Session(1, Timer::ALL[1]), Some(after(1)));
        timers.set(&mut pause, Deadline::Session(1, Timer::ALL[1]), Some(after(3)));
        timers.set(&mut drain, Deadline::Drain(2), Some(after(2)));
        assert_eq!(timers.next_in(after(1)), Some(Duration::from_secs(1)));
        assert_eq!(timers.take_passed(after(1)), None);
        assert_eq!(timers.take_passed(after(5)), Some(Deadline::Drain(2)));
        assert_eq!(timers.take_passed(after(5)), Some(Deadline::Session(1, Timer::ALL[1])));
        timers.set(&mut log_in, Deadline::Session(1, Timer::ALL[0]), None);
        assert_eq!(timers.take_passed(after(100)), None);
        assert_eq!(timers.next_in(start), None);
    }
}
