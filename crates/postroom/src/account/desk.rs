//! Where the commands are carried out.

use std::time::{SystemTime, UNIX_EPOCH};

use postroom_model::Name;
use postroom_office::{AccountAnswer, AccountCommand, AccountRequest};
use postroom_store::{
    AccountId, AccountSummary, Call, Completion, Outcome, Store as _, Ticket, Timestamp,
};
use postroom_store_sqlite::{Checkpointer, DataFolder, SqliteStore};

use super::{AccountArguments, AccountError};
use crate::config::Config;

/// The store in which the commands are carried out.
pub(super) struct Desk {
    store: SqliteStore,
    // Kept until the store is closed, although so few changes never need a checkpoint.
    _checkpointer: Checkpointer,
}

impl Desk {
    pub(super) fn open(config: &Config) -> Result<Self, AccountError> {
        let folder = DataFolder::open_existing(&config.data)?;
        let (store, checkpointer) = SqliteStore::open(folder, config.limits())?;
        Ok(Self { store, _checkpointer: checkpointer })
    }

    pub(super) fn ask(
        &mut self,
        arguments: &AccountArguments,
        name: &Name,
        command: AccountCommand,
    ) -> Result<AccountAnswer, AccountError> {
        let request = AccountRequest { name: name.clone(), command };
        let outcome = self.call(request.call())?;
        request.answer(outcome).map_err(|refusal| arguments.refused(&request.command, refusal))
    }

    /// How many damaged records were left out. They do not prevent the commands.
    pub(super) fn damaged(&mut self) -> usize {
        self.store.take_damaged().len()
    }

    /// A page of accounts and reserved names, and where the next one begins.
    pub(super) fn accounts(
        &mut self,
        from: AccountId,
    ) -> Result<(Vec<AccountSummary>, Option<AccountId>), AccountError> {
        match self.call(Call::ListAccounts { from })? {
            Outcome::Accounts { accounts, next } => Ok((accounts, next)),
            outcome => unreachable!("accounts are listed: {outcome:?}"),
        }
    }

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
