//! Who is banned.
//!
//! What a group changes is kept apart until it is committed: a ban that might be lost lets
//! nobody in or out.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::net::IpAddr;

use postroom_model::{Name, Prefix};
use postroom_store::{BANS_PAGE, Ban, BanPage, BanPlace, BanSubject, Timestamp, is_in_force};

/// A ban, without its subject.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct BanRow {
    /// The number of its row. Later ones have higher numbers.
    pub(crate) number: u64,
    pub(crate) since: Timestamp,
    pub(crate) until: Option<Timestamp>,
}

impl BanRow {
    fn is_in_force(&self, now: Timestamp) -> bool {
        is_in_force(self.until, now)
    }
}

/// The committed bans.
#[derive(Debug, Default)]
pub(crate) struct Bans {
    names: HashMap<Name, BanRow>,
    ipv4: Prefixes,
    ipv6: Prefixes,
    /// The highest number of a row.
    last: u64,
}

/// The bans of the addresses of one family.
#[derive(Debug, Default)]
struct Prefixes {
    rows: HashMap<Prefix, BanRow>,
    /// How many of them have so many bits. An address is looked for once for each.
    bits: BTreeMap<u8, u32>,
}

impl Prefixes {
    fn insert(&mut self, prefix: Prefix, row: BanRow) {
        if self.rows.insert(prefix, row).is_none() {
            *self.bits.entry(prefix.bits()).or_default() += 1;
        }
    }

    fn remove(&mut self, prefix: Prefix) {
        if self.rows.remove(&prefix).is_some()
            && let Some(count) = self.bits.get_mut(&prefix.bits())
        {
            *count -= 1;
            if *count == 0 {
                self.bits.remove(&prefix.bits());
            }
        }
    }

    fn find(&self, address: IpAddr, now: Timestamp) -> Option<Prefix> {
        let prefixes = self.bits.keys().rev().filter_map(|bits| Prefix::of(address, *bits));
        let is_banned =
            |prefix: &Prefix| self.rows.get(prefix).is_some_and(|row| row.is_in_force(now));
        prefixes.into_iter().find(is_banned)
    }
}

impl Bans {
    pub(crate) fn is_banned(&self, name: &Name, now: Timestamp) -> bool {
        // Most stores have none.
        !self.names.is_empty() && self.names.get(name).is_some_and(|row| row.is_in_force(now))
    }

    /// The longest prefix of an address that is banned.
    pub(crate) fn banned_with(&self, address: IpAddr, now: Timestamp) -> Option<Prefix> {
        let address = address.to_canonical();
        if address.is_ipv4() { &self.ipv4 } else { &self.ipv6 }.find(address, now)
    }

    pub(crate) fn get(&self, subject: &BanSubject) -> Option<BanRow> {
        match subject {
            BanSubject::Name(name) => self.names.get(name),
            BanSubject::Addresses(prefix) => self.family(*prefix).rows.get(prefix),
        }
        .copied()
    }

    pub(crate) fn insert(&mut self, subject: BanSubject, row: BanRow) {
        self.given_out(row.number);
        match subject {
            BanSubject::Name(name) => put(&mut self.names, name, row),
            BanSubject::Addresses(prefix) => self.family_mut(prefix).insert(prefix, row),
        }
    }

    fn remove(&mut self, subject: &BanSubject) {
        match subject {
            BanSubject::Name(name) => {
                self.names.remove(name);
            }
            BanSubject::Addresses(prefix) => self.family_mut(*prefix).remove(*prefix),
        }
    }

    fn family(&self, prefix: Prefix) -> &Prefixes {
        if prefix.is_ipv4() { &self.ipv4 } else { &self.ipv6 }
    }

    fn family_mut(&mut self, prefix: Prefix) -> &mut Prefixes {
        if prefix.is_ipv4() { &mut self.ipv4 } else { &mut self.ipv6 }
    }

    /// The highest number of a row.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// A row has this number.
    pub(crate) fn given_out(&mut self, number: u64) {
        self.last = self.last.max(number);
    }

