//! How many accounts and hashtags a peer may create.
//!
//! Each payer has one allowance of accounts and one of hashtags: as many at once as in
//! an hour, and then a new one for each that an hour's even refill brings back. A payer
//! is an account with a password, or else the network of the session's peer. Requests
//! that may create something reserve it first, so that the requests under way cannot
//! exceed the allowance together; what they did not create is given back.
//!
//! A bucket is one time, that at which it will be full again (GCRA). Full buckets are
//! not kept, and at [`BUCKETS_MAX`] the one that is full earliest is forgotten.

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::time::Instant;

use postroom_model::{Fault, Network, Peer, SITE_NETWORKS, faulty};
use postroom_store::AccountId;
use slab::Slab;

/// Maximum buckets with something taken from them; in memory they have about 100 bytes
/// each.
const BUCKETS_MAX: usize = 65_536;

const HOUR: Nanos = 3_600_000_000_000;

/// What peers may create in an hour.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CreationLimits {
    /// Accounts.
    pub accounts: CreationRates,
    /// Hashtags.
    pub channels: CreationRates,
}

/// How many an hour.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CreationRates {
    /// Of each peer.
    pub per_hour: u32,
    /// Of all programs on this machine together.
    pub per_hour_local: u32,
}

impl Default for CreationLimits {
    fn default() -> Self {
        Self {
            accounts: CreationRates { per_hour: 1_000, per_hour_local: 2_000_000 },
            channels: CreationRates { per_hour: 1_000, per_hour_local: 20_000 },
        }
    }
}

/// What is created.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    Account,
    Channel,
}

/// What pays for what a session creates.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Payer {
    Account(u32),
    Local,
    V4(Ipv4Addr),
    /// A /64.
    V6([u16; 4]),
    /// A /48.
    V6Site([u16; 3]),
}

/// The right of a session to create something at the expense of its payer. It must be
/// [closed](Creations::close).
#[derive(Debug)]
pub(crate) struct Purse {
    payer: PayerKey,
    is_local: bool,
}

/// The place of a payer in its table.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct PayerKey(usize);

/// What a request under way may create. It must be [settled](Creations::settle).
#[derive(Clone, Copy, Debug)]
#[must_use = "a reservation that is not settled lessens its payer's allowance"]
pub(crate) struct Reservation {
    payer: PayerKey,
    is_local: bool,
    kind: Kind,
    count: u32,
}

impl Reservation {
    pub(crate) fn count(&self) -> u32 {
        self.count
    }
}

/// A payer and its buckets.
#[derive(Debug)]
struct Record {
    payer: Payer,
    /// The /48 of a /64, which pays too.
    site: Option<PayerKey>,
    /// Purses, and records of which this is the site.
    users: u32,
    accounts: Bucket,
    channels: Bucket,
}

/// What is taken from an allowance.
#[derive(Debug, Default)]
struct Bucket {
    /// When it is full again, without what is reserved.
    full_at: Nanos,
    /// For requests under way.
    reserved: u32,
}

impl Record {
    fn bucket(&mut self, kind: Kind) -> &mut Bucket {
        match kind {
            Kind::Account => &mut self.accounts,
            Kind::Channel => &mut self.channels,
        }
    }

    /// How many times the allowance of a peer it has.
    fn times(&self) -> u32 {
        match self.payer {
            Payer::V6Site(_) => SITE_NETWORKS,
            Payer::Account(_) | Payer::Local | Payer::V4(_) | Payer::V6(_) => 1,
        }
    }

    fn is_unused(&self) -> bool {
        let is_full = |bucket: &Bucket| bucket.reserved == 0 && bucket.full_at == 0;
        self.users == 0 && is_full(&self.accounts) && is_full(&self.channels)
    }
}

/// Nanoseconds since the first time told.
type Nanos = u64;

