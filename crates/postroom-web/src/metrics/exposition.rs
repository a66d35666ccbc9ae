//! The text format of Prometheus, version 0.0.4.
//!
//! What is exposed is a copy of plain numbers, made once for each page. A library for
//! metrics would keep atomic numbers of its own, to be counted a second time.

use std::fmt::{Display, Write as _};

use postroom_engine::Tally;
use postroom_model::Histogram;

/// A page of metrics. Names and words of labels are letters, digits, `_`, `.`, `+` and `-`:
/// none needs to be escaped.
#[derive(Debug, Default)]
pub(crate) struct Exposition(String);

impl Exposition {
    pub(crate) fn into_text(self) -> String {
        self.0
    }

    /// A number that never falls while the server runs.
    pub(crate) fn counter(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "counter", help);
        self.sample(name, "", value);
    }

    /// Such a number for each value of a label.
    pub(crate) fn counters<L: Display>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (L, u64)>,
    ) {
        self.family(name, "counter", help);
        for (of, value) in values {
            self.sample(name, &format!("{{{label}=\"{of}\"}}"), value);
        }
    }

    /// Such a number for each kind of something.
    pub(crate) fn tally(&mut self, name: &str, help: &str, label: &str, tally: &Tally) {
        self.counters(name, help, label, tally.iter());
    }

    /// A number that rises and falls.
    pub(crate) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        self.sample(name, "", value);
    }

    /// The same, where it is known.
    pub(crate) fn known_gauge(&mut self, name: &str, help: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.gauge(name, help, value);
        }
    }

    /// How much there is of something, and in a metric of its own (`_max`) how much there
    /// may be.
    pub(crate) fn limited(
        &mut self,
        name: &str,
        help: &str,
        value: impl Display,
        most: impl Display,
    ) {
        self.gauge(name, help, value);
        self.gauge(&format!("{name}_max"), &format!("The limit of {name}"), most);
    }

    /// What is the same as long as the server runs, as words of a label.
    pub(crate) fn info(&mut self, name: &str, help: &str, label: &str, value: &str) {
        self.family(name, "gauge", help);
        self.sample(name, &format!("{{{label}=\"{value}\"}}"), 1);
    }

    /// How long things took, in seconds.
    pub(crate) fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.family(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        for (bound, count) in histogram.buckets() {
            self.sample(&bucket, &format!("{{le=\"{}\"}}", bound.as_secs_f64()), count);
        }
        self.sample(&bucket, "{le=\"+Inf\"}", histogram.count());
        self.sample(&format!("{name}_sum"), "", histogram.sum().as_secs_f64());
        self.sample(&format!("{name}_count"), "", histogram.count());
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // To write to a string does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &str, value: impl Display) {
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn buckets_are_in_seconds_and_each_has_those_before_it() {
        let (mut page, mut histogram) = (Exposition::default(), Histogram::default());
        histogram.add(Duration::from_micros(70), 2);
        histogram.add(Duration::from_secs(20), 1);
        page.histogram("turn_seconds", "Turns", &histogram);
        let text = page.into_text();
        assert!(text.starts_with("# HELP turn_seconds Turns\n# TYPE turn_seconds histogram\n"));
        for line in [
            "turn_seconds_bucket{le=\"0.00005\"} 0\n",
            "turn_seconds_bucket{le=\"0.0001\"} 2\n",
            "turn_seconds_bucket{le=\"10\"} 2\n",
            "turn_seconds_bucket{le=\"+Inf\"} 3\n",
            "turn_seconds_sum 20.00014\n",
            "turn_seconds_count 3\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
