//! The operator adds accounts, and gives and takes passwords.

use postroom_engine::{AccountAnswer, AccountCommand, AccountRefusal};
use postroom_store::PasswordHash;

use crate::judge::{Change, ChangeId};
use crate::lock::Secret;
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
        let command = match change {
            Change::Add(secret) => AccountCommand::Add(hash(secret)),
            Change::Set(secret) => AccountCommand::SetPassword(hash(secret)),
            Change::Remove => AccountCommand::RemovePassword,
        };
        let begun = self.judge.tick();
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
            (Change::Add(_), Ok(AccountAnswer::Added { .. })) => {}
            (Change::Set(_), Ok(AccountAnswer::PasswordSet { had_password, .. }))
            | (Change::Remove, Ok(AccountAnswer::PasswordRemoved { had_password, .. })) => {
                locks.check_had_password(name, *had_password, begun);
            }
            (Change::Add(_), Err(AccountRefusal::Exists(_)))
            | (Change::Set(_) | Change::Remove, Err(AccountRefusal::Unknown(_))) => {
                return locks.check_operator_refused(name, (id, change), begun);
            }
            (Change::Add(_), Err(AccountRefusal::TooManyAccounts)) => {
                locks.operator_is_not_done(name, id);
                let is_told = self.scenario.limits_accounts();
                return assert!(is_told, "{name} is not added, and accounts have no limit");
            }
            _ => panic!("{answer:?} answers {change:?} of {name}"),
        }
        let at = self.judge.tick();
        self.judge.locks.operator_is_done(name, id, change, at);
    }
}

fn hash(secret: Secret) -> PasswordHash {
    cheap_hash(&secret.to_string())
}
