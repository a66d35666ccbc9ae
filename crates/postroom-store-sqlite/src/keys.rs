//! The keys by which requests are repeated.
//!
//! Each key has a slot, is found by its account and its fingerprint, and is in the list of its
//! account, in the order of use. The changes of a group run ahead of its commit and can be taken
//! back, the latest first: a slot that the group frees keeps its neighbours until the commit, and
//! nothing else uses it before.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use postroom_store::{AccountId, Fingerprint, Timestamp, is_kept};

/// A key that was used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct KeyRow {
    /// The number of its row. Later ones have higher numbers.
    pub(crate) number: u64,
    pub(crate) fingerprint: Fingerprint,
    /// The id of the post or of the first message that was stored.
    pub(crate) first: u64,
    pub(crate) used: Timestamp,
    pub(crate) account: AccountId,
}

impl KeyRow {
    pub(crate) fn is_kept(&self, now: Timestamp) -> bool {
        is_kept(self.used, now)
    }
}

/// The place of a slot.
type Place = u32;

/// No slot has this place.
const NOWHERE: Place = Place::MAX;

/// The account of a slot that has no key. There are never so many accounts.
const NOBODY: AccountId = AccountId(u32::MAX);

/// A key and its place in the list of its account. A free slot has the next free one behind it.
/// Without gaps between the fields: there may be a million.
#[derive(Clone, Copy, Debug)]
#[repr(C, packed(4))]
struct Slot {
    number: u64,
    key: u64,
    content: u64,
    first: u64,
    used: u64,
    account: AccountId,
    before: Place,
    behind: Place,
}

impl Slot {
    fn row(&self) -> KeyRow {
        let Self { number, key, content, first, used, account, .. } = *self;
        let fingerprint = Fingerprint { key, content };
        KeyRow { number, fingerprint, first, used: Timestamp(used), account }
    }
}

/// The keys of an account: the one used first, the one used last, and how many.
#[derive(Clone, Copy, Debug)]
struct List {
    oldest: Place,
    latest: Place,
    count: u32,
}

const EMPTY: List = List { oldest: NOWHERE, latest: NOWHERE, count: 0 };

/// What the group has changed.
#[derive(Clone, Copy, Debug)]
enum Change {
    Added(Place),
    Removed(Place, AccountId),
}

/// Slots of a chunk: a vector of them all would have up to as many to spare.
const CHUNK: usize = 1 << 10;

/// The keys: 52 bytes each, and about 11 to find one.
#[derive(Debug)]
pub(crate) struct Keys {
    slots: Vec<Vec<Slot>>,
    /// The first free slot.
    free: Place,
    /// The place of each key.
    places: HashTable<Place>,
    hasher: RandomState,
    /// By the number of an account. None that is higher has any.
    lists: Vec<List>,
    /// By the count of their keys, how many accounts there are. The last is that of the
    /// accounts with most.
    accounts: Vec<u32>,
    /// The highest number of a row.
    last: u64,
    changes: Vec<Change>,
    /// Where the next look for keys that have ended begins.
    hand: usize,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: NOWHERE,
            places: HashTable::new(),
            hasher: RandomState::new(),
            lists: Vec::new(),
            accounts: Vec::new(),
            last: 0,
            changes: Vec::new(),
            hand: 0,
        }
    }
}

impl Keys {
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The highest number of a row.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// A row has this number.
    pub(crate) fn given_out(&mut self, number: u64) {
        self.last = self.last.max(number);
    }

    pub(crate) fn find(&self, account: AccountId, key: u64) -> Option<KeyRow> {
        let place = self.places.find(self.hash(account, key), |place| {
            let Slot { account: of, key: other, .. } = *self.slot(*place);
            of == account && other == key
        });
        place.map(|place| self.slot(*place).row())
    }

    pub(crate) fn count(&self, account: AccountId) -> u32 {
        self.list(account).count
    }

    /// The key of an account that was used first.
    pub(crate) fn oldest(&self, account: AccountId) -> Option<KeyRow> {
        let List { oldest, .. } = self.list(account);
        (oldest != NOWHERE).then(|| self.slot(oldest).row())
    }

    /// The account with most keys, if there is any key; of several the one with the lowest
    /// number.
    pub(crate) fn with_most(&self) -> Option<AccountId> {
        let most = self.accounts.len().checked_sub(1)?;
        let found = self.lists.iter().position(|list| list.count as usize == most)?;
        u32::try_from(found).ok().map(AccountId)
    }

    /// Adds one behind all others. The account has none of the same fingerprint.
    pub(crate) fn add(&mut self, row: KeyRow) {
        self.given_out(row.number);
        let KeyRow { number, fingerprint: Fingerprint { key, content }, first, used, account } =
            row;
        let before = self.list(account).latest;
        let (used, behind) = (used.0, NOWHERE);
        let slot = Slot { number, key, content, first, used, account, before, behind };
        let Some(place) = self.take_slot(slot) else {
            return;
        };
        self.link(place);
        self.changes.push(Change::Added(place));
    }

