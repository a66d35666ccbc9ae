//! Accounts whose records are damaged or missing.

use std::hash::BuildHasher as _;

use postroom_model::Name;
use postroom_store::{AccountId, PasswordHash};

use super::{Account, Index};

impl Index {
    /// Adds an account whose record is damaged, so that its messages keep an owner
    /// and a sender. Nobody can log in to it, and no one is found by its name until
    /// [`name_damaged`](Self::name_damaged).
    pub(crate) fn register_damaged(&mut self) -> AccountId {
        let id = AccountId(self.len());
        let password = Some(PasswordHash::unusable());
        self.accounts.push(Account::new(stand_in(id), password));
        id
    }

    /// Leaves out a number, which no account has had as far as is known.
    pub(crate) fn add_gap(&mut self) {
        let gap = self.register_damaged();
        self.gaps.insert(gap);
    }

    /// A record names this account. If its number was a gap, the account is lost: from
    /// now on it is a damaged one.
    pub(crate) fn end_gap(&mut self, id: AccountId) -> bool {
        let was_gap = !self.gaps.is_empty() && self.gaps.remove(&id);
        if was_gap {
            self.name_damaged(id);
        }
        was_gap
    }

    /// Lets a damaged account be found by its stand-in name, unless another account
    /// bears that: so no one can register it, and its owner can be given a password.
    pub(crate) fn name_damaged(&mut self, id: AccountId) {
        if self.find(&self.account(id).name).is_none() {
            let (accounts, hasher) = (&self.accounts, &self.hasher);
            let hash = |id: &AccountId| hasher.hash_one(&accounts[id.0 as usize].name);
            self.by_name.insert_unique(hash(&id), id, hash);
        }
    }
}

/// The name of an account whose own is damaged.
pub(crate) fn stand_in(id: AccountId) -> Name {
    let name = Name::new(&format!("damaged-account-{}", id.0));
    name.expect("short, of letters, digits and hyphens")
}
