//! What a store in memory forgets when it is dropped.

use std::collections::HashSet;

use postroom_model::{Channel, Name};

use crate::{AccountId, Outcome, Presence};

/// What is forgotten when the store is dropped.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) leased: HashSet<(AccountId, u64)>,
    /// Accounts that are present with the number of their claims, in the order of
    /// their first claims.
    pub(super) present: Vec<(AccountId, u32)>,
    /// Channels with members.
    pub(super) held: HashSet<Channel>,
    /// The account of each session.
    pub(super) sessions: Vec<AccountId>,
    /// Accounts that were opened by calls whose completions are not taken yet.
    pub(super) opened: Vec<AccountId>,
    /// The last sweep has removed as much as one may.
    pub(super) has_more_old: bool,
}

impl Session {
    pub(super) fn session_began(&mut self, account: AccountId) {
        self.sessions.push(account);
    }

    pub(super) fn completed(&mut self, outcome: &Outcome) {
        if let Outcome::Opened { account, .. } = outcome {
            self.opened.push(*account);
        }
    }

    pub(super) fn completions_taken(&mut self) {
        self.opened.clear();
    }

    pub(super) fn session_ended(&mut self, account: AccountId) {
        if let Some(place) = self.sessions.iter().position(|other| *other == account) {
            self.sessions.swap_remove(place);
        }
    }

    pub(super) fn set_members(&mut self, channel: &Channel, has_members: bool) {
        if has_members {
            self.held.insert(channel.clone());
        } else {
            self.held.remove(channel);
        }
    }

    pub(super) fn is_present(&self, account: AccountId) -> bool {
        self.present.iter().any(|(present, _)| *present == account)
    }

    pub(super) fn active(&self) -> u32 {
        u32::try_from(self.present.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn claim(&mut self, account: AccountId, alone: bool) -> Outcome {
        if alone && self.is_present(account) {
            return Outcome::PresentAlready;
        }
        match self.present.iter_mut().find(|(present, _)| *present == account) {
            Some((_, claims)) => *claims += 1,
            None => self.present.push((account, 1)),
        }
        Outcome::Claimed { presence: Presence::new(account), active: self.active() }
    }

    pub(super) fn release(&mut self, account: AccountId, name: Name) -> Outcome {
        if let Some((_, claims)) = self.present.iter_mut().find(|(present, _)| *present == account)
        {
            *claims -= 1;
        }
        self.present.retain(|(_, claims)| *claims > 0);
        Outcome::Released { name, remains: self.is_present(account), active: self.active() }
    }
}
