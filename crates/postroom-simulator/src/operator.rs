//! An operator: what it may still do, and which answers it waits for.

use postroom_engine::AdminTicket;
use postroom_store::BackupGuard;

use crate::judge::{BanId, BlockId, Change, ChangeId};
use crate::person::{LOCKED, NEW, OPEN, pick_aside};
use crate::random::Random;
use crate::scenario::{Habits, Scenario};
use crate::texts::ImportId;

/// An operator, and what it waits for.
pub(crate) struct Operator {
    pub(crate) random: Random,
    /// What decides on bans, which there are in a part of the seeds.
    pub(crate) bans: Option<Random>,
    /// What decides on imports, which there are in a part of the seeds.
    pub(crate) imports: Option<Random>,
    /// What decides on backups, which there are in a part of the seeds.
    pub(crate) backups: Option<Random>,
    /// The backups that it waits for, by its questions.
    pub(crate) guards: Vec<(AdminTicket, BackupGuard)>,
    pub(crate) habits: Habits,
    has_aside: bool,
    pub(crate) asked: Vec<Asked>,
}

/// A question or command that is not answered.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) ticket: AdminTicket,
    /// When it was asked.
    pub(crate) begun: u64,
    pub(crate) what: What,
}

/// What it is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// The lock of an account.
    Lock(&'static str, ChangeId, Change),
    /// Whom an account blocks.
    Block(&'static str, BlockId),
    /// The name of an account.
    Rename(Rename),
    /// An account that is imported.
    Import(Import),
    /// Who is banned.
    Ban(BanId),
    /// A backup, before which there was no other one, or there was.
    Backup { is_alone: bool },
    /// All accounts.
    Accounts,
}

/// An import under way: the name, and the change of what opens the account.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Import {
    pub(crate) name: &'static str,
    pub(crate) change: ChangeId,
    pub(crate) id: ImportId,
}

/// A rename under way: the names, and the change of each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rename {
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) leaves: ChangeId,
    pub(crate) arrives: ChangeId,
}

impl What {
    /// Whether it changes this account.
    fn is_of(&self, account: &str) -> bool {
        match self {
            Self::Lock(name, ..) | Self::Block(name, _) | Self::Import(Import { name, .. }) => {
                *name == account
            }
            Self::Rename(Rename { from, to, .. }) => [*from, *to].contains(&account),
            Self::Ban(_) | Self::Backup { .. } | Self::Accounts => false,
        }
    }
}

impl Operator {
    pub(crate) fn new(seed: u64, scenario: &Scenario) -> Self {
        let Scenario { operator: habits, has_aside, .. } = *scenario;
        let bans = habits.bans.then(|| Random::new(seed, 12));
        let imports = habits.imports.then(|| Random::new(seed, 14));
        let backups = habits.backs_up.then(|| Random::new(seed, 16));
        let (random, guards, asked) = (Random::new(seed, 9), Vec::new(), Vec::new());
        Self { random, bans, imports, backups, guards, habits, has_aside, asked }
    }

    /// Whether it waits for no answer.
    pub(crate) fn is_answered(&self) -> bool {
        self.asked.is_empty()
    }

    /// Whether no backup is under way, or waited for.
    pub(crate) fn backs_nothing_up(&self) -> bool {
        let is_backup = |what: &What| matches!(what, What::Backup { .. });
        self.guards.is_empty() && !self.asked.iter().any(|asked| is_backup(&asked.what))
    }

    /// An account that nothing is under way for.
    pub(crate) fn pick_account(&mut self) -> Option<&'static str> {
        let name = match self.random.below(4) {
            _ if self.has_aside && self.random.chance(300) => pick_aside(&mut self.random),
            0 => self.random.pick(&NEW),
            1 => self.random.pick(&OPEN),
            _ => self.random.pick(&LOCKED),
        };
        (!self.is_busy_with(name)).then_some(name)
    }

    /// Whether something is under way for an account.
    pub(crate) fn is_busy_with(&self, name: &str) -> bool {
        self.asked.iter().any(|asked| asked.what.is_of(name))
    }
}
