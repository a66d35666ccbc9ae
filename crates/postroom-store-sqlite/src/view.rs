//! What is committed, as calls see it that wait for no other.

use postroom_model::{Fault, Name, PresenceKind, faulty};
use postroom_store::{AccountId, AccountRef, Admits, Call, Key, Outcome, Presence};

use crate::index::{Account, Index};
use crate::passwords::Passwords;
use crate::plan::Plan;
use crate::presences::Presences;

/// The accounts as they are committed, and who is present.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) index: &'a Index,
    /// What must be left out.
    pub(crate) plan: &'a mut Plan,
    pub(crate) passwords: &'a Passwords,
    pub(crate) presences: &'a mut Presences,
}

impl View<'_> {
    /// Answers a call, unless it must wait for its turn in a group.
    #[inline]
    pub(crate) fn answer(&mut self, call: &Call) -> Option<Outcome> {
        match call {
            Call::Open { name, key, admits, .. } => self.open(name, key, *admits),
            Call::Claim { account, kind } => Some(self.claim(*account, *kind)),
            Call::MayClaim { account, kind } if self.may_claim(*account, *kind) => {
                Some(Outcome::MayClaim)
            }
            Call::MayClaim { .. } => Some(Outcome::PresentAlready),
            Call::Release { presence } => Some(self.release(presence)),
            Call::ListPresent => Some(self.present()),
            Call::Password { account } => self.password(*account),
            Call::ListBlocked { account: account @ AccountRef::Id(_) } => {
                Some(self.index.list_blocked(account))
            }
            Call::CountUnread { account } => {
                Some(Outcome::Unread(self.plan.committed_unread(self.index, *account)))
            }
            _ => None,
        }
    }

    /// Opens an account that is known; one that may get another password meanwhile
    /// must wait for it.
    fn open(&mut self, name: &Name, key: &Key, admits: Admits) -> Option<Outcome> {
        if self.passwords.may_change(name) {
            return None;
        }
        let known = self.index.find(name).filter(|id| !self.index.account(*id).is_pending);
        if !self.index.admits(known, key, admits) {
            // It may be registered by a call under way. Such a login must not take longer
            // than one with a wrong password.
            return Some(Outcome::NotAdmitted { is_known: known.is_some() });
        }
        let account = known?;
        let unread = self.plan.committed_unread(self.index, account);
        Some(self.index.open(account, key, false, unread))
    }

    fn password(&self, account: AccountId) -> Option<Outcome> {
        let Account { name, password, .. } = self.index.account(account);
        let (name, password) = (name.clone(), password.clone());
        (!self.passwords.may_change(&name)).then_some(Outcome::Password { name, password })
    }

    fn claim(&mut self, account: AccountId, kind: PresenceKind) -> Outcome {
        if !self.may_claim(account, kind) {
            return Outcome::PresentAlready;
        }
        let is_first = self.presences.claim(account, kind);
        let (presence, active) = (Presence::new(account, kind), self.presences.active());
        let name = self.index.account(account).name.clone();
        Outcome::Claimed { presence, name, is_first, active }
    }

    fn may_claim(&self, account: AccountId, kind: PresenceKind) -> bool {
        let has_password = self.index.account(account).password.is_some();
        match kind {
            PresenceKind::Sole if faulty(Fault::PresentTwice) => true,
            _ if !has_password => !self.presences.is_present(account),
            PresenceKind::Sole => !self.presences.has_sole(account),
            PresenceKind::Device => true,
        }
    }

    fn release(&mut self, presence: &Presence) -> Outcome {
        let account = presence.account();
        self.presences.release(presence);
        Outcome::Released {
            name: self.index.account(account).name.clone(),
            remains: self.presences.is_present(account),
            active: self.presences.active(),
        }
    }

    /// The names of all who are present, in the order of their first claims.
    fn present(&mut self) -> Outcome {
        Outcome::Present(self.presences.names(|account| self.index.account(account).name.clone()))
    }
}
