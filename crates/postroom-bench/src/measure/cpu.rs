//! CPU time of a process, from /proc.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;

/// The CPU time that a process has used so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CpuTime {
    /// Of its live threads, in nanoseconds.
    living: Duration,
    /// Of all its threads, ended ones included, in whole clock ticks.
    all: Duration,
    tick: Duration,
}

impl CpuTime {
    pub(crate) fn of(process: u32) -> anyhow::Result<Self> {
        let gone = || format!("reading the CPU time of process {process}; has it ended?");
        let hertz = rustix::param::clock_ticks_per_second();
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).with_context(gone)?;
        let ticks = parse_stat(&stat)
            .with_context(|| format!("/proc/{process}/stat has an unknown form"))?;
        let mut living = Duration::ZERO;
        for thread in fs::read_dir(format!("/proc/{process}/task")).with_context(gone)? {
            // A thread that has just ended has no file any more.
            let account =
                thread.and_then(|thread| fs::read_to_string(thread.path().join("schedstat")));
            living += account.ok().and_then(|text| parse_schedstat(&text)).unwrap_or_default();
        }
        Ok(Self {
            living,
            all: Duration::from_nanos(ticks * 1_000_000_000 / hertz),
            tick: Duration::from_nanos(1_000_000_000 / hertz),
        })
    }

    /// CPU time used since `earlier`.
    ///
    /// The sum over the live threads is exact unless a thread ended in between,
    /// whose time is then missing. The ticks show that case: they exceed the sum
    /// by more than their rounding.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        let living = self.living.checked_sub(earlier.living);
        let all = self.all.saturating_sub(earlier.all);
        match living {
            Some(living) if all <= living + 2 * self.tick => living,
            Some(_) | None => all,
        }
    }
}

/// Time on the CPU: the first field, in nanoseconds.
fn parse_schedstat(text: &str) -> Option<Duration> {
    text.split_ascii_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// `utime` + `stime` in ticks: fields 14 and 15. Field 2, the program's name in
/// parentheses, may hold anything.
fn parse_stat(text: &str) -> Option<u64> {
    let (_, after_name) = text.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(living_ms: u64, all_ms: u64) -> CpuTime {
        CpuTime {
            living: Duration::from_millis(living_ms),
            all: Duration::from_millis(all_ms),
            tick: Duration::from_millis(10),
        }
    }

    #[test]
    fn fields_are_found_after_any_program_name() {
        let stat = "42 (post) room) 1) S 1 42 42 0 -1 4194560 214 0 0 0 \
                    130 25 7 7 20 0 3 0 100 10000 200";
        assert_eq!(parse_stat(stat), Some(155));
        assert_eq!(parse_stat("42 (short) S 1"), None);
        assert_eq!(parse_schedstat("1500 200 3\n"), Some(Duration::from_nanos(1500)));
        assert_eq!(parse_schedstat(""), None);
    }

    #[test]
    fn the_sum_over_threads_counts_while_the_ticks_agree() {
        assert_eq!(time(1123, 1120).since(time(100, 100)), Duration::from_millis(1023));
        assert_eq!(time(15, 30).since(time(10, 10)), Duration::from_millis(5));
    }

    #[test]
    fn the_ticks_count_once_a_thread_has_ended() {
        assert_eq!(time(50, 500).since(time(100, 100)), Duration::from_millis(400));
        assert_eq!(time(110, 500).since(time(100, 100)), Duration::from_millis(400));
    }

    #[test]
    fn the_work_of_this_process_is_counted() {
        let own = std::process::id();
        let before = CpuTime::of(own).unwrap();
        let mut work = 0_u64;
        let after = loop {
            work = std::hint::black_box(work + 1);
            if work.is_multiple_of(1_000_000) {
                let after = CpuTime::of(own).unwrap();
                if after.since(before) > Duration::ZERO {
                    break after;
                }
            }
        };
        assert!(after.since(before) < Duration::from_mins(1));
    }
}
