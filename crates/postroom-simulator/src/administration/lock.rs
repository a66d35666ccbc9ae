//! The operator adds accounts, gives and takes passwords, and more that changes what opens an
//! account.

use postroom_engine::{AccountAnswer, AccountCommand, AccountRefusal};
use postroom_store::PasswordHash;

use crate::judge::{Change, ChangeId};
use crate::lock::{Lock, Secret};
use crate::operator::What;
use crate::passwords::cheap_hash;
use crate::world::{TroubledDisk, World};

impl<D: TroubledDisk> World<D> {
    pub(super) fn change_lock(&mut self) {
        let Some(name) = self.operator.pick_account() else {
            return;
        };
        let change = match self.operator.random.below(10) {
            0..2 => Change::Add(self.judge.locks.choose()),
            2..7 => Change::Set(self.judge.locks.choose()),
            _ => Change::Remove,
        };
        self.begin_change(name, change);
    }

    pub(super) fn begin_change(&mut self, name: &'static str, change: Change) {
        let command = match change {
            Change::Add(secret) => AccountCommand::Add(hash(secret)),
            Change::Set(secret) => AccountCommand::SetPassword(hash(secret)),
            Change::Remove => AccountCommand::RemovePassword,
            Change::Delete => AccountCommand::Delete,
            Change::Release => AccountCommand::Release,
        };
        let begun = self.judge.tick();
        if change == Change::Delete {
            self.judge.mailboxes.deletion_begins(name);
        }
        let id = self.judge.locks.operator_begins(name, change);
        self.ask_about(begun, name, command, What::Lock(name, id, change));
    }

    pub(super) fn lock_changed(
        &mut self,
        name: &'static str,
        (id, change): (ChangeId, Change),
        begun: u64,
        answer: &Result<AccountAnswer, AccountRefusal>,
    ) {
        let locks = &mut self.judge.locks;
        match (change, answer) {
            (Change::Add(_), Ok(AccountAnswer::Added { .. }))
            | (Change::Release, Ok(AccountAnswer::Released { .. })) => {}
            (Change::Set(_), Ok(AccountAnswer::PasswordSet { had_password, .. }))
            | (Change::Remove, Ok(AccountAnswer::PasswordRemoved { had_password, .. })) => {
                locks.check_had_password(name, *had_password, begun);
            }
            (Change::Delete, Ok(AccountAnswer::Deleted { unread, is_reserved, .. })) => {
                return self.deleted(name, id, begun, (*unread, *is_reserved));
            }
            (Change::Add(_), Err(AccountRefusal::Exists(_))) => {
                return locks.check_operator_refused(name, id, begun, Lock::is_of_account);
            }
            (Change::Add(_), Err(AccountRefusal::Reserved(_))) => {
                let is_reserved = |lock| lock == Lock::Reserved;
                return locks.check_operator_refused(name, id, begun, is_reserved);
            }
            (Change::Set(_) | Change::Remove, Err(AccountRefusal::Unknown(_)))
            | (Change::Release, Err(AccountRefusal::NotReserved(_))) => {
                return locks.check_change_refused(name, (id, change), begun);
            }
            (Change::Delete, Err(AccountRefusal::Unknown(_))) => {
                self.judge.mailboxes.is_not_deleted(name);
                return locks.check_change_refused(name, (id, change), begun);
            }
            (Change::Add(_), Err(AccountRefusal::TooManyAccounts)) => {
                locks.operator_is_not_done(name, id);
                let is_told = self.scenario.limits_accounts();
                return assert!(is_told, "{name} is not added, and accounts have no limit");
            }
            _ => panic!("{answer:?} answers {change:?} of {name}"),
        }
        let at = self.judge.tick();
        self.judge.locks.operator_is_done(name, id, at);
    }
}

pub(super) fn hash(secret: Secret) -> PasswordHash {
    cheap_hash(&secret.to_string())
}
