//! The operator renames and deletes accounts, and releases their names.

use postroom_engine::{AccountAnswer, AccountCommand, AccountRefusal};
use postroom_model::Name;

use crate::judge::{Change, ChangeId};
use crate::lock::Lock;
use crate::operator::{Rename, What};
use crate::person::{DOOMED, MOVED, pick_aside};
use crate::world::{TroubledDisk, World};

impl<D: TroubledDisk> World<D> {
    pub(super) fn change_accounts(&mut self) {
        if !self.scenario.has_aside {
            return self.change_lock();
        }
        match self.operator.random.below(10) {
            0..4 => self.delete(),
            4..7 => self.rename(),
            _ => self.release(),
        }
    }

    fn delete(&mut self) {
        let name = self.operator.random.pick(&DOOMED);
        if !self.operator.is_busy_with(name) {
            self.begin_change(name, Change::Delete);
        }
    }

    fn release(&mut self) {
        let name = pick_aside(&mut self.operator.random);
        if !self.operator.is_busy_with(name) {
            self.begin_change(name, Change::Release);
        }
    }

    fn rename(&mut self) {
        let (from, to) = (self.operator.random.pick(&MOVED), self.operator.random.pick(&MOVED));
        let locks = self.judge.locks.present(from);
        // Of others it is not certain what moves.
        let is_there = locks.iter().all(|lock| lock.is_of_account());
        let is_busy = self.operator.is_busy_with(from) || self.operator.is_busy_with(to);
        if from == to || !is_there || is_busy {
            return;
        }
        let begun = self.judge.tick();
        let leaves = self.judge.locks.operator_begins(from, Change::Delete);
        let arrives = self.judge.locks.account_arrives(to, &locks);
        let what = What::Rename(Rename { from, to, leaves, arrives });
        let command = AccountCommand::Rename(Name::new(to).expect("a name"));
        self.ask_about(begun, from, command, what);
    }

    /// An account was deleted, and its sessions end.
    pub(super) fn deleted(
        &mut self,
        name: &'static str,
        id: ChangeId,
        begun: u64,
        (unread, is_reserved): (u32, bool),
    ) {
        self.judge.locks.check_had_password(name, is_reserved, begun);
        let at = self.judge.tick();
        self.judge.locks.account_is_gone(name, id, is_reserved, at);
        let times = (begun, at);
        self.judge.mailboxes.is_deleted(&self.judge.texts, name, times, unread);
        self.check_expelled(name);
    }

    pub(super) fn renamed(
        &mut self,
        Rename { from, to, leaves, arrives }: Rename,
        begun: u64,
        answer: &Result<AccountAnswer, AccountRefusal>,
    ) {
        let at = self.judge.tick();
        let locks = &mut self.judge.locks;
        match answer {
            Ok(AccountAnswer::Renamed { is_reserved, .. }) => {
                let is_reserved = *is_reserved;
                locks.check_had_password(from, is_reserved, begun);
                locks.account_is_gone(from, leaves, is_reserved, at);
                locks.operator_is_done(to, arrives, at);
                return self.check_expelled(from);
            }
            Err(AccountRefusal::Exists(_)) => {
                let is_there = |lock: Lock| lock.is_of_account();
                locks.check_operator_refused(to, arrives, begun, is_there);
            }
            Err(AccountRefusal::Reserved(_)) => {
                locks.check_operator_refused(to, arrives, begun, |lock| lock == Lock::Reserved);
            }
            Err(AccountRefusal::TooManyAccounts) => {
                let is_told = self.scenario.limits_accounts();
                assert!(is_told, "{from} is not renamed, and accounts have no limit");
            }
            _ => panic!("{answer:?} answers that {from} is renamed to {to}"),
        }
        self.not_done(What::Rename(Rename { from, to, leaves, arrives }));
    }

    /// What was under way with two names was not done.
    pub(super) fn not_renamed(&mut self, Rename { from, to, leaves, arrives }: Rename) {
        self.judge.locks.operator_is_not_done(from, leaves);
        self.judge.locks.operator_is_not_done(to, arrives);
    }

    /// It was done, or not.
    pub(super) fn may_be_renamed(&mut self, Rename { from, to, leaves, arrives }: Rename, at: u64) {
        self.judge.locks.operator_may_be_done(from, leaves, at);
        self.judge.locks.operator_may_be_done(to, arrives, at);
    }

    /// An account has another name, or is gone: who was logged in is sent away.
    fn check_expelled(&mut self, name: &str) {
        for (peer, link) in self.links.iter().filter(|(_, link)| !link.is_back) {
            let client = &mut self.clients[link.client];
            let talk = client.talk.as_mut().filter(|talk| talk.visit == link.visit);
            let Some(talk) = talk.filter(|talk| talk.name() == name) else {
                continue;
            };
            talk.is_sent_away = true;
            // It may have logged in to a successor by now.
            let was_in = talk.is_in && self.driver.engine.is_running();
            let may_wait = self.driver.waiting(*peer) > 0;
            let stays = was_in && !self.driver.is_closed(*peer) && !may_wait;
            assert!(!stays, "{:?} is logged in as {name}, which is gone", link.visit);
        }
    }
}
