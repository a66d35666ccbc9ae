//! The floor of a disk: what an fdatasync costs without a server.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;

use crate::measure::rounds::Load;
use crate::measure::tally::Tally;

/// Bytes written before each sync: a page.
const PAGE: [u8; 4096] = [b'x'; 4096];

/// Where each page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Over an existing page, as in a log that is reused.
    Over,
    /// After the last page, so that the file grows.
    Behind,
}

impl Place {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Over => "rewrite",
            Self::Behind => "append",
        }
    }
}

/// A file that is written and synced page by page. It is unlinked at once, so
/// nothing is left behind.
#[derive(Debug)]
pub(crate) struct Syncs {
    file: File,
    place: Place,
    count: u32,
}

impl Syncs {
    /// In `folder`; a round is `count` syncs.
    pub(crate) fn new(folder: &Path, place: Place, count: u32) -> anyhow::Result<Self> {
        let path = folder.join(format!("postroom-bench-{}-sync", std::process::id()));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .with_context(|| format!("creating {}", path.display()))?;
        fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        let syncs = Self { file, place, count };
        if place == Place::Over {
            for page in 0..count {
                syncs.write(page)?;
            }
            syncs.file.sync_all().context("preparing the file")?;
        }
        Ok(syncs)
    }

    fn write(&self, page: u32) -> anyhow::Result<()> {
        let offset = u64::from(page) * PAGE.len() as u64;
        self.file.write_all_at(&PAGE, offset).context("writing a page")
    }
}

impl Load for Syncs {
    fn run(&mut self) -> anyhow::Result<Tally> {
        if self.place == Place::Behind {
            self.file.set_len(0).context("emptying the file")?;
            self.file.sync_all().context("emptying the file")?;
        }
        let mut tally = Tally::new();
        for page in 0..self.count {
            let begin = Instant::now();
            self.write(page)?;
            self.file.sync_data().context("syncing the file")?;
            tally.count(begin.elapsed());
        }
        Ok(tally)
    }

    fn end(self: Box<Self>) -> anyhow::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sync_counts_and_no_file_is_left() {
        let folder = std::env::temp_dir().join(format!("postroom-bench-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        for place in [Place::Over, Place::Behind] {
            let mut syncs = Syncs::new(&folder, place, 3).unwrap();
            let answers = [(); 2].map(|()| syncs.run().unwrap().answers);
            assert_eq!(answers, [3, 3]);
            assert_eq!(syncs.file.metadata().unwrap().len(), 3 * PAGE.len() as u64);
        }
        // Fails unless the folder is empty.
        fs::remove_dir(&folder).unwrap();
    }
}
