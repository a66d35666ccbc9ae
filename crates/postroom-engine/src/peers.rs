//! How many connections the peers have, and how often they connect.
//!
//! A connection counts for its peer's network and, with IPv6, for the network's site (/48),
//! which may have as much as [`SITE_NETWORKS`] networks. How often a peer connects is one
//! time, at which it may connect as often as at first again (GCRA). Refused connections cost
//! nothing: while a program floods, others behind the same address get their share.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use postroom_model::{Fault, Network, SITE_NETWORKS, Site, faulty};

use crate::rates::{forget_idle, site};
use crate::refusal::Refusal;
use crate::settings::PeerLimits;

/// Networks of which it is known how often they connect, and sites. Those at rest are
/// forgotten first, then those that connected least.
const RATES_MAX: usize = 65_536;
const MINUTE: Duration = Duration::from_mins(1);

/// The connections of all peers that are limited.
#[derive(Debug)]
pub(crate) struct Peers {
    limits: PeerLimits,
    networks: Table<Network>,
    sites: Table<Site>,
}

impl Peers {
    pub(crate) fn new(limits: PeerLimits) -> Self {
        let (networks, sites) = (Limits::of_networks(&limits), Limits::of_sites(&limits));
        Self { limits, networks: Table::new(networks), sites: Table::new(sites) }
    }

    /// Replaces the limits. Connections beyond them stay.
    pub(crate) fn set_limits(&mut self, limits: PeerLimits) {
        self.networks.limits = Limits::of_networks(&limits);
        self.sites.limits = Limits::of_sites(&limits);
        self.limits = limits;
    }