/// What peers have created lately.
#[derive(Debug)]
pub(crate) struct Creations {
    limits: CreationLimits,
    /// Payers with a purse, and those from whose buckets something is taken.
    records: Slab<Record>,
    keys: HashMap<Payer, PayerKey>,
    /// Buckets from which something is taken, that first which is full first.
    taken: BTreeSet<(Nanos, PayerKey, Kind)>,
    first: Option<Instant>,
    now: Nanos,
}

impl Creations {
    pub(crate) fn new(limits: CreationLimits) -> Self {
        let (records, keys, taken) = (Slab::new(), HashMap::new(), BTreeSet::new());
        Self { limits, records, keys, taken, first: None, now: 0 }
    }

    pub(crate) fn set_limits(&mut self, limits: CreationLimits) {
        self.limits = limits;
    }

    pub(crate) fn set_time(&mut self, now: Instant) {
        let first = *self.first.get_or_insert(now);
        let since = now.saturating_duration_since(first).as_nanos();
        self.now = Nanos::try_from(since).unwrap_or(Nanos::MAX / 2);
    }

    /// Opens the purse of a session, for which its peer's network pays.
    pub(crate) fn open(&mut self, peer: Peer) -> Purse {
        let payer = match peer.network {
            _ if peer.is_local => Payer::Local,
            Network::V4(address) => Payer::V4(address),
            Network::V6(prefix) => Payer::V6(prefix),
        };
        Purse { payer: self.enter(payer), is_local: peer.is_local }
    }

    /// From now on this account pays, which has a password.
    pub(crate) fn belong_to(&mut self, purse: &mut Purse, account: AccountId) {
        let payer = self.enter(Payer::Account(account.0));
        self.leave(std::mem::replace(&mut purse.payer, payer));
    }

    pub(crate) fn close(&mut self, purse: &Purse) {
        self.leave(purse.payer);
    }

    /// Adds a user of a payer.
    fn enter(&mut self, payer: Payer) -> PayerKey {
        let known = self.keys.get(&payer).copied();
        let key = known.unwrap_or_else(|| self.add(payer));
        self.records[key.0].users += 1;
        key
    }

    fn add(&mut self, payer: Payer) -> PayerKey {
        let site = match payer {
            Payer::V6([a, b, c, _]) => Some(self.enter(Payer::V6Site([a, b, c]))),
            _ => None,
        };
        let (accounts, channels) = (Bucket::default(), Bucket::default());
        let record = Record { payer, site, users: 0, accounts, channels };
        let key = PayerKey(self.records.insert(record));
        self.keys.insert(payer, key);
        key
    }

    fn leave(&mut self, key: PayerKey) {
        self.records[key.0].users -= 1;
        self.remove_if_unused(key);
    }

    fn remove_if_unused(&mut self, key: PayerKey) {
        if self.records[key.0].is_unused() {
            let Record { payer, site, .. } = self.records.remove(key.0);
            self.keys.remove(&payer);
            if let Some(site) = site {
                self.leave(site);
            }
        }
    }

    /// Reserves as many as are left, `wanted` at most.
    pub(crate) fn reserve(&mut self, purse: &Purse, kind: Kind, wanted: u32) -> Reservation {
        let Purse { payer, is_local } = *purse;
        let site = self.records[payer.0].site;
        let left = |key| self.left(key, is_local, kind);
        let left = wanted.min(left(payer)).min(site.map_or(u32::MAX, left));
        let count = if faulty(Fault::CreationUnlimited) { wanted } else { left };
        self.records[payer.0].bucket(kind).reserved += count;
        if let Some(site) = site {
            self.records[site.0].bucket(kind).reserved += count;
        }
        Reservation { payer, is_local, kind, count }
    }

    /// Takes what was created of what was reserved, and gives the rest back.
    pub(crate) fn settle(&mut self, reservation: Reservation, created: u32) {
        let Reservation { payer, is_local, kind, count } = reservation;
        if count == 0 {
            // Nothing keeps the payer's record for it.
            return;
        }
        let record = &mut self.records[payer.0];
        let (site, users) = (record.site, record.users);
        record.bucket(kind).reserved -= count;
        if let Some(site) = site {
            self.records[site.0].bucket(kind).reserved -= count;
        }
        if created > 0 {
            for key in [Some(payer), site].into_iter().flatten() {
                self.take(key, is_local, kind, created.min(count));
            }
            self.forget();
        } else if users == 0 {
            self.remove_if_unused(payer);
        }
    }

