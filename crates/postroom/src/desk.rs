//! Where commands are carried out: by the running server, or on the store of a folder that
//! no server uses.

use std::io::{self, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use postroom_store::{
    Call, Completion, KeepRead, Limits, Outcome, Retention, Store as _, StoreFailure, SweepDue,
    Ticket, Timestamp,
};
use postroom_store_sqlite::{Checkpointer, DataFolder, OpenError, SqliteStore};
use postroom_web::{AdminClient, ClientError, Problem};
use thiserror::Error;

use crate::config::Config;
use crate::folder_arguments::FolderArguments;

pub(crate) enum Desk {
    Server(AdminClient),
    Folder(Box<Folder>),
}

/// The store of a folder.
pub(crate) struct Folder {
    pub(crate) store: SqliteStore,
    // Kept until the store is closed, although so few changes never need a checkpoint.
    _checkpointer: Checkpointer,
}

/// Why nothing was done.
#[derive(Debug, Error)]
pub(crate) enum DeskError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreFailure),
    #[error(transparent)]
    Server(#[from] ClientError),
}

impl DeskError {
    /// A running server and a store refuse in the same words.
    pub(crate) fn refused(problem: Problem) -> Self {
        Self::Server(ClientError::Refused(problem))
    }
}

impl Desk {
    /// The desk of the folder of these settings, which the arguments name. Tells how many
    /// damaged records it leaves out: they do not prevent a command.
    pub(crate) fn open(config: &Config, arguments: &FolderArguments) -> Result<Self, DeskError> {
        if let Some(server) = AdminClient::connect(&config.data)? {
            return Ok(Self::Server(server));
        }
        let folder = DataFolder::open_existing(&config.data)?;
        // What is too old, or kept no longer, goes while a server runs: the settings here need
        // not be those of the server.
        let (retention, keep_read) = (Retention::NONE, Some(KeepRead::ALL));
        let limits = Limits { retention, keep_read, ..config.limits() };
        let (mut store, checkpointer) = SqliteStore::open(folder, limits)?;
        tell_of_damage(store.take_damaged().len(), &arguments.hint("check"));
        Ok(Self::Folder(Box::new(Folder { store, _checkpointer: checkpointer })))
    }
}

/// Tells how many damaged records were left out; `check` lists them. A server has told of
/// them in its log.
fn tell_of_damage(damaged: usize, check: &str) {
    if damaged > 0 {
        // The command does not depend on who reads it.
        let _ = writeln!(
            io::stderr(),
            "postroom: {damaged} records of the store are damaged and left out; \
             list them with: {check}"
        );
    }
}

impl Folder {
    /// Makes one call of a store that completes it at once.
    pub(crate) fn call(&mut self, call: Call) -> Result<Outcome, DeskError> {
        let mut completed: Vec<Completion> = Vec::new();
        self.store.submit(Ticket(0), call);
        self.store.settle(now(), &mut completed)?;
        let outcome = completed.pop().and_then(Completion::into_outcome);
        Ok(outcome.expect("this store carries out each call"))
    }

    /// Removes from the disk all that was deleted, as far as the disk allows. What is left
    /// goes when a server runs.
    pub(crate) fn sweep(&mut self) -> Result<(), DeskError> {
        while self.store.sweep_due() == SweepDue::Soon {
            if !matches!(self.call(Call::Sweep { passed_ms: 0 })?, Outcome::Swept(_)) {
                break;
            }
        }
        Ok(())
    }
}

/// The time of day.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
