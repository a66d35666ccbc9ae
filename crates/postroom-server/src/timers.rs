//! The deadlines of all connections.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// What a deadline is for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Deadline {
    LogIn,
    Pause,
    Drain,
}

const DEADLINES: usize = 3;

/// The deadlines that one connection has set.
#[derive(Debug, Default)]
pub(crate) struct Deadlines([Option<Instant>; DEADLINES]);

/// All deadlines in the order of their times: at most three a connection.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    pending: BTreeSet<(Instant, usize, Deadline)>,
}

impl Timers {
    /// Sets, or with `None` stops, a deadline of the connection `key`.
    pub(crate) fn set(
        &mut self,
        key: usize,
        deadlines: &mut Deadlines,
        deadline: Deadline,
        at: Option<Instant>,
    ) {
        let slot = &mut deadlines.0[deadline as usize];
        if let Some(earlier) = std::mem::replace(slot, at) {
            self.pending.remove(&(earlier, key, deadline));
        }
        if let Some(at) = at {
            self.pending.insert((at, key, deadline));
        }
    }

    /// Stops all deadlines of a connection.
    pub(crate) fn clear(&mut self, key: usize, deadlines: &mut Deadlines) {
        for deadline in [Deadline::LogIn, Deadline::Pause, Deadline::Drain] {
            self.set(key, deadlines, deadline, None);
        }
    }

    /// Takes a deadline that has passed, if there is one. The connection forgets
    /// it with [`Deadlines::forget`].
    pub(crate) fn take_passed(&mut self, now: Instant) -> Option<(usize, Deadline)> {
        let first = self.pending.first().copied()?;
        if first.0 > now {
            return None;
        }
        self.pending.pop_first();
        Some((first.1, first.2))
    }

    /// The time until the next deadline.
    pub(crate) fn next_in(&self, now: Instant) -> Option<Duration> {
        self.pending.first().map(|(at, _, _)| at.saturating_duration_since(now))
    }
}

impl Deadlines {
    /// The deadline has been taken.
    pub(crate) fn forget(&mut self, deadline: Deadline) {
        self.0[deadline as usize] = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_pass_in_order_and_stopped_ones_never() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let (mut timers, mut one, mut two) =
            (Timers::default(), Deadlines::default(), Deadlines::default());
        timers.set(1, &mut one, Deadline::LogIn, Some(after(60)));
        timers.set(1, &mut one, Deadline::Pause, Some(after(1)));
        timers.set(1, &mut one, Deadline::Pause, Some(after(3)));
        timers.set(2, &mut two, Deadline::Drain, Some(after(2)));
        assert_eq!(timers.next_in(after(1)), Some(Duration::from_secs(1)));
        assert_eq!(timers.take_passed(after(1)), None);
        assert_eq!(timers.take_passed(after(5)), Some((2, Deadline::Drain)));
        two.forget(Deadline::Drain);
        assert_eq!(timers.take_passed(after(5)), Some((1, Deadline::Pause)));
        one.forget(Deadline::Pause);
        timers.clear(1, &mut one);
        assert_eq!(timers.take_passed(after(100)), None);
        assert_eq!(timers.next_in(start), None);
    }
}
