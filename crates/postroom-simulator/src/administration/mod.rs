//! What an operator does, who asks and tells the running server something at any moment, while
//! clients act and everything fails.
//!
//! It is one more actor of a simulation. What it does is in a file each; what it learns goes
//! to the judges, which know it from then on. Seeds without an operator keep the judges that
//! know what clients do alone at their full strength.

mod accounts;
mod backup;
mod ban;
mod block;
mod import;
mod kick;
mod listing;
mod lock;
mod settings;

use postroom_engine::{
    AboutAccounts, AccountAnswer, AccountCommand, AccountRefusal, AccountRequest, AdminAnswer,
    AdminRequest, AdminTicket,
};
use postroom_model::Name;

use crate::judge::Change;
use crate::operator::{Asked, What};
use crate::world::{Event, Phase, TroubledDisk, World};

impl<D: TroubledDisk> World<D> {
    /// The operator does something, and plans what it does next.
    pub(crate) fn operate(&mut self) {
        let habits = &mut self.operator.habits;
        if self.phase != Phase::Storm || habits.acts == 0 {
            return;
        }
        habits.acts -= 1;
        let most = habits.wait_micros;
        let wait = self.operator.random.micros(most);
        self.plan(wait, Event::Operate);
        if !self.driver.engine.is_running() {
            return;
        }
        self.is_woken = true;
        if self.operator.bans.as_mut().is_some_and(|random| random.chance(300)) {
            return self.ban_or_lift();
        }
        if self.operator.imports.as_mut().is_some_and(|random| random.chance(150)) {
            return self.import();
        }
        if self.operator.backups.as_mut().is_some_and(|random| random.chance(100)) {
            return self.back_up();
        }
        match self.operator.random.below(12) {
            0..2 => self.kick(),
            2..6 => self.change_lock(),
            6 => self.block(),
            7..9 => self.look(),
            9 => self.read_settings_again(),
            _ => self.change_accounts(),
        }
    }

    /// Asks something that has an answer later.
    fn ask(&mut self, begun: u64, request: AdminRequest, what: What) -> AdminTicket {
        self.note(|| format!("the operator asks {begun}: {request:?}"));
        let ticket = self.driver.ask_as_operator(request);
        self.operator.asked.push(Asked { ticket, begun, what });
        ticket
    }

    /// Asks something about an account.
    fn ask_about(&mut self, begun: u64, name: &str, command: AccountCommand, what: What) {
        let name = Name::new(name).expect("a name");
        self.ask(begun, AdminRequest::Account(AccountRequest { name, command }), what);
    }

    /// Takes what the operator was told.
    pub(crate) fn take_administered(&mut self) {
        for (ticket, answer) in std::mem::take(&mut self.driver.administered) {
            let asked = &mut self.operator.asked;
            let place = asked.iter().position(|asked| asked.ticket == ticket);
            let place = place.unwrap_or_else(|| panic!("{answer:?} answers nothing"));
            let Asked { begun, what, .. } = asked.swap_remove(place);
            self.tally.administered += 1;
            self.note(|| format!("the operator, who asked {begun}, is told {answer:?}"));
            match (what, answer) {
                (_, AdminAnswer::Accounts(about)) => self.about_accounts(what, begun, about),
                (What::Backup { is_alone }, AdminAnswer::Backup(ended)) => {
                    self.backed_up(ticket, (begun, is_alone), ended);
                }
                (What::Ban(id), AdminAnswer::Ban(about)) => self.about_ban(id, about),
                (what, answer) => panic!("{answer:?} answers {what:?}"),
            }
        }
    }

    fn about_accounts(&mut self, what: What, begun: u64, about: AboutAccounts) {
        match about {
            AboutAccounts::Account(answer) => self.account_done(what, begun, answer),
            AboutAccounts::Unavailable => self.not_done(what),
            AboutAccounts::Unknown => self.may_be_done(what),
            AboutAccounts::Accounts { accounts, next } => self.listed(&accounts, next, begun),
        }
    }

    /// The process has ended: nothing more is answered.
    pub(crate) fn operator_is_cut_off(&mut self) {
        self.operator.guards.clear();
        for Asked { what, .. } in std::mem::take(&mut self.operator.asked) {
            self.may_be_done(what);
        }
    }

    fn account_done(
        &mut self,
        what: What,
        begun: u64,
        answer: Result<AccountAnswer, AccountRefusal>,
    ) {
        match (what, answer) {
            (_, Err(AccountRefusal::DiskFull)) => {
                let is_told = self.scenario.store.full > 0;
                assert!(is_told, "the operator is told that the disk is full");
                self.not_done(what);
            }
            (What::Lock(name, id, change), answer) => {
                self.lock_changed(name, (id, change), begun, &answer);
            }
            (What::Import(import), answer) => self.imported(import, begun, &answer),
            (What::Rename(rename), answer) => self.renamed(rename, begun, &answer),
            (What::Block(name, id), answer) => self.blocked(name, id, begun, answer),
            (What::Ban(_) | What::Backup { .. } | What::Accounts, answer) => {
                panic!("{answer:?} answers {what:?}")
            }
        }
    }

    /// It was not carried out.
    fn not_done(&mut self, what: What) {
        match what {
            What::Lock(name, id, change) => {
                if change == Change::Delete {
                    self.judge.mailboxes.is_not_deleted(name);
                }
                self.judge.locks.operator_is_not_done(name, id);
            }
            What::Import(import) => self.not_imported(import),
            What::Rename(rename) => self.not_renamed(rename),
            What::Block(_, id) => self.judge.blocks.is_refused(id),
            What::Ban(id) => self.judge.bans.is_refused(id),
            What::Backup { .. } | What::Accounts => {}
        }
    }

    /// It was carried out, or never is.
    fn may_be_done(&mut self, what: What) {
        let at = self.judge.tick();
        match what {
            What::Lock(name, id, change) => {
                if change == Change::Delete {
                    self.judge.mailboxes.may_be_deleted(name);
                }
                self.judge.locks.operator_may_be_done(name, id, at);
            }
            What::Import(import) => self.may_be_imported(import, at),
            What::Rename(rename) => self.may_be_renamed(rename, at),
            What::Ban(id) => self.judge.bans.may_be_done(id),
            // A block that may be carried out is one that may be.
            What::Block(..) | What::Backup { .. } | What::Accounts => {}
        }
    }
}
