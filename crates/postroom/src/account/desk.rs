//! Where the commands are carried out: by the running server, or on the store of a folder
//! that no server uses.

use std::time::{SystemTime, UNIX_EPOCH};

use postroom_store::{AccountId, Call, Completion, Outcome, Store as _, Ticket, Timestamp};
use postroom_store_sqlite::{Checkpointer, DataFolder, SqliteStore};
use postroom_web::{AccountDone, AccountOrder, AccountPage, AdminClient};

use super::AccountError;
use crate::config::Config;

pub(super) enum Desk {
    Server(AdminClient),
    Folder(Box<Folder>),
}

/// The store of a folder.
pub(super) struct Folder {
    store: SqliteStore,
    // Kept until the store is closed, although so few changes never need a checkpoint.
    _checkpointer: Checkpointer,
}

impl Desk {
    pub(super) fn open(config: &Config) -> Result<Self, AccountError> {
        if let Some(server) = AdminClient::connect(&config.data)? {
            return Ok(Self::Server(server));
        }
        let folder = DataFolder::open_existing(&config.data)?;
        let (store, checkpointer) = SqliteStore::open(folder, config.limits())?;
        Ok(Self::Folder(Box::new(Folder { store, _checkpointer: checkpointer })))
    }

    /// Carries an order out.
    pub(super) fn ask(&mut self, order: AccountOrder) -> Result<AccountDone, AccountError> {
        match self {
            Self::Server(server) => Ok(server.post("/v1/account", &order)?),
            Self::Folder(folder) => {
                let request = order.request().map_err(AccountError::refused)?;
                let outcome = folder.call(request.call())?;
                let answer = request.answer(outcome);
                answer.map(Into::into).map_err(|refusal| AccountError::refused(refusal.into()))
            }
        }
    }

    /// How many damaged records were left out. They do not prevent the commands. A server
    /// has told of them in its log.
    pub(super) fn damaged(&mut self) -> usize {
        match self {
            Self::Server(_) => 0,
            Self::Folder(folder) => folder.store.take_damaged().len(),
        }
    }

    /// A page of accounts and reserved names.
    pub(super) fn accounts(&mut self, from: u32) -> Result<AccountPage, AccountError> {
        match self {
            Self::Server(server) => Ok(server.get(&format!("/v1/accounts?from={from}"))?),
            Self::Folder(folder) => {
                match folder.call(Call::ListAccounts { from: AccountId(from) })? {
                    Outcome::Accounts { accounts, next } => Ok(AccountPage {
                        accounts: accounts.into_iter().map(Into::into).collect(),
                        next: next.map(|next| next.0),
                    }),
                    outcome => unreachable!("accounts are listed: {outcome:?}"),
                }
            }
        }
    }
}

impl Folder {
    /// Makes one call of a store that completes it at once.
    fn call(&mut self, call: Call) -> Result<Outcome, AccountError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut completed: Vec<Completion> = Vec::new();
        self.store.submit(Ticket(0), call);
        let now = Timestamp(u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
        self.store.settle(now, &mut completed)?;
        let outcome = completed.pop().and_then(Completion::into_outcome);
        Ok(outcome.expect("this store carries out each call"))
    }
}