    /// Removes the key of a fingerprint from an account; returns the number of its row.
    pub(crate) fn remove(&mut self, account: AccountId, key: u64) -> Option<u64> {
        let row = self.find(account, key)?;
        let place = self.unlink(row)?;
        self.slot_mut(place).account = NOBODY;
        self.changes.push(Change::Removed(place, account));
        Some(row.number)
    }

    /// The group is committed.
    pub(crate) fn committed(&mut self) {
        let mut changes = std::mem::take(&mut self.changes);
        for change in changes.drain(..) {
            if let Change::Removed(place, _) = change {
                self.give_slot(place);
            }
        }
        self.changes = changes;
    }

    /// How many changes the group has made.
    pub(crate) fn changes(&self) -> usize {
        self.changes.len()
    }

    /// Takes the changes of the group back but for the first so many.
    pub(crate) fn undo_to(&mut self, first: usize) {
        let mut changes = std::mem::take(&mut self.changes);
        for change in changes.drain(first..).rev() {
            match change {
                Change::Added(place) => {
                    self.unlink(self.slot(place).row());
                    self.give_slot(place);
                }
                Change::Removed(place, account) => {
                    self.slot_mut(place).account = account;
                    self.link(place);
                }
            }
        }
        self.changes = changes;
    }

    /// Looks at so many slots, from where the last look has ended on; those of their keys that
    /// are no longer kept.
    pub(crate) fn ended(&mut self, looks: usize, now: Timestamp) -> Vec<KeyRow> {
        let slots = self.used_slots();
        let mut ended = Vec::new();
        for _ in 0..looks.min(slots) {
            if self.hand >= slots {
                self.hand = 0;
            }
            let row = self.slots[self.hand / CHUNK][self.hand % CHUNK].row();
            if row.account != NOBODY && !row.is_kept(now) {
                ended.push(row);
            }
            self.hand += 1;
        }
        ended
    }

    /// Keys that the group has added, those included that it has removed again.
    pub(crate) fn added(&self) -> usize {
        self.changes.iter().filter(|change| matches!(change, Change::Added(_))).count()
    }

    fn used_slots(&self) -> usize {
        self.slots.last().map_or(0, |last| (self.slots.len() - 1) * CHUNK + last.len())
    }

    fn hash(&self, account: AccountId, key: u64) -> u64 {
        self.hasher.hash_one((account, key))
    }

    fn slot(&self, place: Place) -> &Slot {
        &self.slots[place as usize / CHUNK][place as usize % CHUNK]
    }

    fn slot_mut(&mut self, place: Place) -> &mut Slot {
        &mut self.slots[place as usize / CHUNK][place as usize % CHUNK]
    }

    fn list(&self, account: AccountId) -> List {
        self.lists.get(account.0 as usize).copied().unwrap_or(EMPTY)
    }

    /// The list of an account, which is there from now on.
    fn list_mut(&mut self, account: AccountId) -> &mut List {
        let place = account.0 as usize;
        if self.lists.len() <= place {
            self.lists.resize(place + 1, EMPTY);
        }
        &mut self.lists[place]
    }

