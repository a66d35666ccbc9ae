//! The results of a round, and their medians and ratios.

use std::time::Duration;

use crate::measure::tally::Tally;

/// The results of one round, or the medians of several.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measurement {
    /// Messages a second.
    pub(crate) rate: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) p999_us: f64,
    /// CPU time of the server per message; `None` if its process is unknown.
    pub(crate) server_cpu_us: Option<f64>,
    /// CPU time of the generator per message.
    pub(crate) generator_cpu_us: f64,
    /// CPU time of the generator per second: near 1, the generator was the
    /// bottleneck.
    pub(crate) generator_cores: f64,
}

impl Measurement {
    pub(crate) fn new(
        tally: &Tally,
        elapsed: Duration,
        server_cpu: Option<Duration>,
        generator_cpu: Duration,
    ) -> Self {
        let answers = float(tally.answers);
        Self {
            rate: answers / elapsed.as_secs_f64(),
            p50_us: microseconds(tally.quantile(0.5)),
            p99_us: microseconds(tally.quantile(0.99)),
            p999_us: microseconds(tally.quantile(0.999)),
            server_cpu_us: server_cpu.map(|cpu| microseconds(cpu) / answers),
            generator_cpu_us: microseconds(generator_cpu) / answers,
            generator_cores: generator_cpu.as_secs_f64() / elapsed.as_secs_f64(),
        }
    }

    /// The median of each figure; `None` without rounds.
    pub(crate) fn medians(rounds: &[Self]) -> Option<Self> {
        let of = |figure: fn(&Self) -> f64| median(rounds.iter().map(figure).collect());
        Some(Self {
            rate: of(|round| round.rate)?,
            p50_us: of(|round| round.p50_us)?,
            p99_us: of(|round| round.p99_us)?,
            p999_us: of(|round| round.p999_us)?,
            server_cpu_us: median(rounds.iter().filter_map(|round| round.server_cpu_us).collect()),
            generator_cpu_us: of(|round| round.generator_cpu_us)?,
            generator_cores: of(|round| round.generator_cores)?,
        })
    }

    /// Each figure as a multiple of the other's.
    pub(crate) fn ratio_to(&self, other: &Self) -> Self {
        let server_cpus = self.server_cpu_us.zip(other.server_cpu_us);
        Self {
            rate: self.rate / other.rate,
            p50_us: self.p50_us / other.p50_us,
            p99_us: self.p99_us / other.p99_us,
            p999_us: self.p999_us / other.p999_us,
            server_cpu_us: server_cpus.map(|(own, others)| own / others),
            generator_cpu_us: self.generator_cpu_us / other.generator_cpu_us,
            generator_cores: self.generator_cores / other.generator_cores,
        }
    }
}

/// The middle value, or the mean of the two middle ones.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2)?;
    let lower = values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

/// The smallest of the times that so many percent of them do not exceed.
pub(crate) fn percentile(times: &[Duration], percent: usize) -> Option<Duration> {
    let mut times = times.to_vec();
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).copied()
}

/// A count as a floating-point number.
#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^53")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

pub(crate) fn microseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(rate: f64, server_cpu_us: Option<f64>) -> Measurement {
        Measurement {
            rate,
            p50_us: 10.0,
            p99_us: 20.0,
            p999_us: 30.0,
            server_cpu_us,
            generator_cpu_us: 5.0,
            generator_cores: 0.5,
        }
    }

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-9
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let times: Vec<_> = (1..=10).rev().map(Duration::from_millis).collect();
        let found = [0, 50, 51, 99, 100].map(|percent| percentile(&times, percent));
        assert_eq!(found, [1, 5, 6, 10, 10].map(|ms| Some(Duration::from_millis(ms))));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn each_figure_has_its_own_median() {
        let rounds = [round(1.0, Some(9.0)), round(5.0, Some(7.0)), round(3.0, Some(8.0))];
        let medians = Measurement::medians(&rounds).unwrap();
        assert_eq!(medians, round(3.0, Some(8.0)));
        assert_eq!(Measurement::medians(&[]), None);
    }

    #[test]
    fn a_ratio_is_own_over_other() {
        let ratio = round(300.0, Some(4.0)).ratio_to(&round(200.0, Some(8.0)));
        assert!(close(ratio.rate, 1.5) && close(ratio.p50_us, 1.0));
        assert!(ratio.server_cpu_us.is_some_and(|cpu| close(cpu, 0.5)));
        assert_eq!(round(1.0, None).ratio_to(&round(1.0, Some(1.0))).server_cpu_us, None);
    }

    #[test]
    fn figures_are_for_one_message_and_one_second() {
        let mut tally = Tally::new();
        (0..1000).for_each(|_| tally.count(Duration::from_micros(50)));
        let second = Duration::from_millis(500);
        let cpu = Duration::from_millis(8);
        let figures = Measurement::new(&tally, second, Some(cpu), cpu / 2);
        assert!(close(figures.rate, 2000.0) && close(figures.generator_cpu_us, 4.0));
        assert!(figures.server_cpu_us.is_some_and(|us| close(us, 8.0)));
        assert!((figures.p50_us - 50.0).abs() < 1.0);
        assert!(close(figures.generator_cores, 0.008));
    }
}
