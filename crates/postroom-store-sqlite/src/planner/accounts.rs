//! What becomes of accounts, by those whose they are and by operators.

use postroom_model::{Blocked, Fault, Name, faulty};
use postroom_store::{
    AccountId, AccountRef, BLOCKED_IN_ALL_MAX, BLOCKED_MAX, Outcome, PasswordHash, PasswordOf,
    Standing,
};

use super::Planner;
use crate::allowed::Allowed;
use crate::index::Undo;
use crate::kept::{KeptChange, Noted};
use crate::operation::Operation;
use crate::state::State;

impl Planner<'_> {
    pub(super) fn set_password(
        &mut self,
        name: &Name,
        password: &PasswordHash,
        of: PasswordOf,
    ) -> Outcome {
        if self.allowed == Allowed::Nothing {
            return Outcome::DiskFull;
        }
        let known = self.index.find(name);
        match (known, of) {
            (Some(id), PasswordOf::New) => {
                return Outcome::AccountExists { name: self.index.account(id).name.clone() };
            }
            (None, PasswordOf::Known) => return Outcome::NoSuchAccount,
            _ => {}
        }
        let before = known.and_then(|id| self.index.account(id).standing());
        match self.known_or_registered(known, name, 1) {
            Ok((account, _)) => {
                if of == PasswordOf::Known && faulty(Fault::SetPasswordNotStored) {
                    self.index.set_password(account, Some(password.clone()));
                } else {
                    self.give_password(account, password);
                }
                Outcome::PasswordSet { name: self.index.account(account).name.clone(), before }
            }
            Err(refusal) => refusal,
        }
    }

    pub(super) fn change_password(
        &mut self,
        account: AccountId,
        from: &PasswordHash,
        to: &PasswordHash,
    ) -> Outcome {
        if self.allowed == Allowed::Nothing {
            return Outcome::DiskFull;
        }
        if self.index.account(account).password.as_ref() != Some(from) {
            return Outcome::PasswordDiffers;
        }
        self.give_password(account, to);
        let name = self.index.account(account).name.clone();
        Outcome::PasswordSet { name, before: Some(Standing::Password) }
    }

    pub(super) fn remove_password(&mut self, name: &Name) -> Outcome {
        if self.allowed == Allowed::Nothing {
            return Outcome::DiskFull;
        }
        let Some(account) = self.index.find(name) else {
            return Outcome::NoSuchAccount;
        };
        let had_password = self.take_password(account);
        if had_password && !faulty(Fault::PasswordRemovalNotStored) {
            self.operations.push(Operation::RemovePassword { account });
        }
        Outcome::PasswordRemoved { name: self.index.account(account).name.clone(), had_password }
    }

    /// Takes the password of an account, if it has one.
    fn take_password(&mut self, account: AccountId) -> bool {
        let password = self.index.account(account).password.clone();
        let had_password = password.is_some();
        if had_password {
            self.index.set_password(account, None);
            self.plan.undo.push(Undo::SetPassword(account, password));
        }
        had_password
    }

    pub(super) fn rename(&mut self, from: &Name, to: &Name) -> Outcome {
        if self.allowed == Allowed::Nothing {
            return Outcome::DiskFull;
        }
        let Some(account) = self.index.find(from) else {
            return Outcome::NoSuchAccount;
        };
        if let Some(other) = self.index.find(to).filter(|other| *other != account) {
            return Outcome::AccountExists { name: self.index.account(other).name.clone() };
        }
        if self.index.reserved_for(to).is_some() {
            return Outcome::NameReserved;
        }
        let is_reserved = from != to && self.index.account(account).password.is_some();
        if is_reserved && self.index.accounts() >= self.limits.accounts_max {
            return Outcome::TooManyAccounts;
        }
        let earlier = self.index.rename(account, to.clone());
        self.plan.undo.push(Undo::Rename(account, earlier.clone()));
        if is_reserved {
            self.index.skip_reserved();
            let reserved = self.index.register_deleted(earlier.clone(), State::Reserved);
            self.plan.undo.push(Undo::Register);
            self.operations.push(Operation::ReserveName { reserved, of: account });
        }
        if !faulty(Fault::RenameNotStored) {
            self.operations.push(Operation::RenameAccount { account, call: self.call, place: 0 });
        }
        // A recipient that was found before this call may have another name.
        self.has_evicted = true;
        Outcome::Renamed { account, from: earlier, is_reserved }
    }

    /// Blocks a sender, or no longer.
    pub(super) fn block(
        &mut self,
        account: &AccountRef,
        sender: &Name,
        is_blocked: bool,
    ) -> Outcome {
        let Some(account) = self.index.resolve(account) else {
            return Outcome::NoSuchAccount;
        };
        match self.set_blocked(account, sender, is_blocked) {
            Ok(is_new) => {
                let (name, sender) = (self.index.account(account).name.clone(), sender.clone());
                Outcome::BlockSet { name, set: Blocked { sender, is_blocked, is_new } }
            }
            Err(refusal) => refusal,
        }
    }

    /// Returns whether it was not so before.
    fn set_blocked(
        &mut self,
        account: AccountId,
        sender: &Name,
        is_blocked: bool,
    ) -> Result<bool, Outcome> {
        if self.allowed == Allowed::Nothing {
            return Err(Outcome::DiskFull);
        }
        if self.index.account(account).password.is_none() {
            return Err(Outcome::HasNoPassword);
        }
        match (self.index.blocks().contains(account, sender), is_blocked) {
            (false, true) => self.add_block(account, sender),
            (true, false) => Ok(self.remove_block(account, sender)),
            _ => Ok(false),
        }
    }

    fn add_block(&mut self, account: AccountId, sender: &Name) -> Result<bool, Outcome> {
        let blocks = self.index.blocks();
        if blocks.count_of(account) >= BLOCKED_MAX || blocks.count() >= BLOCKED_IN_ALL_MAX {
            return Err(Outcome::TooManyBlocked);
        }
        let number = blocks.next_number();
        self.index.block(account, sender.clone(), number);
        self.plan.undo.push(Undo::Block(account, sender.clone()));
        if !faulty(Fault::BlockNotStored) {
            self.operations.push(Operation::InsertBlock { number, account, call: self.call });
        }
        Ok(true)
    }

    fn remove_block(&mut self, account: AccountId, sender: &Name) -> bool {
        let removed = self.index.unblock(account, sender);
        if let Some(number) = removed {
            self.plan.undo.push(Undo::Unblock(account, sender.clone(), number));
            self.operations.push(Operation::DeleteBlock { number });
        }
        removed.is_some()
    }

    pub(super) fn delete(&mut self, name: &Name) -> Outcome {
        if self.allowed == Allowed::Nothing {
            return Outcome::DiskFull;
        }
        let Some(account) = self.index.find(name) else {
            return Outcome::NoSuchAccount;
        };
        let found = self.index.account(account);
        let (name, unread) = (found.name.clone(), found.mailbox.unread());
        let is_reserved = found.password.is_some();
        let posts = self.index.channels.count_by(account);
        self.plan.erases_messages |= unread > 0;
        while let Some(message) = self.index.account(account).mailbox.earliest() {
            self.index.account_mut(account).mailbox.lease();
            self.plan.undo.push(Undo::Lease(account, message));
            self.remove(account, Noted::new(message, false));
        }
        for sender in self.index.blocks().list(account) {
            self.remove_block(account, &sender);
        }
        self.forget_keys(account);
        let channels = self.leave_private(account);
        self.take_password(account);
        self.set_state(account, if is_reserved { State::Reserved } else { State::Released });
        self.plan.deleted_accounts.push(account);
        self.plan.kept.push(KeptChange::Erased(account));
        Outcome::Deleted { account, name, unread, posts, is_reserved, channels }
    }

    pub(super) fn release_name(&mut self, name: &Name) -> Outcome {
        if self.allowed == Allowed::Nothing {
            return Outcome::DiskFull;
        }
        match self.index.reserved_for(name) {
            Some(account) => {
                self.set_state(account, State::Released);
                Outcome::NameReleased
            }
            None => Outcome::NoSuchAccount,
        }
    }

    fn set_state(&mut self, account: AccountId, state: State) {
        let earlier = self.index.set_state(account, state);
        self.plan.undo.push(Undo::State(account, earlier));
        if !faulty(Fault::DeletionNotStored) {
            self.operations.push(Operation::DeleteAccount { account, state });
        }
        // A recipient that was found before this call may be gone.
        self.has_evicted = true;
    }
}
