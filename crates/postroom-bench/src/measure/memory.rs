//! Resident memory of a process, from /proc.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

use crate::measure::measurement::float;

/// How often a growing process is looked at.
const INTERVAL: Duration = Duration::from_millis(20);

/// Resident memory of a process at one moment, in kilobytes of 1024 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    /// All resident memory, mapped files included.
    pub(crate) vm_rss: u64,
    /// The part without a file behind it: heap and stacks.
    pub(crate) rss_anon: u64,
    /// Anonymous memory, each shared page divided by its number of users.
    pub(crate) pss_anon: Option<u64>,
}

impl Memory {
    pub(crate) fn of(process: u32) -> anyhow::Result<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))
            .with_context(|| format!("reading the memory of process {process}; has it ended?"))?;
        let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok();
        let pss_anon = rollup.and_then(|rollup| field(&rollup, "Pss_Anon"));
        Self::parse(&status, pss_anon)
            .with_context(|| format!("/proc/{process}/status has an unknown form"))
    }

    fn parse(status: &str, pss_anon: Option<u64>) -> Option<Self> {
        Some(Self {
            vm_rss: field(status, "VmRSS")?,
            rss_anon: field(status, "RssAnon")?,
            pss_anon,
        })
    }
}

/// How far the resident memory of a process grows during a round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Growth {
    process: u32,
    before_kb: u64,
    most_kb: u64,
}

impl Growth {
    pub(crate) fn begin(process: u32) -> anyhow::Result<Self> {
        let before_kb = resident_kb(process)?;
        Ok(Self { process, before_kb, most_kb: before_kb })
    }

    /// Looks at the memory until the round is over; a peak between two looks is missed.
    pub(crate) fn watch(&mut self, over: &AtomicBool) -> anyhow::Result<()> {
        while !over.load(Ordering::Relaxed) {
            self.sample()?;
            thread::sleep(INTERVAL);
        }
        Ok(())
    }

    fn sample(&mut self) -> anyhow::Result<()> {
        self.most_kb = self.most_kb.max(resident_kb(self.process)?);
        Ok(())
    }

    /// Megabytes of 1,000,000 bytes, from the beginning to the highest sample.
    pub(crate) fn megabytes(&self) -> f64 {
        float((self.most_kb - self.before_kb) * 1024) / 1e6
    }
}

/// Cheaper than [`Memory::of`], which lets the kernel walk all pages.
fn resident_kb(process: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))
        .with_context(|| format!("reading the memory of process {process}; has it ended?"))?;
    field(&status, "VmRSS").with_context(|| format!("/proc/{process}/status has an unknown form"))
}

/// The number of a line `name:   number kB`.
fn field(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.trim().strip_suffix("kB")?.trim_end().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let status = "Name:\tpostroom\nVmRSS:\t    1660 kB\nRssAnon:\t     112 kB\n";
        let memory = Memory { vm_rss: 1660, rss_anon: 112, pss_anon: Some(99) };
        assert_eq!(Memory::parse(status, Some(99)), Some(memory));
        assert_eq!(field("Pss_Anon:  7 kB\nPss:  9 kB\n", "Pss"), Some(9));
        assert_eq!(Memory::parse("Name:\tpostroom\n", None), None);
    }

    #[test]
    fn this_process_has_memory() {
        let memory = Memory::of(std::process::id()).unwrap();
        assert!(memory.vm_rss >= memory.rss_anon && memory.rss_anon > 0);
    }

    #[test]
    fn growth_is_the_highest_sample_less_the_first() {
        let mut growth = Growth::begin(std::process::id()).unwrap();
        growth.sample().unwrap();
        growth = Growth { before_kb: 1_000, most_kb: 2_000, ..growth };
        assert!((growth.megabytes() - 1.024).abs() < 1e-9);
        growth.sample().unwrap();
        assert!(growth.most_kb >= 2_000);
        assert!(Growth::begin(u32::MAX).is_err());
    }
}
