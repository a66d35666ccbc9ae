//! Whom accounts have blocked.

use std::collections::{BTreeMap, HashMap};

use postroom_model::Name;
use postroom_store::AccountId;

/// The senders that accounts have blocked, with the numbers of their rows.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    of: HashMap<AccountId, HashMap<Name, u64>>,
    /// How many there are in all.
    count: u32,
    /// The highest number of a row.
    last: u64,
}

impl Blocks {
    /// Whether an account has blocked a sender.
    pub(crate) fn contains(&self, account: AccountId, sender: &Name) -> bool {
        // Most stores have none.
        !self.of.is_empty() && self.of.get(&account).is_some_and(|of| of.contains_key(sender))
    }

    /// How many an account has.
    pub(crate) fn count_of(&self, account: AccountId) -> u32 {
        let of = self.of.get(&account);
        of.map_or(0, |of| u32::try_from(of.len()).unwrap_or(u32::MAX))
    }

    /// How many there are in all.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// The senders that an account has blocked, in the order in which it did.
    pub(crate) fn list(&self, account: AccountId) -> Vec<Name> {
        let of = self.of.get(&account).into_iter().flatten();
        let in_order: BTreeMap<_, _> = of.map(|(name, number)| (*number, name)).collect();
        in_order.into_values().cloned().collect()
    }

    /// The number of the next row.
    pub(crate) fn next_number(&self) -> u64 {
        self.last + 1
    }

    /// A row has this number.
    pub(crate) fn given_out(&mut self, number: u64) {
        self.last = self.last.max(number);
    }

    /// Adds one. Returns whether it is new.
    pub(crate) fn add(&mut self, account: AccountId, sender: Name, number: u64) -> bool {
        self.last = self.last.max(number);
        let of = self.of.entry(account).or_default();
        let is_new = !of.contains_key(&sender);
        if is_new {
            of.insert(sender, number);
            self.count += 1;
        }
        is_new
    }

    /// Removes one. Returns the number of its row.
    pub(crate) fn remove(&mut self, account: AccountId, sender: &Name) -> Option<u64> {
        let of = self.of.get_mut(&account)?;
        let number = of.remove(sender)?;
        self.count -= 1;
        if of.is_empty() {
            self.of.remove(&account);
        }
        Some(number)
    }
}
