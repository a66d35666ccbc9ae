//! What the engine has done since it began, counted.

use std::time::{Duration, Instant};

use postroom_model::Histogram;

use crate::listener::{ListenerKey, ListenerName};

/// Counts of one thing by kind. The kinds are known words, so there are few.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tally(Vec<(&'static str, u64)>);

impl Tally {
    /// No count yet, of any of these kinds.
    pub(crate) fn new(kinds: &[&'static str]) -> Self {
        Self(kinds.iter().map(|kind| (*kind, 0)).collect())
    }

    /// Counts one of a kind that there is.
    pub(crate) fn add(&mut self, kind: &'static str) {
        let found = self.0.iter_mut().find(|(other, _)| *other == kind);
        debug_assert!(found.is_some(), "{kind} is none of the kinds");
        if let Some((_, count)) = found {
            *count += 1;
        }
    }

    /// The kinds with their counts, each once.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().copied()
    }
}

/// What an engine has done since it began.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EngineCounts {
    /// Connections that got a session, by listener.
    pub accepted: Vec<(ListenerName, u64)>,
    /// Connections that were closed before they got one, by reason.
    pub refused: Tally,
    /// Sessions that have ended, by the kind of the reason.
    pub ended: Tally,
    /// Logins.
    pub logins: u64,
    /// Logins that were refused, by reason.
    pub logins_failed: Tally,
    /// Accounts that were registered.
    pub registrations: u64,
    /// Requests that have met a limit, by limit.
    pub limits_met: Tally,
    /// Bytes from clients; of TLS, what was encrypted.
    pub received_bytes: u64,
    /// Bytes for clients that sockets have taken; of TLS, what was encrypted.
    pub sent_bytes: u64,
    /// Posts that sessions have missed which read too slowly.
    pub posts_missed: u64,
    /// Live lines that such sessions have missed.
    pub lines_missed: u64,
    /// Damaged records that the store has reported.
    pub damaged_records: u64,
    /// How long turns took, without the wait for work.
    pub turn_times: Histogram,
    /// From asking for a post to the end of the turn in which a member was told of it.
    pub delivery_times: Histogram,
}

impl EngineCounts {
    pub(crate) fn new() -> Self {
        Self {
            accepted: Vec::new(),
            refused: Tally::new(&crate::refusal::KINDS),
            ended: Tally::new(&["ordinary", "limit", "fault"]),
            logins: 0,
            logins_failed: Tally::new(&crate::log::LOGIN_FAILURES),
            registrations: 0,
            limits_met: Tally::new(&crate::log::LIMITS),
            received_bytes: 0,
            sent_bytes: 0,
            posts_missed: 0,
            lines_missed: 0,
            damaged_records: 0,
            turn_times: Histogram::default(),
            delivery_times: Histogram::default(),
        }
    }

    /// A listener got a session.
    pub(crate) fn accepted(&mut self, listener: ListenerKey) {
        if let Some((_, count)) = self.accepted.get_mut(listener.index()) {
            *count += 1;
        }
    }
}

/// The turn under way.
#[derive(Debug)]
pub(crate) struct Turn {
    began: Instant,
    /// Posts that members were told, and when the earliest of each write was asked for.
    told: Vec<(Instant, u64)>,
}

impl Turn {
    pub(crate) fn new(began: Instant) -> Self {
        Self { began, told: Vec::new() }
    }

    /// A turn begins; one that was not ended has taken no time.
    pub(crate) fn begin(&mut self, now: Instant, counts: &mut EngineCounts) {
        self.count_told(self.began, counts);
        self.began = now;
    }

    /// A member is told so many posts in one write, the earliest of which was asked for then.
    pub(crate) fn told(&mut self, asked_at: Instant, posts: u64) {
        match self.told.last_mut() {
            // All that came in one turn was asked for at the same time.
            Some((last, count)) if *last == asked_at => *count += posts,
            _ => self.told.push((asked_at, posts)),
        }
    }

    pub(crate) fn end(&mut self, now: Instant, counts: &mut EngineCounts) {
        counts.turn_times.add(since(self.began, now), 1);
        self.count_told(now, counts);
    }

    fn count_told(&mut self, now: Instant, counts: &mut EngineCounts) {
        for (asked_at, posts) in self.told.drain(..) {
            counts.delivery_times.add(since(asked_at, now), posts);
        }
    }
}

fn since(then: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(then)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::any_time;

    #[test]
    fn what_is_told_counts_with_the_end_of_its_turn() {
        let (began, mut counts) = (any_time(), EngineCounts::new());
        let at = |millis| began + Duration::from_millis(millis);
        let mut turn = Turn::new(began);
        turn.begin(at(10), &mut counts);
        for (asked_at, posts) in [(at(10), 3), (at(10), 4), (at(5), 1)] {
            turn.told(asked_at, posts);
        }
        assert_eq!(turn.told.len(), 2);
        turn.end(at(12), &mut counts);
        let EngineCounts { turn_times, delivery_times, .. } = counts;
        assert_eq!((turn_times.count(), turn_times.sum()), (1, Duration::from_millis(2)));
        let sum = Duration::from_millis(7 * 2 + 7);
        assert_eq!((delivery_times.count(), delivery_times.sum()), (8, sum));
    }

    #[test]
    fn a_driver_that_ends_no_turn_lets_nothing_gather() {
        let (now, mut counts) = (any_time(), EngineCounts::new());
        let mut turn = Turn::new(now);
        for _ in 0..10 {
            turn.begin(now, &mut counts);
            turn.told(now, 1);
        }
        assert_eq!((turn.told.len(), counts.delivery_times.count()), (1, 9));
        assert_eq!(counts.turn_times.count(), 0);
    }
}
