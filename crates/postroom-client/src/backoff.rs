//! How long a client waits before it connects again.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// The longest first pause.
const FIRST_MAX: Duration = Duration::from_secs(1);

/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_mins(1);

/// A session that lasted so long had reached the server in earnest: the pauses begin anew.
pub(crate) const LASTING: Duration = Duration::from_mins(1);

/// Pauses that double up to a limit. Each is anything between half of it and all of it, so
/// that the clients of a server that was restarted do not come back together.
#[derive(Debug)]
pub(crate) struct Backoff {
    longest: Duration,
    random: RandomState,
    pauses: u64,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { longest: FIRST_MAX, random: RandomState::new(), pauses: 0 }
    }

    /// The next pause.
    pub(crate) fn pause(&mut self) -> Duration {
        let longest = self.longest;
        self.longest = (longest * 2).min(PAUSE_MAX);
        self.pauses += 1;
        // The system's randomness has seeded it; it must only differ between clients.
        let part = self.random.hash_one(self.pauses) % 1_000;
        longest / 2 + longest / 2 * u32::try_from(part).unwrap_or(0) / 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_differ() {
        let mut backoff = Backoff::new();
        let mut longest = FIRST_MAX;
        for _ in 0..10 {
            let pause = backoff.pause();
            assert!((longest / 2..=longest).contains(&pause), "{pause:?} {longest:?}");
            longest = (longest * 2).min(PAUSE_MAX);
        }
        assert_eq!(longest, PAUSE_MAX);
        let firsts: std::collections::BTreeSet<_> =
            (0..20).map(|_| Backoff::new().pause()).collect();
        assert!(firsts.len() > 5, "{firsts:?}");
    }
}
