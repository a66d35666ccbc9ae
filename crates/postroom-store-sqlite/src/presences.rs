//! Who is present. A store on one machine forgets it with its sessions, so this
//! is in memory alone.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use postroom_model::Name;
use postroom_store::AccountId;

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
    count: u32,
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

    pub(crate) fn claim(&mut self, account: AccountId) {
        self.names = None;
        self.last_arrival += 1;
        let arrival = self.last_arrival;
        let claims = self.claims.entry(account).or_insert(Claims { arrival, count: 0 });
        claims.count += 1;
        self.by_arrival.insert(claims.arrival, account);
    }

    /// Ends one claim.
    pub(crate) fn release(&mut self, account: AccountId) {
        let Some(claims) = self.claims.get_mut(&account) else {
            debug_assert!(false, "a presence is released once");
            return;
        };
        claims.count -= 1;
        if claims.count == 0 {
            self.names = None;
            self.by_arrival.remove(&claims.arrival);
            self.claims.remove(&account);
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
        presences.claim(two);
        presences.claim(one);
        presences.claim(two);
        assert_eq!(*presences.names(name), [name(two), name(one)]);
        presences.release(two);
        assert!(presences.is_present(two));
        presences.release(two);
        assert_eq!(*presences.names(name), [name(one)]);
        presences.claim(two);
        assert_eq!(*presences.names(name), [name(one), name(two)], "come again");
        assert_eq!(presences.active(), 2);
    }

    #[test]
    fn the_list_of_names_is_shared_until_somebody_comes_or_goes() {
        let mut presences = Presences::default();
        presences.claim(AccountId(1));
        let names = presences.names(name);
        assert!(Arc::ptr_eq(&names, &presences.names(name)));
        presences.claim(AccountId(2));
        assert!(!Arc::ptr_eq(&names, &presences.names(name)));
    }

    fn name(account: AccountId) -> Name {
        Name::new(&format!("user{}", account.0)).unwrap()
    }
}
