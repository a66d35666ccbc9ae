//! The counters of a round.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Longer latencies are counted as this one.
const LONGEST: Duration = Duration::from_mins(1);

/// Two digits keep the error below one percent, and the histogram small enough
/// for the processor's cache.
const SIGNIFICANT_DIGITS: u8 = 2;

/// The answers of one round: their number, latencies and errors.
#[derive(Debug)]
pub(crate) struct Tally {
    latencies_ns: Histogram<u64>,
    pub(crate) answers: u64,
    pub(crate) wrong: u64,
    /// The first wrong answer, for the report.
    pub(crate) first_wrong: Option<String>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        let latencies_ns = Histogram::new_with_max(nanoseconds(LONGEST), SIGNIFICANT_DIGITS)
            .expect("the bounds are constants that the histogram accepts");
        Self { latencies_ns, answers: 0, wrong: 0, first_wrong: None }
    }

    #[inline]
    pub(crate) fn count(&mut self, latency: Duration) {
        self.answers += 1;
        self.latencies_ns.saturating_record(nanoseconds(latency));
    }

    #[cold]
    pub(crate) fn count_wrong(&mut self, answer: &[u8]) {
        self.wrong += 1;
        if self.first_wrong.is_none() {
            self.first_wrong = Some(answer.escape_ascii().to_string());
        }
    }

    /// The latency that `share` (0 to 1) of the answers did not exceed.
    pub(crate) fn quantile(&self, share: f64) -> Duration {
        Duration::from_nanos(self.latencies_ns.value_at_quantile(share))
    }
}

#[inline]
fn nanoseconds(duration: Duration) -> u64 {
    duration.as_secs() * 1_000_000_000 + u64::from(duration.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within_a_percent(measured: Duration, exact_us: f64) -> bool {
        (measured.as_secs_f64() * 1e6 / exact_us - 1.0).abs() < 0.01
    }

    #[test]
    fn quantiles_are_within_a_percent() {
        let mut tally = Tally::new();
        for us in 1..=1000 {
            tally.count(Duration::from_micros(us));
        }
        assert_eq!(tally.answers, 1000);
        assert!(within_a_percent(tally.quantile(0.5), 500.0));
        assert!(within_a_percent(tally.quantile(0.99), 990.0));
        assert!(within_a_percent(tally.quantile(0.999), 999.0));
    }

    #[test]
    fn a_latency_above_the_limit_counts_as_the_limit() {
        let mut tally = Tally::new();
        tally.count(Duration::from_hours(1));
        assert!(within_a_percent(tally.quantile(1.0), 60e6));
    }

    #[test]
    fn the_first_wrong_answer_is_kept() {
        let mut tally = Tally::new();
        tally.count_wrong(b"MESSAGE FAILED\n");
        tally.count_wrong(b"-ERR\r\n");
        assert_eq!((tally.wrong, tally.first_wrong.as_deref()), (2, Some("MESSAGE FAILED\\n")));
    }
}
