//! Resident memory of a process, from /proc.

use std::fs;

use anyhow::Context as _;

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
}
