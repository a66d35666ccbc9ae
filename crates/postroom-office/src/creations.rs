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
use std::time::{Duration, Instant};

use postroom_model::{Network, Peer};
use postroom_store::AccountId;

/// Maximum buckets with something taken from them; in memory they have about 100 bytes
/// each.
const BUCKETS_MAX: usize = 65_536;

/// A /48 of IPv6, as a site or a hosting customer has, may create as much as so many of
/// its /64.
const SITE_NETWORKS: u32 = 4;

const HOUR: Duration = Duration::from_hours(1);

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
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    Account,
    Channel,
}

/// What pays for what a session creates.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Payer {
    Account(u32),
    Local,
    V4(Ipv4Addr),
    /// A /64.
    V6([u16; 4]),
    /// A /48.
    V6Site([u16; 3]),
}

/// Who pays for what a session creates, and at which rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Purse {
    payer: Payer,
    is_local: bool,
}

impl From<Peer> for Purse {
    fn from(peer: Peer) -> Self {
        let payer = match peer.network {
            _ if peer.is_local => Payer::Local,
            Network::V4(address) => Payer::V4(address),
            Network::V6(prefix) => Payer::V6(prefix),
        };
        Self { payer, is_local: peer.is_local }
    }
}

impl Purse {
    /// From now on this account pays, which has a password.
    pub(crate) fn belong_to(&mut self, account: AccountId) {
        self.payer = Payer::Account(account.0);
    }

    /// The payers, each with how many times the allowance it has.
    fn payers(self) -> impl Iterator<Item = (Payer, u32)> {
        let site = match self.payer {
            Payer::V6([a, b, c, _]) => Some((Payer::V6Site([a, b, c]), SITE_NETWORKS)),
            _ => None,
        };
        [(self.payer, 1)].into_iter().chain(site)
    }
}

/// What a request under way may create. It must be [settled](Creations::settle).
#[derive(Clone, Copy, Debug)]
#[must_use = "a reservation that is not settled lessens its payer's allowance"]
pub(crate) struct Reservation {
    purse: Purse,
    kind: Kind,
    count: u32,
}

impl Reservation {
    pub(crate) fn count(&self) -> u32 {
        self.count
    }
}

/// What is taken from an allowance.
#[derive(Debug, Default)]
struct Bucket {
    /// When it is full again, without what is reserved.
    full_at: Duration,
    /// For requests under way.
    reserved: u32,
}

/// What peers have created lately.
#[derive(Debug)]
pub(crate) struct Creations {
    limits: CreationLimits,
    buckets: HashMap<(Kind, Payer), Bucket>,
    /// Buckets from which something is taken, that first which is full first.
    taken: BTreeSet<(Duration, (Kind, Payer))>,
    first: Option<Instant>,
    /// The time since `first`.
    now: Duration,
}

impl Creations {
    pub(crate) fn new(limits: CreationLimits) -> Self {
        let (buckets, taken) = (HashMap::new(), BTreeSet::new());
        Self { limits, buckets, taken, first: None, now: Duration::ZERO }
    }

    pub(crate) fn set_time(&mut self, now: Instant) {
        let first = *self.first.get_or_insert(now);
        self.now = now.saturating_duration_since(first);
    }

    /// Reserves as many as are left, `wanted` at most.
    pub(crate) fn reserve(&mut self, purse: Purse, kind: Kind, wanted: u32) -> Reservation {
        let left = purse.payers().map(|payer| self.left(purse, kind, payer)).min();
        let count = left.unwrap_or(0).min(wanted);
        if count > 0 {
            for (payer, _) in purse.payers() {
                self.buckets.entry((kind, payer)).or_default().reserved += count;
            }
        }
        Reservation { purse, kind, count }
    }

    /// Takes what was created of what was reserved, and gives the rest back.
    pub(crate) fn settle(&mut self, reservation: Reservation, created: u32) {
        let Reservation { purse, kind, count } = reservation;
        if count == 0 {
            return;
        }
        let created = created.min(count);
        for (payer, times) in purse.payers() {
            let Some(interval) = self.interval(purse, kind, times) else {
                continue;
            };
            let (key, now) = ((kind, payer), self.now);
            let bucket = self.buckets.entry(key).or_default();
            bucket.reserved = bucket.reserved.saturating_sub(count);
            if created > 0 {
                self.taken.remove(&(bucket.full_at, key));
                bucket.full_at = bucket.full_at.max(now) + interval * created;
                self.taken.insert((bucket.full_at, key));
            } else if bucket.reserved == 0 && bucket.full_at <= now {
                self.taken.remove(&(bucket.full_at, key));
                self.buckets.remove(&key);
            }
        }
        if created > 0 {
            self.forget();
        }
    }

    /// Forgets buckets that are full again, and those beyond the limit.
    fn forget(&mut self) {
        while let Some((full_at, key)) = self.taken.first().copied()
            && (full_at <= self.now || self.taken.len() > BUCKETS_MAX)
        {
            self.taken.pop_first();
            if let Some(bucket) = self.buckets.get_mut(&key) {
                bucket.full_at = Duration::ZERO;
                if bucket.reserved == 0 {
                    self.buckets.remove(&key);
                }
            }
        }
    }

