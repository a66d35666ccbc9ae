//! The operator imports accounts, with messages and blocks that they had elsewhere.

use std::sync::Arc;
use std::time::Duration;

use postroom_engine::{AccountAnswer, AccountCommand, AccountRefusal};
use postroom_model::{Name, Text};
use postroom_store::{ImportedMessage, Timestamp};

use super::lock::hash;
use crate::judge::Change;
use crate::lock::Lock;
use crate::operator::{Import, What};
use crate::person::{LOCKED, NEW, OPEN, STRANGER, is_aside, pick_aside};
use crate::random::Random;
use crate::texts::ImportId;
use crate::world::{TroubledDisk, World};

/// Messages of an import, at most.
const MESSAGES_MAX: usize = 6;
/// Seconds since a message was stored elsewhere.
const AGES: [u64; 3] = [0, 60, 400 * 24 * 60 * 60];

impl<D: TroubledDisk> World<D> {
    pub(super) fn import(&mut self) {
        let Some(mut random) = self.operator.imports.take() else {
            return;
        };
        let has_aside = self.scenario.has_aside && random.chance(500);
        let name = if has_aside { pick_aside(&mut random) } else { random.pick(&NEW) };
        if !self.operator.is_busy_with(name) {
            self.begin_import(name, &mut random);
        }
        self.operator.imports = Some(random);
    }

    fn begin_import(&mut self, name: &'static str, random: &mut Random) {
        let secret = self.judge.locks.choose();
        let begun = self.judge.tick();
        let change = self.judge.locks.operator_begins(name, Change::Add(secret));
        let id = self.judge.import_begins();
        let import = postroom_store::Import {
            password: hash(secret),
            blocked: self.import_blocks((id, name), begun, random),
            messages: (0..random.below(MESSAGES_MAX + 1))
                .map(|_| self.import_message((id, name), random))
                .collect(),
        };
        let command = AccountCommand::Import(Arc::new(import));
        self.ask_about(begun, name, command, What::Import(Import { name, change, id }));
    }

    fn import_message(
        &mut self,
        (id, name): (ImportId, &'static str),
        random: &mut Random,
    ) -> ImportedMessage {
        let sender = match random.below(5) {
            0 => STRANGER,
            1 => random.pick(&LOCKED),
            2 if self.scenario.has_aside => pick_aside(random),
            _ => random.pick(&OPEN),
        };
        let (Timestamp(now), age) = (self.driver.wall, Duration::from_secs(random.pick(&AGES)));
        // Where there was no sweep yet, the clock of a retention begins at the latest record,
        // and would be days behind.
        let has_retention = self.scenario.rules.limits.retention.is_on();
        let age = if has_retention { age.min(Duration::from_mins(30)) } else { age };
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        // The clock of another machine may be ahead.
        let is_ahead = random.chance(100);
        let stored = if is_ahead { now.saturating_add(age) } else { now.saturating_sub(age) };
        let stored = Timestamp(stored);
        let said = self.judge.import_text(id, (sender, name), stored, random);
        ImportedMessage {
            sender: Name::new(sender).expect("a name"),
            stored,
            text: Text::from_bytes(said.as_bytes()).expect("a text"),
        }
    }

    fn import_blocks(
        &mut self,
        (id, name): (ImportId, &'static str),
        begun: u64,
        random: &mut Random,
    ) -> Vec<Name> {
        // Whom an account blocks is gone with it, and moves with its name.
        let senders = if is_aside(name) { &[] } else { &OPEN[..] };
        let mut blocked = Vec::new();
        for sender in senders.iter().filter(|_| random.chance(250)) {
            self.judge.import_block(id, (name, sender), begun);
            blocked.push(Name::new(sender).expect("a name"));
        }
        blocked
    }

    pub(super) fn imported(
        &mut self,
        import: Import,
        begun: u64,
        answer: &Result<AccountAnswer, AccountRefusal>,
    ) {
        let Import { name, change, id } = import;
        let locks = &mut self.judge.locks;
        match answer {
            Ok(AccountAnswer::Imported { blocked, messages, .. }) => {
                let at = self.judge.tick();
                self.judge.locks.operator_is_done(name, change, at);
                self.judge.is_imported(id, name, (*messages, *blocked), at);
            }
            Err(AccountRefusal::Exists(_)) => {
                locks.check_operator_refused(name, change, begun, Lock::is_of_account);
                self.judge.is_not_imported(id);
            }
            Err(AccountRefusal::Reserved(_)) => {
                let is_reserved = |lock| lock == Lock::Reserved;
                locks.check_operator_refused(name, change, begun, is_reserved);
                self.judge.is_not_imported(id);
            }
            Err(AccountRefusal::MailboxTooSmall { capacity }) => {
                locks.operator_is_not_done(name, change);
                self.judge.check_import_too_large(id, name, begun, *capacity);
            }
            Err(AccountRefusal::TooManyAccounts) => {
                let is_told = self.scenario.limits_accounts();
                assert!(is_told, "{name} is not imported, and accounts have no limit");
                self.not_imported(import);
            }
            _ => panic!("{answer:?} answers an import of {name}"),
        }
    }

    pub(super) fn not_imported(&mut self, Import { name, change, id }: Import) {
        self.judge.locks.operator_is_not_done(name, change);
        self.judge.is_not_imported(id);
    }

    /// It was done, or not.
    pub(super) fn may_be_imported(&mut self, Import { name, change, .. }: Import, at: u64) {
        self.judge.locks.operator_may_be_done(name, change, at);
    }
}
