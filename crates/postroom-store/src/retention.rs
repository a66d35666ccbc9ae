//! How old unread messages and posts may become, and by which clock.
//!
//! What a store has acknowledged is lost in one way only: its operator has set a retention.
//! So no clock that goes wrong may take what has its time still before it:
//!
//! - A clock that goes back removes nothing.
//! - Where it jumps, ahead or back, the [`RetentionClock`] follows at most [`CATCH_UP`] times
//!   as fast as time passes.
//! - The same holds after a stop: the store keeps the time of the retention clock on disk
//!   ([`RetentionClock::is_to_be_kept`]), and it goes on from there. The times of records do
//!   not move it: one that was stored while the clock was ahead makes nothing older. Only
//!   where no time was kept yet does it begin at that of the latest record.
//! - What was stored while the clock was ahead stays until that time has come, and its
//!   age is over then.
//! - What was stored before [`EARLIEST`] was stored by a clock that was not set. It has no
//!   age.

use postroom_model::{Fault, faulty};

use crate::Timestamp;

/// Earlier times are those of a clock that was not set: 2020-01-01 00:00 UTC.
pub const EARLIEST: Timestamp = Timestamp(1_577_836_800_000);

/// A retention clock is kept on disk once it has moved so many milliseconds: an hour. So much
/// it may go back by with a stop.
pub const KEPT_EVERY_MS: u64 = 60 * 60 * 1_000;

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

    /// A clock that goes on from the time that was kept. That it was kept shows that it is
    /// not before [`EARLIEST`].
    #[must_use]
    pub fn resumed(kept: Timestamp) -> Self {
        Self(Some(kept.max(EARLIEST)))
    }

    /// What it says, if there is anything to go by.
    #[must_use]
    pub fn time(self) -> Option<Timestamp> {
        self.0
    }

    /// Whether its time is to be kept on disk, where this was kept before, if anything was.
    #[must_use]
    pub fn is_to_be_kept(self, kept: Option<Timestamp>) -> bool {
        let moved = |at: Timestamp, kept: Timestamp| at.0.abs_diff(kept.0);
        self.0.is_some_and(|at| kept.is_none_or(|kept| moved(at, kept) >= KEPT_EVERY_MS))
    }

    /// The clock when `passed_ms` have passed and the clock of the system says `now`.
    #[must_use]
    pub fn advanced(self, now: Timestamp, passed_ms: u64) -> Self {
        let Some(Timestamp(at)) = self.0 else {
            return Self::new(Some(now));
        };
        let most = passed_ms.saturating_mul(CATCH_UP);
        let (back, ahead) = (at.saturating_sub(most), at.saturating_add(most));
        Self(Some(Timestamp(now.0.clamp(back.max(EARLIEST.0), ahead))))
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
    fn the_clock_follows_a_jump_slowly_and_one_back_makes_nothing_older() {
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
        // A clock that goes back makes nothing older, and is followed as slowly.
        let back = clock.advanced(at(0), HOUR);
        assert_eq!(cutoff(back, at(0)), Timestamp(at(0).0 - DAY));
        assert_eq!(cutoff(back, at(101)), Timestamp(at(99).0 + 60 - 60 * HOUR));
        assert_eq!(cutoff(back.advanced(at(101), HOUR), at(101)), Timestamp(at(99).0 + 60));
        let unset = clock.advanced(Timestamp(0), u64::MAX);
        assert_eq!(unset.time(), Some(EARLIEST), "there is still something to go by");
        assert_eq!(unset.advanced(at(4_000), HOUR).time(), Some(Timestamp(at(0).0 + 60 * HOUR)));
    }

    #[test]
    fn the_clock_is_kept_once_it_has_moved_an_hour() {
        assert!(!RetentionClock::default().is_to_be_kept(None));
        let clock = RetentionClock::resumed(at(9));
        assert!(clock.is_to_be_kept(None) && !clock.is_to_be_kept(Some(at(9))));
        for (kept, expected) in [(HOUR - 1, false), (HOUR, true)] {
            assert_eq!(clock.is_to_be_kept(Some(Timestamp(at(9).0 - kept))), expected);
            assert_eq!(clock.is_to_be_kept(Some(Timestamp(at(9).0 + kept))), expected);
        }
        assert_eq!(RetentionClock::resumed(Timestamp(7)).time(), Some(EARLIEST));
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
