//! Backups: copies of everything that a store keeps.

use std::fmt;
use std::io::Read;
use std::sync::{Arc, Weak};

use thiserror::Error;

/// A copy of everything that a store kept at one moment.
pub struct Backup {
    /// Its length in bytes.
    pub bytes: u64,
    /// Gives the copy from its beginning to its end.
    pub content: Box<dyn Read + Send>,
}

impl fmt::Debug for Backup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Backup").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// Kept by whoever waits for a backup, and then reads it. Its drop cancels the backup.
#[derive(Debug)]
pub struct BackupGuard(#[expect(dead_code, reason = "its drop is what counts")] Arc<()>);

/// Tells a store whether a backup is still wanted.
#[derive(Clone, Debug)]
pub struct BackupToken(Weak<()>);

impl BackupGuard {
    /// A guard, and the token by which a store knows that it is gone.
    #[must_use]
    pub fn new() -> (Self, BackupToken) {
        let guard = Arc::new(());
        let token = BackupToken(Arc::downgrade(&guard));
        (Self(guard), token)
    }
}

impl BackupToken {
    /// Whether the guard is gone.
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        self.0.strong_count() == 0
    }
}

impl PartialEq for BackupToken {
    /// Whether both are of one guard.
    fn eq(&self, other: &Self) -> bool {
        Weak::ptr_eq(&self.0, &other.0)
    }
}

/// Why there is no backup. The store is as it was.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum NotBackedUp {
    /// This kind of store makes none.
    #[error("this store makes no backups")]
    Unsupported,
    /// There is one at a time.
    #[error("another backup is being made or sent; try again when it has ended")]
    UnderWay,
    /// The copy needs room beside the store.
    #[error(
        "the disk of the data folder has no room for a copy of the store beside it and the \
         reserve (disk.reserve_bytes); make room"
    )]
    DiskFull,
    /// Nobody waits for it any more.
    #[error("nobody waits for the backup any more")]
    Canceled,
    /// Something could not be read or written.
    #[error("cannot copy the store: {0}")]
    Failed(String),
}
