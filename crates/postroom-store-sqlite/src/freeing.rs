//! Freeing the blocks of files that have no name and that nobody wants any more.
//!
//! The file system does so when the last descriptor is closed, which takes so long for a
//! large file that it would stall commits. So a thread has to close it.

use std::fmt;
use std::fs::File;
use std::sync::Arc;

/// Bytes of a file that are freed at a time: 64 MiB.
const FREED_BYTES: u64 = 64 << 20;

/// Takes the last descriptors of such files.
#[derive(Clone)]
pub(crate) struct Freeing(Arc<dyn Fn(File) + Send + Sync>);

impl Freeing {
    /// Hands the files over with this function.
    pub(crate) fn new(take: impl Fn(File) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }

    pub(crate) fn free(&self, file: File) {
        (self.0)(file);
    }
}

impl fmt::Debug for Freeing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Freeing").finish_non_exhaustive()
    }
}

/// Frees a part of a file; returns it unless nothing, or little, was left.
pub(crate) fn free_part(file: File) -> Option<File> {
    let left = file.metadata().ok()?.len().checked_sub(FREED_BYTES)?;
    file.set_len(left).ok()?;
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_file_is_freed_a_part_at_a_time() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(FREED_BYTES + 1).unwrap();
        let rest = free_part(file.try_clone().unwrap()).unwrap();
        assert_eq!(file.metadata().unwrap().len(), 1);
        assert!(free_part(rest).is_none());
    }
}
