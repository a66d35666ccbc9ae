//! How long things took, counted in fixed buckets.

use std::time::Duration;

/// The upper bounds of the buckets: 1, 2, 5 and so on, from 50 microseconds to 10 seconds.
const BOUNDS_US: [u64; 17] = [
    50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
    1_000_000, 2_000_000, 5_000_000, 10_000_000,
];

/// How many things took how long. To add one is to add to two numbers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Histogram {
    /// Those up to each bound and beyond the one before; the last, beyond all.
    counts: [u64; BOUNDS_US.len() + 1],
    sum_ns: u64,
}

impl Histogram {
    /// Adds `times` things that took so long each.
    pub fn add(&mut self, took: Duration, times: u64) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|bound| bound * 1_000 < ns);
        self.counts[bucket] += times;
        self.sum_ns = self.sum_ns.saturating_add(ns.saturating_mul(times));
    }

    /// The bounds, each with the number of all that took no longer.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> {
        let counts = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        BOUNDS_US.iter().map(|bound| Duration::from_micros(*bound)).zip(counts)
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How long all of them took together.
    #[must_use]
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_all_that_took_no_longer_than_its_bound() {
        let mut histogram = Histogram::default();
        for (took_us, times) in [(0, 1), (50, 1), (51, 2), (10_000_000, 1), (10_000_001, 5)] {
            histogram.add(Duration::from_micros(took_us), times);
        }
        histogram.add(Duration::MAX, 1);
        let buckets: Vec<_> = histogram.buckets().collect();
        assert_eq!(buckets.len(), BOUNDS_US.len());
        let within = |us| {
            let bound = Duration::from_micros(us);
            buckets.iter().find(|(other, _)| *other == bound).map(|(_, count)| *count)
        };
        assert_eq!((within(50), within(100), within(5_000_000)), (Some(2), Some(4), Some(4)));
        assert_eq!((within(10_000_000), histogram.count()), (Some(5), 11));
        assert_eq!(histogram.sum(), Duration::from_nanos(u64::MAX), "it does not overflow");
    }

    #[test]
    fn the_sum_is_that_of_all() {
        let mut histogram = Histogram::default();
        histogram.add(Duration::from_millis(3), 2);
        histogram.add(Duration::from_nanos(1), 1);
        assert_eq!(histogram.sum(), Duration::from_nanos(6_000_001));
    }
}
