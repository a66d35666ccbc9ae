//! Kills, and the restarts after them, by the path on which the killed server committed.

use std::fmt;
use std::time::Duration;

use super::COMMITS;

/// What happened on one commit path, or on all of them.
#[derive(Clone, Debug, Default)]
struct Row {
    kills: u64,
    /// Messages and posts together.
    acknowledged: u64,
    /// From the start of the process after a kill until it is ready.
    ready: Vec<Duration>,
}

/// What happened, by commit path.
#[derive(Debug, Default)]
pub(super) struct Tally([Row; COMMITS.len()]);

impl Tally {
    /// Counts a kill of a server that ran on this path of [`COMMITS`] and had acknowledged so much, and
    /// how long the next server took until it was ready.
    pub(super) fn killed(&mut self, path: usize, acknowledged: u64, ready: Duration) {
        let row = &mut self.0[path];
        row.kills += 1;
        row.acknowledged += acknowledged;
        row.ready.push(ready);
    }

    fn in_all(&self) -> Row {
        let mut all = Row::default();
        for row in &self.0 {
            all.kills += row.kills;
            all.acknowledged += row.acknowledged;
            all.ready.extend(&row.ready);
        }
        all
    }
}

/// A table. Its losses are none, since the first one ends the test with a panic.
impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "| commits | kills | acknowledged | lost | ready p50 ms | p99 ms | worst ms |\n\
             |---|---:|---:|---:|---:|---:|---:|"
        )?;
        let all = self.in_all();
        let paths = COMMITS.iter().map(|(name, _)| *name);
        for (path, row) in paths.zip(&self.0).chain([("in all", &all)]) {
            let Row { kills, acknowledged, ready } = row;
            let [p50, p99, worst] = [50, 99, 100].map(|percent| percentile_ms(ready, percent));
            writeln!(
                formatter,
                "| {path} | {kills} | {acknowledged} | 0 | {p50:.1} | {p99:.1} | {worst:.1} |"
            )?;
        }
        Ok(())
    }
}

/// The smallest of the times that so many percent of them do not exceed.
fn percentile_ms(times: &[Duration], percent: usize) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    let rank = (times.len() * percent).div_ceil(100).max(1);
    times.get(rank - 1).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

#[test]
fn kills_are_counted_by_commit_path_and_in_all() {
    let mut tally = Tally::default();
    for ms in 1..=100 {
        tally.killed(0, 2, Duration::from_millis(ms));
    }
    tally.killed(2, 7, Duration::from_millis(500));
    let table = tally.to_string();
    let rows: Vec<_> = table.lines().skip(2).collect();
    assert_eq!(
        rows,
        [
            "| inline | 100 | 200 | 0 | 50.0 | 99.0 | 100.0 |",
            "| thread | 0 | 0 | 0 | 0.0 | 0.0 | 0.0 |",
            "| auto | 1 | 7 | 0 | 500.0 | 500.0 | 500.0 |",
            "| in all | 101 | 207 | 0 | 51.0 | 100.0 | 500.0 |",
        ]
    );
}
