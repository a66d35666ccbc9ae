//! What the index lists.

use postroom_store::{ACCOUNTS_PAGE, AccountId, AccountRef, AccountSummary, Outcome, Standing};

use super::Index;

impl Index {
    /// As many accounts and reserved names as a page holds.
    pub(crate) fn summaries(&self, AccountId(from): AccountId) -> Outcome {
        let page = u32::try_from(ACCOUNTS_PAGE).unwrap_or(u32::MAX);
        let to = self.len().min(from.saturating_add(page));
        let summary = |id| {
            let account = self.account(id);
            let standing = account.standing().filter(|_| !self.gaps.contains(&id))?;
            // What was handed out when the account was deleted is nobody's.
            let is_account = standing != Standing::Reserved;
            let unread = if is_account { account.mailbox.unread() } else { 0 };
            let name = account.name.clone();
            Some(AccountSummary { name, unread, standing })
        };
        let accounts = (from..to).map(AccountId).filter_map(summary).collect();
        Outcome::Accounts { accounts, next: (to < self.len()).then_some(AccountId(to)) }
    }

    pub(crate) fn list_blocked(&self, account: &AccountRef) -> Outcome {
        match self.resolve(account) {
            Some(account) => Outcome::BlockedNames(self.blocks.list(account)),
            None => Outcome::NoSuchAccount,
        }
    }
}