    pub(crate) fn page(&self, from: BanPlace, now: Timestamp) -> BanPage {
        let mut in_order: Vec<_> = self
            .iter()
            .filter(|(_, row)| row.number >= from.0 && row.is_in_force(now))
            .map(|(subject, row)| (row.number, subject, row))
            .collect();
        in_order.sort_unstable_by_key(|(number, ..)| *number);
        let next = in_order.get(BANS_PAGE).map(|(number, ..)| BanPlace(*number));
        let ban = |(_, subject, row): &(u64, Subject<'_>, &BanRow)| Ban {
            subject: subject.owned(),
            since: row.since,
            until: row.until,
        };
        BanPage { bans: in_order.iter().take(BANS_PAGE).map(ban).collect(), next }
    }

    fn count(&self) -> usize {
        self.names.len() + self.ipv4.rows.len() + self.ipv6.rows.len()
    }

    fn iter(&self) -> impl Iterator<Item = (Subject<'_>, &BanRow)> {
        let names = self.names.iter().map(|(name, row)| (Subject::Name(name), row));
        let addresses = self.ipv4.rows.iter().chain(&self.ipv6.rows);
        names.chain(addresses.map(|(prefix, row)| (Subject::Addresses(*prefix), row)))
    }
}

/// Like [`BanSubject`], of a ban that is kept.
#[derive(Clone, Copy)]
enum Subject<'a> {
    Name(&'a Name),
    Addresses(Prefix),
}

impl Subject<'_> {
    fn owned(self) -> BanSubject {
        match self {
            Self::Name(name) => BanSubject::Name(name.clone()),
            Self::Addresses(prefix) => BanSubject::Addresses(prefix),
        }
    }
}

/// What a group changes of the bans.
#[derive(Debug)]
pub(crate) struct BanChanges {
    rows: HashMap<BanSubject, Option<BanRow>>,
    /// How many bans there are with these changes.
    count: usize,
    /// The highest number of a row with these changes.
    last: u64,
}

impl BanChanges {
    /// None yet.
    pub(crate) fn of(bans: &Bans) -> Self {
        Self { rows: HashMap::new(), count: bans.count(), last: bans.last }
    }

    /// Lifts the bans that have ended; returns the numbers of their rows.
    pub(crate) fn lift_ended(&mut self, bans: &Bans, now: Timestamp) -> Vec<u64> {
        let ended: Vec<_> = bans.iter().filter(|(_, row)| !row.is_in_force(now)).collect();
        ended.into_iter().filter_map(|(subject, _)| self.remove(bans, &subject.owned())).collect()
    }

    /// The ban of a subject, with these changes.
    pub(crate) fn get(&self, bans: &Bans, subject: &BanSubject) -> Option<BanRow> {
        match self.rows.get(subject) {
            Some(changed) => *changed,
            None => bans.get(subject),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Gives out the number of a row.
    pub(crate) fn next_number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(crate) fn put(&mut self, bans: &Bans, subject: BanSubject, row: BanRow) {
        self.count += usize::from(self.get(bans, &subject).is_none());
        put(&mut self.rows, subject, Some(row));
    }

    /// Removes a ban; returns the number of its row.
    pub(crate) fn remove(&mut self, bans: &Bans, subject: &BanSubject) -> Option<u64> {
        let row = self.get(bans, subject)?;
        self.count -= 1;
        self.rows.insert(subject.clone(), None);
        Some(row.number)
    }

    /// They are committed.
    pub(crate) fn committed(self, bans: &mut Bans) {
        bans.given_out(self.last);
        for (subject, row) in self.rows {
            match row {
                Some(row) => bans.insert(subject, row),
                None => bans.remove(&subject),
            }
        }
    }
}

/// Inserts with the spelling of this key: a map keeps that of one that it has.
fn put<K: Eq + Hash, V>(map: &mut HashMap<K, V>, key: K, value: V) {
    map.remove(&key);
    map.insert(key, value);
}
