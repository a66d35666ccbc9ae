//! What the commands ask of a server or of a store.

use postroom_store::{AccountId, Call, Outcome};
use postroom_web::{AccountDone, AccountOrder, AccountPage};

use crate::desk::{Desk, DeskError};

impl Desk {
    /// Carries an order out.
    pub(super) fn ask(&mut self, order: AccountOrder) -> Result<AccountDone, DeskError> {
        match self {
            Self::Server(server) => Ok(server.post("/v1/account", &order)?),
            Self::Folder(folder) => {
                let request = order.request().map_err(DeskError::refused)?;
                let outcome = folder.call(request.call())?;
                folder.sweep()?;
                let answer = request.answer(outcome);
                answer.map(Into::into).map_err(|refusal| DeskError::refused(refusal.into()))
            }
        }
    }

    /// A page of accounts and reserved names.
    pub(super) fn accounts(&mut self, from: u32) -> Result<AccountPage, DeskError> {
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
