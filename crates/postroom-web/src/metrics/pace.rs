//! How fast connections are accepted.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Lets so many through at once after a rest, and one each interval in the long run.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    burst: Duration,
    /// When it is at rest.
    rests_at: Instant,
}

impl Pace {
    pub(super) fn new(interval: Duration, burst: u32) -> Self {
        Self { interval, burst: interval * burst, rests_at: Instant::now() }
    }

    /// Waits until the next one may come.
    pub(super) async fn wait(&mut self) {
        let now = Instant::now();
        let rests_at = self.rests_at.max(now) + self.interval;
        self.rests_at = rests_at;
        if let Some(at) = rests_at.checked_sub(self.burst)
            && at > now
        {
            sleep_until(at).await;
        }
    }
}