    /// Whether the limits apply to an address that is its client's own.
    pub(crate) fn counts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let is_exempt = address.is_loopback() && !self.limits.loopback
            || self.limits.trusted.iter().any(|trusted| trusted.contains(&address));
        !is_exempt
    }

    /// A peer connects. It is counted until it [leaves](Self::leave), unless it has met a
    /// limit.
    pub(crate) fn enter(&mut self, network: Network, now: Instant) -> Result<(), Refusal> {
        let site = site(network);
        let full_at = self.networks.check(network, now)?;
        if let Some(site) = site {
            let full_at = self.sites.check(site, now)?;
            self.sites.enter(site, full_at, now);
        }
        self.networks.enter(network, full_at, now);
        Ok(())
    }

    /// A connection that has entered is gone.
    pub(crate) fn leave(&mut self, network: Network) {
        self.networks.leave(network);
        if let Some(site) = site(network) {
            self.sites.leave(site);
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    connections: u32,
    new_per_minute: u32,
    too_many: Refusal,
    too_often: Refusal,
}

impl Limits {
    fn of_networks(limits: &PeerLimits) -> Self {
        Self {
            connections: limits.connections,
            new_per_minute: limits.new_per_minute,
            too_many: Refusal::TooManyOfAddress,
            too_often: Refusal::TooOftenOfAddress,
        }
    }

    fn of_sites(limits: &PeerLimits) -> Self {
        Self {
            connections: limits.connections.saturating_mul(SITE_NETWORKS),
            new_per_minute: limits.new_per_minute.saturating_mul(SITE_NETWORKS),
            too_many: Refusal::TooManyOfSite,
            too_often: Refusal::TooOftenOfSite,
        }
    }
}

/// The connections of the networks, or of the sites.
#[derive(Debug)]
struct Table<K> {
    limits: Limits,
    /// Connections that there are: never more entries than connections.
    connections: HashMap<K, u32>,
    /// When each may connect as often as at first again, at most [`RATES_MAX`].
    full_at: BTreeMap<K, Instant>,
}

impl<K: Copy + Eq + Hash + Ord> Table<K> {
    fn new(limits: Limits) -> Self {
        Self { limits, connections: HashMap::new(), full_at: BTreeMap::new() }
    }

    /// Whether there may be one more connection; when its peer may then connect as often as
    /// at first again.
    fn check(&self, key: K, now: Instant) -> Result<Instant, Refusal> {
        let connections = self.connections.get(&key).copied().unwrap_or_default();
        if connections >= self.limits.connections && !faulty(Fault::PeersUnlimited) {
            return Err(self.limits.too_many);
        }
        let full_at = self.full_at.get(&key).copied().map_or(now, |at| at.max(now));
        let full_at = full_at + MINUTE / self.limits.new_per_minute.max(1);
        if full_at > now + MINUTE {
            return Err(self.limits.too_often);
        }
        Ok(full_at)
    }

    fn enter(&mut self, key: K, full_at: Instant, now: Instant) {
        *self.connections.entry(key).or_default() += 1;
        if self.full_at.len() >= RATES_MAX && !self.full_at.contains_key(&key) {
            forget_idle(&mut self.full_at, now, |at| Some(*at));
        }
        self.full_at.insert(key, full_at);
    }

    fn leave(&mut self, key: K) {
        if let Some(connections) = self.connections.get_mut(&key) {
            *connections -= 1;
            if *connections == 0 {
                self.connections.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tests::any_time;

    fn peers(connections: u32, new_per_minute: u32) -> Peers {
        Peers::new(PeerLimits { connections, new_per_minute, ..PeerLimits::default() })
    }

    fn network(address: &str) -> Network {
        address.parse::<IpAddr>().unwrap().into()
    }

    /// How many connections of these networks are let in.
    fn let_in(peers: &mut Peers, networks: impl Iterator<Item = String>, now: Instant) -> usize {
        networks.filter(|address| peers.enter(network(address), now).is_ok()).count()
    }

    #[test]
    fn a_site_has_as_much_as_four_of_its_networks() {
        let now = any_time();
        let of_one_site = || (0..100).map(|number| format!("2001:db8:1:{number:x}::1"));
        assert_eq!(let_in(&mut peers(5, 1_000), of_one_site(), now), 20);
        assert_eq!(let_in(&mut peers(1_000, 5), of_one_site(), now), 20);
        let of_one_network = || (0..100).map(|number| format!("2001:db8:1:2::{number:x}"));
        let mut peers = peers(5, 1_000);
        assert_eq!(let_in(&mut peers, of_one_network(), now), 5);
        let refused = peers.enter(network("2001:db8:1:2::1"), now);
        assert_eq!(refused, Err(Refusal::TooManyOfAddress));
        assert_eq!(peers.enter(network("2001:db8:2:2::1"), now), Ok(()));
    }

    #[test]
    fn nothing_is_kept_of_those_who_left_and_rest() {
        let (mut now, mut peers) = (any_time(), peers(5, 1_000));
        for number in 0..200_000_u32 {
            let [_, b, c, d] = number.to_be_bytes();
            for network in [
                network(&format!("10.{b}.{c}.{d}")),
                network(&format!("2001:db8:{b:x}{c:02x}:{d:x}::1")),
            ] {
                peers.enter(network, now).unwrap();
                peers.leave(network);
            }
            now += Duration::from_micros(1);
            assert!(peers.networks.full_at.len() <= RATES_MAX);
            assert!(peers.sites.full_at.len() <= RATES_MAX);
        }
        assert!(peers.networks.connections.is_empty() && peers.sites.connections.is_empty());
    }

    #[test]
    fn who_connects_often_is_not_forgotten_for_others() {
        let (now, mut peers) = (any_time(), peers(1_000, 10));
        let greedy = network("192.0.2.1");
        while peers.enter(greedy, now).is_ok() {}
        for number in 0..200_000_u32 {
            let [_, b, c, d] = number.to_be_bytes();
            peers.enter(network(&format!("10.{b}.{c}.{d}")), now).unwrap();
        }
        assert!(peers.enter(greedy, now).is_err());
    }

    proptest! {
        /// In any time a peer gets its burst and what an even refill brings back, and who
        /// has waited for a token gets in.
        #[test]
        fn a_peer_connects_so_often_and_no_less(
            per_minute in 1..100_u32,
            pauses in prop::collection::vec(0..5_000_u64, 1..300),
        ) {
            let mut peers = peers(u32::MAX, per_minute);
            let (begun, one) = (any_time(), network("192.0.2.1"));
            let interval = 60_000.0 / f64::from(per_minute);
            let (mut now, mut tokens) = (begun, f64::from(per_minute));
            for pause in pauses {
                let is_in = peers.enter(one, now).is_ok();
                prop_assert!(if is_in { tokens > 0.999 } else { tokens < 1.001 }, "{tokens}");
                tokens -= f64::from(u8::from(is_in));
                now += Duration::from_millis(pause);
                let refill = Duration::from_millis(pause).as_secs_f64() * 1_000.0 / interval;
                tokens = (tokens + refill).min(f64::from(per_minute));
            }
        }
    }
}
