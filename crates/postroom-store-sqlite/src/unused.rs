//! Accounts that may be evicted when there are too many, the longest unused one first.
//!
//! A list whose links are in one table, by the numbers of the accounts: adding, removing
//! and taking the first one cost the same however many there are.

use postroom_store::AccountId;

/// No account: the end of the list.
const NONE: u32 = u32::MAX;

/// The account is not in the list.
const ABSENT: Link = Link { previous: NONE - 1, next: NONE - 1 };

/// The neighbours of an account.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Link {
    previous: u32,
    next: u32,
}

/// The unused accounts.
#[derive(Debug)]
pub(crate) struct Unused {
    links: Vec<Link>,
    first: u32,
    last: u32,
}

impl Default for Unused {
    fn default() -> Self {
        Self { links: Vec::new(), first: NONE, last: NONE }
    }
}

impl Unused {
    pub(crate) fn first(&self) -> Option<AccountId> {
        (self.first != NONE).then_some(AccountId(self.first))
    }

    /// Adds an account as the last one, unless it is in the list.
    pub(crate) fn push(&mut self, account: AccountId) {
        if !self.contains(account) {
            let previous = self.last;
            self.link(account.0, Link { previous, next: NONE });
        }
    }

    /// Adds an account as the first one, unless it is in the list.
    pub(crate) fn push_first(&mut self, account: AccountId) {
        if !self.contains(account) {
            let next = self.first;
            self.link(account.0, Link { previous: NONE, next });
        }
    }

    /// Takes an account out, if it is in the list.
    pub(crate) fn remove(&mut self, account: AccountId) {
        if self.contains(account) {
            let Link { previous, next } =
                std::mem::replace(&mut self.links[account.0 as usize], ABSENT);
            self.set_next(previous, next);
            self.set_previous(next, previous);
        }
    }

    fn contains(&self, account: AccountId) -> bool {
        self.links.get(account.0 as usize).is_some_and(|link| *link != ABSENT)
    }

    fn link(&mut self, account: u32, link: Link) {
        let place = account as usize;
        if self.links.len() <= place {
            self.links.resize(place + 1, ABSENT);
        }
        self.links[place] = link;
        self.set_next(link.previous, account);
        self.set_previous(link.next, account);
    }

    fn set_next(&mut self, account: u32, next: u32) {
        match self.links.get_mut(account as usize) {
            Some(link) => link.next = next,
            None => self.first = next,
        }
    }

    fn set_previous(&mut self, account: u32, previous: u32) {
        match self.links.get_mut(account as usize) {
            Some(link) => link.previous = previous,
            None => self.last = previous,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_list_without_doubles(
            steps in prop::collection::vec((0..3_u8, 0..9_u32), 0..60),
        ) {
            let (mut unused, mut model) = (Unused::default(), VecDeque::new());
            for (step, account) in steps {
                let id = AccountId(account);
                match step {
                    0 => {
                        unused.remove(id);
                        model.retain(|other| *other != account);
                    }
                    1 => {
                        unused.push(id);
                        if !model.contains(&account) {
                            model.push_back(account);
                        }
                    }
                    _ => {
                        unused.push_first(id);
                        if !model.contains(&account) {
                            model.push_front(account);
                        }
                    }
                }
                prop_assert_eq!(unused.first(), model.front().copied().map(AccountId));
                let next = |account: &u32| Some(unused.links.get(*account as usize)?.next);
                let list = std::iter::successors(unused.first().map(|first| first.0), next);
                let list: Vec<_> = list.take_while(|account| *account != NONE).collect();
                prop_assert_eq!(list, Vec::from(model.clone()));
            }
        }
    }
}