    /// Puts a key into a free slot; `None` where there is none. So many keys are never allowed.
    fn take_slot(&mut self, slot: Slot) -> Option<Place> {
        if self.free != NOWHERE {
            let place = self.free;
            let free = self.slot_mut(place);
            let next = free.behind;
            *free = slot;
            self.free = next;
            return Some(place);
        }
        let place = Place::try_from(self.used_slots()).ok().filter(|place| *place != NOWHERE)?;
        match self.slots.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(slot),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(slot);
                self.slots.push(chunk);
            }
        }
        Some(place)
    }

    fn give_slot(&mut self, place: Place) {
        let behind = self.free;
        let slot = self.slot_mut(place);
        slot.account = NOBODY;
        slot.behind = behind;
        self.free = place;
    }

    /// Lets the key of a slot be found, between its neighbours.
    fn link(&mut self, place: Place) {
        let Slot { account, key, before, behind, .. } = *self.slot(place);
        self.join(account, before, place);
        self.join(account, place, behind);
        self.recount(account, |count| count + 1);
        let hash = self.hash(account, key);
        let Self { slots, places, hasher, .. } = self;
        places.insert_unique(hash, place, |place| {
            let slot = slots[*place as usize / CHUNK][*place as usize % CHUNK];
            hasher.hash_one((slot.account, { slot.key }))
        });
    }

    /// Lets a key no longer be found. Its slot keeps its neighbours.
    fn unlink(&mut self, row: KeyRow) -> Option<Place> {
        let KeyRow { account, fingerprint: Fingerprint { key, .. }, .. } = row;
        let hash = self.hash(account, key);
        let Self { slots, places, .. } = self;
        let is_it = |place: &Place| {
            let slot = slots[*place as usize / CHUNK][*place as usize % CHUNK];
            slot.account == account && { slot.key } == key
        };
        let (place, _) = places.find_entry(hash, is_it).ok()?.remove();
        let Slot { before, behind, .. } = *self.slot(place);
        self.join(account, before, behind);
        self.recount(account, |count| count.saturating_sub(1));
        Some(place)
    }

    /// Makes two keys of an account neighbours; where one is missing, the other is its first or
    /// last.
    fn join(&mut self, account: AccountId, before: Place, behind: Place) {
        match before {
            NOWHERE => self.list_mut(account).oldest = behind,
            place => self.slot_mut(place).behind = behind,
        }
        match behind {
            NOWHERE => self.list_mut(account).latest = before,
            place => self.slot_mut(place).before = before,
        }
    }

    fn recount(&mut self, account: AccountId, change: impl FnOnce(u32) -> u32) {
        let list = self.list_mut(account);
        let earlier = list.count as usize;
        list.count = change(list.count);
        let later = list.count as usize;
        if self.accounts.len() <= later {
            self.accounts.resize(later + 1, 0);
        }
        if earlier > 0 {
            self.accounts[earlier] -= 1;
        }
        if later > 0 {
            self.accounts[later] += 1;
        }
        while self.accounts.last() == Some(&0) {
            self.accounts.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row(number: u64, account: u32, key: u64) -> KeyRow {
        let fingerprint = Fingerprint { key, content: key };
        let (used, account) = (Timestamp(number), AccountId(account));
        KeyRow { number, fingerprint, first: number, used, account }
    }

    #[test]
    fn a_key_takes_at_most_64_bytes() {
        const ALL: u32 = 1_000_000;
        let mut keys = Keys::default();
        for number in 0..ALL {
            keys.add(row(number.into(), number / 100, number.into()));
            keys.committed();
        }
        let slots: usize =
            keys.slots.iter().map(|chunk| chunk.capacity() * size_of::<Slot>()).sum();
        // A place and a byte for each bucket.
        let places = keys.places.capacity() / 7 * 8 * 5;
        let lists = keys.lists.capacity() * size_of::<List>();
        let bytes = slots + places + lists;
        assert!(bytes <= 64 * ALL as usize, "{bytes}");
    }

    #[test]
    fn the_slots_of_keys_that_are_gone_are_used_again() {
        let mut keys = Keys::default();
        keys.add(row(1, 0, 1));
        for number in 2..10_000 {
            keys.add(row(number, 1, number));
            keys.committed();
            if number > 100 {
                let oldest = keys.oldest(AccountId(1)).unwrap();
                assert_eq!(keys.remove(AccountId(1), oldest.fingerprint.key), Some(number - 99));
                keys.committed();
            }
        }
        assert_eq!((keys.len(), keys.used_slots()), (100, 101));
        assert_eq!(keys.oldest(AccountId(0)), Some(row(1, 0, 1)));
    }

    /// What the keys are, as a list in the order of use.
    #[derive(Clone, Debug, Default)]
    struct List(Vec<KeyRow>);

    impl List {
        fn of(&self, account: AccountId) -> impl Iterator<Item = KeyRow> {
            self.0.iter().filter(move |row| row.account == account).copied()
        }

        fn agrees(&self, keys: &Keys) -> Result<(), TestCaseError> {
            prop_assert_eq!(keys.len(), self.0.len());
            let counts: Vec<_> =
                (0..4).map(|account| self.of(AccountId(account)).count()).collect();
            let most = counts.iter().max().filter(|most| **most > 0);
            let with_most = most.and_then(|most| counts.iter().position(|count| count == most));
            let with_most = with_most.map(|account| AccountId(u32::try_from(account).unwrap()));
            prop_assert_eq!(keys.with_most(), with_most);
            for account in (0..4).map(AccountId) {
                prop_assert_eq!(keys.count(account) as usize, self.of(account).count());
                prop_assert_eq!(keys.oldest(account), self.of(account).next());
            }
            Ok(())
        }
    }

    proptest! {
        /// Keys are found, counted, removed and taken back as a plain list has them.
        #[test]
        fn keys_agree_with_a_list(
            steps in prop::collection::vec((0..4_u32, 0..40_u64, 0..12_u8), 0..1_000)
        ) {
            let (mut keys, mut list, mut kept) = (Keys::default(), List::default(), List::default());
            for (account, key, step) in steps {
                let id = AccountId(account);
                let known = list.0.iter().position(|row| {
                    (row.account, row.fingerprint.key) == (id, key)
                });
                prop_assert_eq!(keys.find(id, key), known.map(|place| list.0[place]));
                match (step, known) {
                    (0, _) => {
                        keys.undo_to(0);
                        list.clone_from(&kept);
                    }
                    (1, _) => {
                        keys.committed();
                        kept.clone_from(&list);
                    }
                    (_, Some(place)) => {
                        let row = list.0.remove(place);
                        prop_assert_eq!(keys.remove(id, key), Some(row.number));
                    }
                    (_, None) => {
                        let row = row(keys.last() + 1, account, key);
                        keys.add(row);
                        list.0.push(row);
                    }
                }
                list.agrees(&keys)?;
            }
            for left in (0..list.0.len()).rev() {
                let oldest = list.0.remove(0);
                prop_assert_eq!(keys.oldest(oldest.account), Some(oldest));
                keys.remove(oldest.account, oldest.fingerprint.key);
                prop_assert_eq!(keys.len(), left);
            }
        }
    }
}
