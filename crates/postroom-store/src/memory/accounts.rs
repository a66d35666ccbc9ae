//! What becomes of accounts in a store in memory, by those whose they are and by operators.

use postroom_model::{Blocked, Fault, Name, faulty};

use crate::{
    ACCOUNTS_PAGE, AccountId, AccountRef, AccountSummary, BLOCKED_MAX, Limits, Outcome,
    PasswordHash, PasswordOf, Standing,
};

use super::books::{Account, Books, Creator};

impl Books {
    /// The account, if it is known.
    pub(super) fn resolve(&self, account: AccountRef) -> Option<AccountId> {
        match account {
            AccountRef::Id(account) => Some(account),
            AccountRef::Name(name) => self.find(&name),
        }
    }

    fn standing(&self, id: AccountId) -> Option<Standing> {
        match self.account(id) {
            Account { is_reserved: true, .. } => Some(Standing::Reserved),
            Account { is_deleted: true, .. } => None,
            Account { password: Some(_), .. } => Some(Standing::Password),
            Account { password: None, .. } => Some(Standing::Open),
        }
    }

    pub(super) fn set_password(
        &mut self,
        name: &Name,
        password: PasswordHash,
        of: PasswordOf,
        creator: Creator<'_>,
    ) -> Outcome {
        let known = self.find(name);
        match (known, of) {
            (Some(id), PasswordOf::New) if !faulty(Fault::AddedTwice) => {
                return Outcome::AccountExists { name: self.name(id).clone() };
            }
            (None, PasswordOf::Known) => return Outcome::NoSuchAccount,
            _ => {}
        }
        let before = known.and_then(|id| self.standing(id));
        match self.find_or_register(name, creator) {
            Ok((id, _)) => {
                self.account_mut(id).password = Some(password);
                Outcome::PasswordSet { name: self.name(id).clone(), before }
            }
            Err(refusal) => refusal,
        }
    }

    pub(super) fn remove_password(&mut self, name: &Name) -> Outcome {
        let Some(id) = self.find(name) else {
            return Outcome::NoSuchAccount;
        };
        let Account { name, password, .. } = self.account_mut(id);
        let had_password = password.take().is_some();
        Outcome::PasswordRemoved { name: name.clone(), had_password }
    }

    pub(super) fn rename(&mut self, from: &Name, to: &Name, limits: Limits) -> Outcome {
        let Some(id) = self.find(from) else {
            return Outcome::NoSuchAccount;
        };
        let other = self.find(to).filter(|other| *other != id);
        if let Some(other) = other {
            return Outcome::AccountExists { name: self.name(other).clone() };
        }
        if self.is_reserved(to) {
            return Outcome::NameReserved;
        }
        let is_reserved = from != to && self.account(id).password.is_some();
        if is_reserved && self.accounts.len() >= limits.accounts_max as usize {
            return Outcome::TooManyAccounts;
        }
        if faulty(Fault::RenameLosesMail) {
            self.account_mut(id).mailbox.clear();
        }
        let earlier = std::mem::replace(&mut self.account_mut(id).name, to.clone());
        self.channels.rename_author(&earlier, to);
        if is_reserved {
            let reserved =
                Account { is_reserved, is_deleted: true, ..Account::new(earlier.clone()) };
            self.accounts.push(reserved);
        }
        Outcome::Renamed { account: id, from: earlier, is_reserved }
    }

    pub(super) fn block(&mut self, account: AccountId, sender: Name, is_blocked: bool) -> Outcome {
        if self.account(account).password.is_none() {
            return Outcome::HasNoPassword;
        }
        let is_new = self.has_blocked(account, &sender) != is_blocked;
        let count = self.blocked.iter().filter(|(of, _)| *of == account).count();
        if is_new && is_blocked && count >= BLOCKED_MAX as usize {
            return Outcome::TooManyBlocked;
        }
        let stays = is_blocked || faulty(Fault::UnblockForgotten);
        self.blocked.retain(|of| *of != (account, sender.clone()) || stays);
        if is_new && is_blocked {
            self.blocked.push((account, sender.clone()));
        }
        let set = Blocked { sender, is_blocked, is_new };
        Outcome::BlockSet { name: self.name(account).clone(), set }
    }

    pub(super) fn delete(&mut self, name: &Name) -> Outcome {
        let Some(id) = self.find(name) else {
            return Outcome::NoSuchAccount;
        };
        let unread = self.unread(id);
        let account = self.account(id);
        let (name, is_reserved) = (account.name.clone(), account.password.is_some());
        if faulty(Fault::DeletionForgotten) {
            let (posts, channels) = (0, Vec::new());
            return Outcome::Deleted { account: id, name, unread, posts, is_reserved, channels };
        }
        self.blocked.retain(|(of, _)| *of != id);
        self.forget_keys(id);
        let account = self.account_mut(id);
        let mut mailbox = std::mem::take(&mut account.mailbox);
        if !faulty(Fault::MailboxInherited) {
            mailbox.clear();
        }
        let deleted = Account::new(name.clone());
        *account = Account { is_deleted: true, is_reserved, mailbox, ..deleted };
        let posts = self.channels.erase_author(&name);
        let channels = self.leave_private(id);
        Outcome::Deleted { account: id, name, unread, posts, is_reserved, channels }
    }

    pub(super) fn is_reserved(&self, name: &Name) -> bool {
        self.accounts.iter().any(|account| account.is_reserved && account.name == *name)
    }

    pub(super) fn release_name(&mut self, name: &Name) -> Outcome {
        let mut accounts = self.accounts.iter_mut();
        match accounts.find(|account| account.is_reserved && account.name == *name) {
            Some(account) => {
                account.is_reserved = false;
                Outcome::NameReleased
            }
            None => Outcome::NoSuchAccount,
        }
    }

    pub(super) fn summaries(&self, AccountId(from): AccountId) -> Outcome {
        let all = u32::try_from(self.accounts.len()).unwrap_or(u32::MAX);
        let to = all.min(from.saturating_add(u32::try_from(ACCOUNTS_PAGE).unwrap_or(u32::MAX)));
        let summary = |id| {
            let standing = self.standing(id)?;
            let unread = self.unread(id);
            let unread = unread.saturating_sub(u32::from(faulty(Fault::UnreadUnlisted)));
            Some(AccountSummary { name: self.name(id).clone(), unread, standing })
        };
        let accounts = (from..to).map(AccountId).filter_map(summary).collect();
        Outcome::Accounts { accounts, next: (to < all).then_some(AccountId(to)) }
    }
}