    fn take(&mut self, key: PayerKey, is_local: bool, kind: Kind, created: u32) {
        let record = &mut self.records[key.0];
        let interval = self.limits.interval(kind, is_local, record.times()).unwrap_or(0);
        let bucket = record.bucket(kind);
        self.taken.remove(&(bucket.full_at, key, kind));
        bucket.full_at = bucket.full_at.max(self.now) + interval * u64::from(created);
        self.taken.insert((bucket.full_at, key, kind));
    }

    /// Forgets what was taken from buckets that are full again, and from those beyond the
    /// limit.
    fn forget(&mut self) {
        while let Some((full_at, key, kind)) = self.taken.first().copied()
            && (full_at <= self.now || self.taken.len() > BUCKETS_MAX)
        {
            self.taken.pop_first();
            self.records[key.0].bucket(kind).full_at = 0;
            self.remove_if_unused(key);
        }
    }

    fn left(&self, key: PayerKey, is_local: bool, kind: Kind) -> u32 {
        let record = &self.records[key.0];
        let Some(interval) = self.limits.interval(kind, is_local, record.times()) else {
            return 0;
        };
        let bucket = match kind {
            Kind::Account => &record.accounts,
            Kind::Channel => &record.channels,
        };
        let free = (self.now + HOUR).saturating_sub(bucket.full_at.max(self.now));
        u32::try_from(free / interval).unwrap_or(u32::MAX).saturating_sub(bucket.reserved)
    }
}

