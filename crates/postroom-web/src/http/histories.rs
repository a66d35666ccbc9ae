//! Reading what channels and accounts keep, on threads that may wait.

use std::sync::{Arc, Mutex, PoisonError};

use postroom_store::{History, HistoryFailure};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Pages that are read at a time.
pub(super) const READERS_MAX: usize = 2;

/// Opens readers of the store of a running server. The program implements it: nothing here
/// knows what the store is.
pub trait HistorySource: Send + Sync + 'static {
    /// Opens one more.
    fn open(&self) -> Result<Box<dyn History + Send>, HistoryFailure>;
}

/// The readers.
pub(super) struct Histories {
    source: Box<dyn HistorySource>,
    idle: Mutex<Vec<Box<dyn History + Send>>>,
    turns: Semaphore,
}

impl Histories {
    pub(super) fn new(source: Box<dyn HistorySource>) -> Self {
        Self { source, idle: Mutex::default(), turns: Semaphore::new(READERS_MAX) }
    }

    /// Reads something of the store; `None` if that was broken off.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&mut (dyn History + Send)) -> Result<T, HistoryFailure> + Send + 'static,
    ) -> Option<Result<T, HistoryFailure>> {
        let _turn = self.turns.acquire().await.ok()?;
        let histories = Arc::clone(self);
        spawn_blocking(move || histories.with(read)).await.ok()
    }

    fn with<T>(
        &self,
        read: impl FnOnce(&mut (dyn History + Send)) -> Result<T, HistoryFailure>,
    ) -> Result<T, HistoryFailure> {
        // Nothing panics while it has the lock.
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let opened = idle().pop();
        let mut reader = match opened {
            Some(reader) => reader,
            None => self.source.open()?,
        };
        // After an error the next page is read by a new one.
        let found = read(&mut *reader)?;
        idle().push(reader);
        Ok(found)
    }
}
