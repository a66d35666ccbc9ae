//! Backups, which the store makes.

use postroom_store::{Backup, BackupToken, NotBackedUp, Store};

use crate::Office;

impl<S: Store> Office<S> {
    /// Begins a backup, see [`Store::begin_backup`].
    pub fn begin_backup(&mut self, token: BackupToken) -> Result<(), NotBackedUp> {
        self.store.begin_backup(token)
    }

    /// Lets the next job copy a part of it, if no job is under way; returns whether it does.
    pub fn continue_backup(&mut self) -> bool {
        let is_free = !self.has_job();
        if is_free {
            self.store.continue_backup();
        }
        is_free
    }

    /// What the backup came to, once it has ended.
    pub fn take_backup(&mut self) -> Option<Result<Backup, NotBackedUp>> {
        self.store.take_backup()
    }

    /// Whether a job of the store has not come back.
    pub fn has_job(&self) -> bool {
        self.jobs_under_way > 0
    }
}
