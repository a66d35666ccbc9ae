//! What operators do with the locks of accounts.

use postroom_store::Standing;

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
    /// Deletes it, or gives it another name.
    Delete,
    /// Releases its name.
    Release,
}

impl Change {
    /// Whether it can be carried out where this lock is in force.
    fn applies_to(self, lock: Lock) -> bool {
        match self {
            Self::Add(_) => lock == Lock::Absent,
            Self::Set(_) | Self::Remove | Self::Delete => lock.is_of_account(),
            Self::Release => lock == Lock::Reserved,
        }
    }

    /// The locks of which it puts one into force.
    fn locks(self) -> Vec<Lock> {
        match self {
            Self::Add(secret) | Self::Set(secret) => vec![Lock::Password(secret)],
            Self::Remove => vec![Lock::Open],
            Self::Delete => vec![Lock::Reserved, Lock::Absent],
            Self::Release => vec![Lock::Absent],
        }
    }
}

impl Locks {
    /// An operator who asked at this moment is told that these accounts and reserved names are
    /// all.
    pub(crate) fn check_list(&self, listed: &[(&str, Standing)], begun: u64) {
        for (number, (name, standing)) in listed.iter().enumerate() {
            let is_new = listed[..number].iter().all(|(other, _)| other != name);
            assert!(is_new, "{name} is listed twice");
            let fits = |lock| match lock {
                Lock::Absent => false,
                Lock::Reserved => *standing == Standing::Reserved,
                Lock::Open => *standing == Standing::Open,
                Lock::Password(_) => *standing == Standing::Password,
            };
            let is_possible = self.possible(name, begun).any(|of| fits(of.lock));
            let present = self.present(name);
            assert!(is_possible, "{name} is listed as {standing:?}, and is {present:?}");
        }
        for name in self.of.keys() {
            let is_certain = self.possible(name, begun).all(|of| of.lock != Lock::Absent);
            let is_listed = listed.iter().any(|(other, _)| other == name);
            assert!(is_listed || !is_certain, "{name} is not among {listed:?}");
        }
    }

    /// An operator begins an act.
    pub(crate) fn operator_begins(&mut self, name: &'static str, change: Change) -> ChangeId {
        self.change(name, &change.locks(), |lock| change.applies_to(lock))
    }

    /// An operator begins to give an account with one of these locks this name.
    pub(crate) fn account_arrives(&mut self, name: &'static str, locks: &[Lock]) -> ChangeId {
        self.change(name, locks, |lock| lock == Lock::Absent)
    }

    fn change(
        &mut self,
        name: &'static str,
        locks: &[Lock],
        applies_to: impl Fn(Lock) -> bool,
    ) -> ChangeId {
        self.changes += 1;
        let id = ChangeId(self.changes);
        let is_possible = self.present(name).into_iter().any(applies_to);
        if let Some(account) = self.of.get_mut(name).filter(|_| is_possible) {
            account.begin(Some(id), locks);
        }
        id
    }

    /// An act was carried out.
    pub(crate) fn operator_is_done(&mut self, name: &str, id: ChangeId, at: u64) {
        self.is_done(name, id, |_| true, at);
    }

    /// An account was deleted or renamed, and its name is reserved, or is not.
    pub(crate) fn account_is_gone(&mut self, name: &str, id: ChangeId, is_reserved: bool, at: u64) {
        let lock = if is_reserved { Lock::Reserved } else { Lock::Absent };
        self.is_done(name, id, |first| first == lock, at);
    }

    fn is_done(&mut self, name: &str, id: ChangeId, locks: impl Fn(Lock) -> bool, at: u64) {
        let present = self.present(name);
        let account = self.of.get_mut(name).filter(|account| account.place(id).is_some());
        let account = account.unwrap_or_else(|| panic!("{name} is changed, and is {present:?}"));
        account.is_done(id, locks, at);
    }

    /// An act that was begun at this moment was carried out, and there was a password before,
    /// or none.
    pub(crate) fn check_had_password(&self, name: &str, had_password: bool, begun: u64) {
        let fits = |lock| match lock {
            Lock::Password(_) => had_password,
            Lock::Open => !had_password,
            Lock::Absent | Lock::Reserved => false,
        };
        let is_possible = self.possible(name, begun).any(|possible| fits(possible.lock));
        assert!(
            is_possible,
            "{name} had a password: {had_password}, is told, and was {:?}",
            self.present(name)
        );
    }

    /// An act that was begun at this moment is refused, for what the account is.
    pub(crate) fn check_change_refused(
        &mut self,
        name: &str,
        (id, change): (ChangeId, Change),
        begun: u64,
    ) {
        self.check_operator_refused(name, id, begun, |lock| !change.applies_to(lock));
    }

    /// The same, for one of these locks.
    pub(crate) fn check_operator_refused(
        &mut self,
        name: &str,
        id: ChangeId,
        begun: u64,
        is_reason: impl Fn(Lock) -> bool,
    ) {
        self.operator_is_not_done(name, id);
        let is_right = self.possible(name, begun).any(|of| is_reason(of.lock));
        assert!(is_right, "a change of {name} is refused, which is {:?}", self.present(name));
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
