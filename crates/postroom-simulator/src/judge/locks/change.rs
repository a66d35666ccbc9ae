//! What operators do with the locks of accounts.

use crate::lock::{Lock, Secret};

use super::Locks;

/// One act of an operator.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ChangeId(u64);

/// What an operator does with the lock of an account.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    /// Adds the account, with a password.
    Add(Secret),
    /// Gives it a password, or another one.
    Set(Secret),
    /// Removes its password.
    Remove,
}

impl Change {
    /// Whether it can be carried out where this lock is in force.
    fn applies_to(self, lock: Lock) -> bool {
        match self {
            Self::Add(_) => lock == Lock::Absent,
            Self::Set(_) | Self::Remove => lock.is_of_account(),
        }
    }

    /// The locks of which it puts one into force.
    fn locks(self) -> Vec<Lock> {
        match self {
            Self::Add(secret) | Self::Set(secret) => vec![Lock::Password(secret)],
            Self::Remove => vec![Lock::Open],
        }
    }
}

impl Locks {
    /// An operator begins an act.
    pub(crate) fn operator_begins(&mut self, name: &'static str, change: Change) -> ChangeId {
        self.changes += 1;
        let id = ChangeId(self.changes);
        let is_possible = self.present(name).into_iter().any(|lock| change.applies_to(lock));
        if let Some(account) = self.of.get_mut(name).filter(|_| is_possible) {
            account.begin(Some(id), &change.locks());
        }
        id
    }

    /// An act was carried out.
    pub(crate) fn operator_is_done(&mut self, name: &str, id: ChangeId, change: Change, at: u64) {
        let present = self.present(name);
        let account = self.of.get_mut(name).filter(|account| account.place(id).is_some());
        let account =
            account.unwrap_or_else(|| panic!("{change:?} of {name}, which is {present:?}"));
        account.is_done(id, |_| true, at);
    }

    /// An act that was begun at this moment was carried out, and there was a password before,
    /// or none.
    pub(crate) fn check_had_password(&self, name: &str, had_password: bool, begun: u64) {
        let fits = |lock| match lock {
            Lock::Password(_) => had_password,
            Lock::Open => !had_password,
            Lock::Absent => false,
        };
        let is_possible = self.possible(name, begun).any(|possible| fits(possible.lock));
        assert!(
            is_possible,
            "{name} had a password: {had_password}, is told, and was {:?}",
            self.present(name)
        );
    }

    /// An act that was begun at this moment is refused for what the account is.
    pub(crate) fn check_operator_refused(
        &mut self,
        name: &str,
        (id, change): (ChangeId, Change),
        begun: u64,
    ) {
        self.operator_is_not_done(name, id);
        let is_right = self.possible(name, begun).any(|of| !change.applies_to(of.lock));
        assert!(is_right, "{change:?} is refused for {name}, which is {:?}", self.present(name));
    }

    /// An act was not carried out.
    pub(crate) fn operator_is_not_done(&mut self, name: &str, id: ChangeId) {
        if let Some(account) = self.of.get_mut(name) {
            account.is_not_done(id);
        }
    }

    /// An act was carried out before this moment, or never is.
    pub(crate) fn operator_may_be_done(&mut self, name: &str, id: ChangeId, at: u64) {
        if let Some(account) = self.of.get_mut(name) {
            account.may_be_done(id, at);
        }
    }
}