    fn left(&self, purse: Purse, kind: Kind, (payer, times): (Payer, u32)) -> u32 {
        let Some(interval) = self.interval(purse, kind, times) else {
            return 0;
        };
        let (full_at, reserved) = match self.buckets.get(&(kind, payer)) {
            Some(bucket) => (bucket.full_at.max(self.now), bucket.reserved),
            None => (self.now, 0),
        };
        let free = (self.now + HOUR).saturating_sub(full_at);
        let left = free.as_nanos() / interval.as_nanos();
        u32::try_from(left).unwrap_or(u32::MAX).saturating_sub(reserved)
    }

    /// The time that brings one back; `None` if none may be created.
    fn interval(&self, purse: Purse, kind: Kind, times: u32) -> Option<Duration> {
        let rates = match kind {
            Kind::Account => self.limits.accounts,
            Kind::Channel => self.limits.channels,
        };
        let rate = if purse.is_local { rates.per_hour_local } else { rates.per_hour };
        let interval = HOUR.checked_div(rate.saturating_mul(times))?;
        Some(interval.max(Duration::from_nanos(1)))
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

    fn purse(address: &str) -> Purse {
        let network = address.parse::<IpAddr>().unwrap().into();
        Peer { network, is_shared: false, is_local: false }.into()
    }

    fn local() -> Purse {
        let network = IpAddr::from([127, 0, 0, 1]).into();
        Peer { network, is_shared: true, is_local: true }.into()
    }

    /// Creates as many as the purse pays for, `wanted` at most; returns how many.
    fn create(creations: &mut Creations, purse: Purse, wanted: u32) -> u32 {
        let reserved = creations.reserve(purse, Kind::Account, wanted);
        creations.settle(reserved, wanted);
        reserved.count()
    }

    #[test]
    fn an_allowance_is_used_up_and_refilled_evenly() {
        let mut creations = creations(60);
        let bob = purse("192.0.2.1");
        assert_eq!(create(&mut creations, bob, 50), 50);
        assert_eq!(create(&mut creations, bob, 50), 10);
        assert_eq!(create(&mut creations, bob, 1), 0);
        assert_eq!(creations.reserve(bob, Kind::Channel, 9).count(), 9, "of their own");
        assert_eq!(create(&mut creations, purse("192.0.2.2"), 1), 1, "of another");
        creations.now += Duration::from_mins(5);
        assert_eq!(create(&mut creations, bob, 50), 5);
        creations.now += Duration::from_hours(9);
        assert_eq!(create(&mut creations, bob, 99), 60);
    }

    #[test]
    fn what_is_under_way_is_taken_and_what_was_not_created_given_back() {
        let mut creations = creations(3);
        let bob = purse("192.0.2.1");
        let under_way = [2, 2, 2].map(|wanted| creations.reserve(bob, Kind::Account, wanted));
        assert_eq!(under_way.map(|reserved| reserved.count()), [2, 1, 0]);
        creations.settle(under_way[0], 1);
        creations.settle(under_way[1], 0);
        creations.settle(under_way[2], 0);
        assert_eq!(create(&mut creations, bob, 9), 2);
        let mut creations = super::tests::creations(3);
        let nothing = creations.reserve(bob, Kind::Account, 1);
        creations.settle(nothing, 0);
        assert!(creations.buckets.is_empty(), "a full bucket is not kept");
    }

    #[test]
    fn networks_of_ipv6_pay_as_a_64_and_as_a_48() {
        let mut creations = creations(10);
        let first = purse("2001:db8:1:1::1");
        assert_eq!(create(&mut creations, first, 99), 10);
        assert_eq!(create(&mut creations, purse("2001:db8:1:1::2"), 1), 0, "the same /64");
        let rest: u32 = (2..9)
            .map(|net| create(&mut creations, purse(&format!("2001:db8:1:{net}::1")), 99))
            .sum();
        assert_eq!(rest, 30, "the /48 has four times as many in all");
        assert_eq!(create(&mut creations, purse("2001:db8:2:1::1"), 1), 1, "another /48");
        assert_eq!(create(&mut creations, purse("::ffff:192.0.2.1"), 99), 10);
        assert_eq!(create(&mut creations, purse("192.0.2.1"), 1), 0, "the same address");
    }

    #[test]
    fn an_account_with_a_password_pays_for_itself_and_local_programs_pay_together() {
        let mut creations = creations(10);
        let mut bob = purse("192.0.2.1");
        assert_eq!(create(&mut creations, bob, 99), 10);
        bob.belong_to(AccountId(7));
        assert_eq!(create(&mut creations, bob, 99), 10);
        let mut elsewhere = purse("192.0.2.9");
        elsewhere.belong_to(AccountId(7));
        assert_eq!(create(&mut creations, elsewhere, 1), 0, "the same account");
        assert_eq!(create(&mut creations, local(), 999), 100);
        let mut none = super::tests::creations(0);
        assert_eq!(create(&mut none, elsewhere, 1), 0);
    }

    #[test]
    fn the_table_is_bounded_and_forgets_those_who_created_least() {
        let mut creations = creations(10);
        let flooder = purse("192.0.2.1");
        create(&mut creations, flooder, 10);
        for number in 0..=u32::try_from(BUCKETS_MAX).unwrap() {
            let address = IpAddr::V4(Ipv4Addr::from_bits((10 << 24) + number));
            create(&mut creations, purse(&address.to_string()), 1);
        }
        assert!(creations.buckets.len() <= BUCKETS_MAX);
        assert_eq!(create(&mut creations, flooder, 1), 0);
        creations.now += HOUR;
        create(&mut creations, flooder, 1);
        assert_eq!((creations.buckets.len(), creations.taken.len()), (1, 1));
    }
}
