//! Who is present. A store on one machine forgets it with its sessions, so this
//! is in memory alone.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use postroom_model::{Name, PresenceKind};
use postroom_store::{AccountId, Presence};

/// The accounts that are present, in the order of their coming.
#[derive(Debug, Default)]
pub(crate) struct Presences {
    claims: HashMap<AccountId, Claims>,
    by_arrival: BTreeMap<u64, AccountId>,
    last_arrival: u64,
    /// Their names, until somebody comes or goes.
    names: Option<Arc<[Name]>>,
}

#[derive(Clone, Copy, Debug)]
struct Claims {
    arrival: u64,
    sole: u32,
    devices: u32,
}

impl Presences {
    pub(crate) fn is_present(&self, account: AccountId) -> bool {
        self.claims.contains_key(&account)
    }

    pub(crate) fn active(&self) -> u32 {
        u32::try_from(self.claims.len()).unwrap_or(u32::MAX)
    }

    /// The names of all who are present. The list is made once and shared until somebody
    /// comes or goes.
    pub(crate) fn names(&mut self, name: impl Fn(AccountId) -> Name) -> Arc<[Name]> {
        let by_arrival = &self.by_arrival;
        let names = self
            .names
            .get_or_insert_with(|| by_arrival.values().map(|account| name(*account)).collect());
        Arc::clone(names)
    }

    /// Whether a session has claimed the presence of an account for itself.
    pub(crate) fn has_sole(&self, account: AccountId) -> bool {
        self.claims.get(&account).is_some_and(|claims| claims.sole > 0)
    }

    /// Adds a claim; returns whether it is the account's first.
    pub(crate) fn claim(&mut self, account: AccountId, kind: PresenceKind) -> bool {
        let is_first = !self.is_present(account);
        if is_first {
            self.names = None;
            self.last_arrival += 1;
            let claims = Claims { arrival: self.last_arrival, sole: 0, devices: 0 };
            self.claims.insert(account, claims);
            self.by_arrival.insert(self.last_arrival, account);
        }
        if let Some(claims) = self.claims.get_mut(&account) {
            *claims.of(kind) += 1;
        }
        is_first
    }

    /// Ends one claim.
    pub(crate) fn release(&mut self, presence: &Presence) {
        let account = presence.account();
        let Some(claims) = self.claims.get_mut(&account) else {
            debug_assert!(false, "a presence is released once");
            return;
        };
        *claims.of(presence.kind()) -= 1;
        if claims.sole + claims.devices == 0 {
            self.names = None;
            self.by_arrival.remove(&claims.arrival);
            self.claims.remove(&account);
        }
    }
}

impl Claims {
    fn of(&mut self, kind: PresenceKind) -> &mut u32 {
        match kind {
            PresenceKind::Sole => &mut self.sole,
            PresenceKind::Device => &mut self.devices,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_present_until_its_last_claim_ends() {
        let mut presences = Presences::default();
        let (one, two) = (AccountId(1), AccountId(2));
        let device = Presence::new(two, PresenceKind::Device);
        let sole = Presence::new(two, PresenceKind::Sole);
        assert!(presences.claim(two, PresenceKind::Device));
        assert!(presences.claim(one, PresenceKind::Sole));
        assert!(!presences.claim(two, PresenceKind::Sole));
        assert_eq!(*presences.names(name), [name(two), name(one)]);
        presences.release(&sole);
        assert!(presences.is_present(two) && !presences.has_sole(two));
        presences.release(&device);
        assert_eq!(*presences.names(name), [name(one)]);
        assert!(presences.claim(two, PresenceKind::Sole));
        assert_eq!(*presences.names(name), [name(one), name(two)], "come again");
        assert_eq!(presences.active(), 2);
    }

    #[test]
    fn the_list_of_names_is_shared_until_somebody_comes_or_goes() {
        let mut presences = Presences::default();
        presences.claim(AccountId(1), PresenceKind::Sole);
        let names = presences.names(name);
        assert!(Arc::ptr_eq(&names, &presences.names(name)));
        presences.claim(AccountId(1), PresenceKind::Device);
        assert!(Arc::ptr_eq(&names, &presences.names(name)));
        presences.claim(AccountId(2), PresenceKind::Sole);
        assert!(!Arc::ptr_eq(&names, &presences.names(name)));
    }

    fn name(account: AccountId) -> Name {
        Name::new(&format!("user{}", account.0)).unwrap()
    }
}
