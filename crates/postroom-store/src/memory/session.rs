//! What a store in memory forgets when it is dropped.

use std::collections::HashSet;

use postroom_model::{Channel, Name, PresenceKind};

use crate::{AccountId, Outcome, Presence};

/// What is forgotten when the store is dropped.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) leased: HashSet<(AccountId, u64)>,
    /// Accounts that are present, in the order of their first claims.
    pub(super) present: Vec<Attendance>,
    /// Channels with members.
    pub(super) held: HashSet<Channel>,
    /// The account of each session.
    pub(super) sessions: Vec<AccountId>,
    /// Accounts that were opened by calls whose completions are not taken yet.
    pub(super) opened: Vec<AccountId>,
    /// The last sweep has removed as much as one may.
    pub(super) has_more_old: bool,
}

/// The claims of an account that is present.
#[derive(Debug)]
pub(super) struct Attendance {
    pub(super) account: AccountId,
    sole: u32,
    devices: u32,
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
        self.present.iter().any(|present| present.account == account)
    }

    pub(super) fn active(&self) -> u32 {
        u32::try_from(self.present.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn may_claim(
        &self,
        account: AccountId,
        kind: PresenceKind,
        has_password: bool,
    ) -> bool {
        let present = self.present.iter().find(|present| present.account == account);
        present.is_none_or(|present| match kind {
            _ if !has_password => false,
            PresenceKind::Sole => present.sole == 0,
            PresenceKind::Device => true,
        })
    }

    pub(super) fn claim(
        &mut self,
        account: AccountId,
        kind: PresenceKind,
        has_password: bool,
        name: Name,
    ) -> Outcome {
        if !self.may_claim(account, kind, has_password) {
            return Outcome::PresentAlready;
        }
        let is_first = !self.is_present(account);
        if is_first {
            self.present.push(Attendance { account, sole: 0, devices: 0 });
        }
        *self.claims(account, kind) += 1;
        let presence = Presence::new(account, kind);
        Outcome::Claimed { presence, name, is_first, active: self.active() }
    }

    pub(super) fn release(&mut self, presence: &Presence, name: Name) -> Outcome {
        let account = presence.account();
        *self.claims(account, presence.kind()) -= 1;
        self.present.retain(|present| present.sole + present.devices > 0);
        Outcome::Released { name, remains: self.is_present(account), active: self.active() }
    }

    /// The claims of a kind of an account that is present.
    fn claims(&mut self, account: AccountId, kind: PresenceKind) -> &mut u32 {
        let present = self.present.iter_mut().find(|present| present.account == account);
        let present = present.expect("a presence is released once");
        match kind {
            PresenceKind::Sole => &mut present.sole,
            PresenceKind::Device => &mut present.devices,
        }
    }
}
