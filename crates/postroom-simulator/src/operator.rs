//! An operator: what it may still do, and which answers it waits for.

use postroom_engine::AdminTicket;

use crate::judge::{BlockId, Change, ChangeId};
use crate::person::{LOCKED, NEW, OPEN};
use crate::random::Random;
use crate::scenario::Habits;

/// An operator, and what it waits for.
pub(crate) struct Operator {
    pub(crate) random: Random,
    pub(crate) habits: Habits,
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
}

impl What {
    fn account(&self) -> &'static str {
        match self {
            Self::Lock(name, ..) | Self::Block(name, _) => name,
        }
    }
}

impl Operator {
    pub(crate) fn new(seed: u64, habits: Habits) -> Self {
        Self { random: Random::new(seed, 9), habits, asked: Vec::new() }
    }

    /// Whether it waits for no answer.
    pub(crate) fn is_answered(&self) -> bool {
        self.asked.is_empty()
    }

    /// An account that nothing is under way for.
    pub(crate) fn pick_account(&mut self) -> Option<&'static str> {
        let name = match self.random.below(4) {
            0 => self.random.pick(&NEW),
            1 => self.random.pick(&OPEN),
            _ => self.random.pick(&LOCKED),
        };
        let is_free = self.asked.iter().all(|asked| asked.what.account() != name);
        is_free.then_some(name)
    }
}
