//! How old unread messages and posts may become, and by which clock.
//!
//! What a store has acknowledged is lost in one way only: its operator has set a retention.
//! So no clock that goes wrong may take what has its time still before it:
//!
//! - A clock that goes back removes nothing.
//! - Where it jumps ahead, the [`RetentionClock`] follows at most [`CATCH_UP`] times as fast
//!   as time passes. The same holds after a stop: it begins at the time of the latest
//!   record.
//! - What was stored while the clock was ahead stays until that time has come, and its
//!   age is over then.
//! - What was stored before [`EARLIEST`] was stored by a clock that was not set. It has no
//!   age.

use postroom_model::{Fault, faulty};

use crate::Timestamp;

/// Earlier times are those of a clock that was not set: 2020-01-01 00:00 UTC.
pub const EARLIEST: Timestamp = Timestamp(1_577_836_800_000);

/// How much faster than time itself the clock of a retention may run.
pub const CATCH_UP: u64 = 60;

/// After how many milliseconds sweeps remove unread messages, and posts; `None`: never.
/// Messages that are handed out are not removed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Retention {
    /// Unread messages.
    pub messages_ms: Option<u64>,
    /// Posts.
    pub posts_ms: Option<u64>,
}

impl Retention {
    /// Nothing grows too old.
    pub const NONE: Self = Self { messages_ms: None, posts_ms: None };

    /// Whether anything grows too old.
    #[must_use]
    pub fn is_on(self) -> bool {
        self != Self::NONE
    }
}

/// The clock by which records grow old.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RetentionClock(Option<Timestamp>);

impl RetentionClock {
    /// A clock that begins at the time of the latest record, if that has any.
    #[must_use]
    pub fn new(latest: Option<Timestamp>) -> Self {
        Self(latest.filter(|latest| *latest >= EARLIEST))
    }

    /// The clock when `passed_ms` have passed and the clock of the system says `now`.
    #[must_use]
    pub fn advanced(self, now: Timestamp, passed_ms: u64) -> Self {
        let Some(Timestamp(at)) = self.0 else {
            return Self::new(Some(now));
        };
        let most = at.saturating_add(passed_ms.saturating_mul(CATCH_UP));
        Self(Some(Timestamp(at.max(now.0.min(most)))))
    }

    /// What was stored before this time is too old.
    #[must_use]
    pub fn cutoff(self, now: Timestamp, age_ms: Option<u64>) -> Timestamp {
        let age_ms =
            if faulty(Fault::RetentionTakesYoung) { age_ms.map(|age| age / 2) } else { age_ms };
        let cutoff = self.0.zip(age_ms).map(|(at, age)| at.min(now).0.saturating_sub(age));
        Timestamp(cutoff.unwrap_or(0))
    }

    /// By how much the clock of the system is ahead, in milliseconds.
    #[must_use]
    pub fn behind_ms(self, now: Timestamp) -> u64 {
        self.0.map_or(0, |at| now.0.saturating_sub(at.0))
    }
}

/// Whether something that was stored then is too old.
#[must_use]
pub fn is_old(stored: Timestamp, cutoff: Timestamp) -> bool {
    stored >= EARLIEST && stored < cutoff && !faulty(Fault::RetentionForgotten)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;
    const DAY: u64 = 24 * HOUR;

    fn at(days: u64) -> Timestamp {
        Timestamp(EARLIEST.0 + days * DAY)
    }

    #[test]
    fn the_clock_follows_a_jump_ahead_slowly_and_one_back_not_at_all() {
        let cutoff = |clock: RetentionClock, now| clock.cutoff(now, Some(DAY));
        // With what passes it goes along.
        let clock = RetentionClock::new(Some(at(100))).advanced(Timestamp(at(100).0 + 60), 60);
        assert_eq!(cutoff(clock, at(101)), Timestamp(at(99).0 + 60));
        // An hour after a jump it is 60 hours on, and after six days nearly a year.
        let jumped = clock.advanced(at(4_000), HOUR);
        assert_eq!(cutoff(jumped, at(4_000)), Timestamp(at(99).0 + 60 + 60 * HOUR));
        assert_eq!(jumped.behind_ms(at(4_000)), 3_900 * DAY - 60 - 60 * HOUR);
        let caught_up = jumped.advanced(at(4_000), 65 * DAY);
        assert_eq!((cutoff(caught_up, at(4_000)), caught_up.behind_ms(at(4_000))), (at(3_999), 0));
        // A clock that goes back makes nothing older, and forgets nothing.
        assert_eq!(cutoff(clock.advanced(at(0), HOUR), at(0)), Timestamp(at(0).0 - DAY));
        let back = clock.advanced(at(0), HOUR).advanced(at(101), 60);
        assert_eq!(cutoff(back, at(101)), Timestamp(at(99).0 + 60 + 3_600));
    }

    #[test]
    fn a_clock_that_was_not_set_gives_nothing_an_age() {
        let dead = Timestamp(5 * DAY);
        for latest in [None, Some(dead)] {
            let clock = RetentionClock::new(latest).advanced(dead, HOUR);
            assert_eq!(clock.cutoff(dead, Some(1)), Timestamp(0));
            let set = clock.advanced(at(100), HOUR);
            assert_eq!(set.cutoff(at(100), Some(DAY)), at(99), "there is nothing to go by");
        }
        assert!(!is_old(dead, at(99)) && !is_old(at(99), at(99)) && is_old(at(98), at(99)));
        let off = RetentionClock::new(Some(at(9))).cutoff(at(9), Retention::NONE.posts_ms);
        assert_eq!(off, Timestamp(0));
    }
}