impl CreationLimits {
    /// The time that brings one back; `None` if none may be created.
    fn interval(&self, kind: Kind, is_local: bool, times: u32) -> Option<Nanos> {
        let rates = match kind {
            Kind::Account => self.accounts,
            Kind::Channel => self.channels,
        };
        let rate = if is_local { rates.per_hour_local } else { rates.per_hour };
        let interval = HOUR.checked_div(u64::from(rate) * u64::from(times))?;
        Some(interval.max(1))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    /// With an allowance of so many of each.
    fn creations(per_hour: u32) -> Creations {
        let rates = CreationRates { per_hour, per_hour_local: 10 * per_hour };
        Creations::new(CreationLimits { accounts: rates, channels: rates })
    }

    fn peer(address: &str) -> Peer {
        let network = address.parse::<IpAddr>().unwrap().into();
        Peer { network, is_shared: false, is_local: false }
    }

    fn local() -> Peer {
        let network = IpAddr::from([127, 0, 0, 1]).into();
        Peer { network, is_shared: true, is_local: true }
    }

    /// Creates as many as a session of this peer may, `wanted` at most; returns how many.
    fn create(creations: &mut Creations, peer: Peer, wanted: u32) -> u32 {
        let purse = creations.open(peer);
        let count = spend(creations, &purse, wanted);
        creations.close(&purse);
        count
    }

    fn spend(creations: &mut Creations, purse: &Purse, wanted: u32) -> u32 {
        let reserved = creations.reserve(purse, Kind::Account, wanted);
        creations.settle(reserved, wanted);
        reserved.count()
    }

    /// The purse of a session that has logged in with the password of this account.
    fn logged_in(creations: &mut Creations, peer: Peer, account: u32) -> Purse {
        let mut purse = creations.open(peer);
        creations.belong_to(&mut purse, AccountId(account));
        purse
    }

    #[test]
    fn an_allowance_is_used_up_and_refilled_evenly() {
        let mut creations = creations(60);
        let bob = peer("192.0.2.1");
        assert_eq!(create(&mut creations, bob, 50), 50);
        assert_eq!(create(&mut creations, bob, 50), 10);
        assert_eq!(create(&mut creations, bob, 1), 0);
        let purse = creations.open(bob);
        assert_eq!(creations.reserve(&purse, Kind::Channel, 9).count(), 9, "of their own");
        assert_eq!(create(&mut creations, peer("192.0.2.2"), 1), 1, "of another");
        creations.now += HOUR / 12;
        assert_eq!(create(&mut creations, bob, 50), 5);
        creations.now += 9 * HOUR;
        assert_eq!(create(&mut creations, bob, 99), 60);
    }

    #[test]
    fn what_is_under_way_is_taken_and_what_was_not_created_given_back() {
        let mut creations = creations(3);
        let bob = peer("192.0.2.1");
        let purse = creations.open(bob);
        let under_way = [2, 2, 2].map(|wanted| creations.reserve(&purse, Kind::Account, wanted));
        creations.close(&purse);
        assert_eq!(under_way.map(|reserved| reserved.count()), [2, 1, 0]);
        creations.settle(under_way[0], 1);
        creations.settle(under_way[1], 0);
        creations.settle(under_way[2], 0);
        assert_eq!(create(&mut creations, bob, 9), 2);
        let mut creations = super::tests::creations(3);
        let purse = creations.open(bob);
        let nothing = creations.reserve(&purse, Kind::Account, 1);
        creations.close(&purse);
        assert_eq!(creations.records.len(), 1, "something is reserved");
        creations.settle(nothing, 0);
        assert!(creations.records.is_empty() && creations.keys.is_empty());
    }

    #[test]
    fn networks_of_ipv6_pay_as_a_64_and_as_a_48() {
        let mut creations = creations(10);
        let first = peer("2001:db8:1:1::1");
        assert_eq!(create(&mut creations, first, 99), 10);
        assert_eq!(create(&mut creations, peer("2001:db8:1:1::2"), 1), 0, "the same /64");
        let rest: u32 = (2..9)
            .map(|net| create(&mut creations, peer(&format!("2001:db8:1:{net}::1")), 99))
            .sum();
        assert_eq!(rest, 30, "the /48 has four times as many in all");
        assert_eq!(create(&mut creations, peer("2001:db8:2:1::1"), 1), 1, "another /48");
        assert_eq!(create(&mut creations, peer("::ffff:192.0.2.1"), 99), 10);
        assert_eq!(create(&mut creations, peer("192.0.2.1"), 1), 0, "the same address");
    }

    #[test]
    fn an_account_with_a_password_pays_for_itself_and_local_programs_pay_together() {
        let mut creations = creations(10);
        let bob = peer("192.0.2.1");
        assert_eq!(create(&mut creations, bob, 99), 10);
        let with_password = logged_in(&mut creations, bob, 7);
        assert_eq!(spend(&mut creations, &with_password, 99), 10);
        let elsewhere = logged_in(&mut creations, peer("192.0.2.9"), 7);
        assert_eq!(spend(&mut creations, &elsewhere, 1), 0, "the same account");
        assert_eq!(create(&mut creations, local(), 999), 100);
        let mut none = super::tests::creations(0);
        assert_eq!(create(&mut none, bob, 1), 0);
    }

    #[test]
    fn the_table_is_bounded_and_forgets_those_who_created_least() {
        let mut creations = creations(10);
        let flooder = peer("192.0.2.1");
        create(&mut creations, flooder, 10);
        for number in 0..=u32::try_from(BUCKETS_MAX).unwrap() {
            let address = IpAddr::V4(Ipv4Addr::from_bits((10 << 24) + number));
            create(&mut creations, peer(&address.to_string()), 1);
        }
        assert!(creations.records.len() <= BUCKETS_MAX);
        assert_eq!(create(&mut creations, flooder, 1), 0);
        creations.now += HOUR;
        create(&mut creations, flooder, 1);
        let left = [creations.records.len(), creations.keys.len(), creations.taken.len()];
        assert_eq!(left, [1, 1, 1]);
    }
}
