//! Who is present. A store on one machine forgets it with its sessions, so this
//! is in memory alone.

use std::collections::{BTreeMap, HashMap};

use postroom_store::AccountId;

/// The accounts that are present, in the order of their coming.
#[derive(Debug, Default)]
pub(crate) struct Presences {
    claims: HashMap<AccountId, Claims>,
    by_arrival: BTreeMap<u64, AccountId>,
    last_arrival: u64,
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

    pub(crate) fn iter(&self) -> impl Iterator<Item = AccountId> + '_ {
        self.by_arrival.values().copied()
    }

    pub(crate) fn claim(&mut self, account: AccountId) {
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
        assert_eq!(presences.iter().collect::<Vec<_>>(), [two, one]);
        presences.release(two);
        assert!(presences.is_present(two));
        presences.release(two);
        assert_eq!(presences.iter().collect::<Vec<_>>(), [one]);
        presences.claim(two);
        assert_eq!(presences.iter().collect::<Vec<_>>(), [one, two], "come again");
        assert_eq!(presences.active(), 2);
    }
}
