//! Connections that have not logged in yet, and which of them gives way.
//!
//! They may be a quarter of all connections. Beyond that one ends of the site with most of
//! them, of its network with most (a /48 of IPv6 has many), the one that has waited longest:
//! a peer that opens many connections and says nothing loses its own. A connection whose
//! login is under way neither counts nor gives way: the login takes a bounded time, and its
//! answer may have to wait for the password file or for other checks.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use postroom_model::{Network, SessionKey, Site};

/// When a connection came, relative to the others.
type Arrival = u64;

/// All connections before their login, by the keys of their sessions.
#[derive(Debug, Default)]
pub(crate) struct BeforeLogin {
    waiting: HashMap<SessionKey, (Network, Arrival)>,
    /// Connections whose login is under way.
    logging_in: HashMap<SessionKey, (Network, Arrival)>,
    sites: Ranked<Site>,
    /// The networks of each site of IPv6. An address of IPv4 is a site itself.
    networks: HashMap<Site, Ranked<Network>>,
    last_arrival: Arrival,
}

/// The waiting connections of each peer.
#[derive(Debug)]
struct Ranked<K> {
    by_peer: HashMap<K, BTreeMap<Arrival, SessionKey>>,
    /// Peers, the last one that with most connections; of several that whose
    /// first connection has waited longest.
    ranks: BTreeSet<(usize, Reverse<Arrival>, K)>,
}

impl BeforeLogin {
    /// Whether a session waits for its login, or its login is under way.
    pub(crate) fn contains(&self, session: SessionKey) -> bool {
        self.waiting.contains_key(&session) || self.logging_in.contains_key(&session)
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// The session has just begun, or its login has failed: then it waits in its old
    /// place.
    pub(crate) fn await_login(&mut self, session: SessionKey, network: Network) {
        if self.waiting.contains_key(&session) {
            return;
        }
        let (network, arrival) = self.logging_in.remove(&session).unwrap_or_else(|| {
            self.last_arrival += 1;
            (network, self.last_arrival)
        });
        self.wait(session, network, arrival);
    }

    /// The session has logged in, or is gone.
    pub(crate) fn remove(&mut self, session: SessionKey) {
        self.logging_in.remove(&session);
        self.stop_waiting(session);
    }

    /// The session has asked to log in.
    pub(crate) fn begin_login(&mut self, session: SessionKey) {
        if let Some(place) = self.stop_waiting(session) {
            self.logging_in.insert(session, place);
        }
    }

    fn stop_waiting(&mut self, session: SessionKey) -> Option<(Network, Arrival)> {
        let (network, arrival) = self.waiting.remove(&session)?;
        let site = network.site();
        self.sites.remove(site, arrival);
        if let Some(networks) = self.networks.get_mut(&site) {
            networks.remove(network, arrival);
            if networks.ranks.is_empty() {
                self.networks.remove(&site);
            }
        }
        Some((network, arrival))
    }

    fn wait(&mut self, session: SessionKey, network: Network, arrival: Arrival) {
        let site = network.site();
        self.waiting.insert(session, (network, arrival));
        self.sites.add(site, arrival, session);
        if let Site::V6(_) = site {
            self.networks.entry(site).or_default().add(network, arrival, session);
        }
    }

    /// The session that gives way where there are too many.
    pub(crate) fn longest_of_most(&self) -> Option<SessionKey> {
        let site = self.sites.most()?;
        match self.networks.get(&site) {
            Some(networks) => networks.longest(networks.most()?),
            None => self.sites.longest(site),
        }
    }
}

impl<K> Default for Ranked<K> {
    fn default() -> Self {
        Self { by_peer: HashMap::new(), ranks: BTreeSet::new() }
    }
}

impl<K: Copy + Eq + Hash + Ord> Ranked<K> {
    fn most(&self) -> Option<K> {
        self.ranks.last().map(|(_, _, peer)| *peer)
    }

    fn longest(&self, peer: K) -> Option<SessionKey> {
        self.by_peer.get(&peer)?.values().next().copied()
    }

    fn add(&mut self, peer: K, arrival: Arrival, session: SessionKey) {
        self.change(peer, |sessions| {
            sessions.insert(arrival, session);
        });
    }

    fn remove(&mut self, peer: K, arrival: Arrival) {
        self.change(peer, |sessions| {
            sessions.remove(&arrival);
        });
    }

    fn change(&mut self, peer: K, change: impl FnOnce(&mut BTreeMap<Arrival, SessionKey>)) {
        let sessions = self.by_peer.entry(peer).or_default();
        self.ranks.remove(&rank(peer, sessions));
        change(sessions);
        if sessions.is_empty() {
            self.by_peer.remove(&peer);
        } else {
            self.ranks.insert(rank(peer, sessions));
        }
    }
}

fn rank<K>(peer: K, sessions: &BTreeMap<Arrival, SessionKey>) -> (usize, Reverse<Arrival>, K) {
    let first = sessions.keys().next().copied().unwrap_or_default();
    (sessions.len(), Reverse(first), peer)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    /// Some are addresses of IPv4, the others networks of two sites.
    fn network(number: u8) -> Network {
        match number {
            ..2 => Network::V4(Ipv4Addr::new(192, 0, 2, number)),
            2.. => Network::V6([0x2001, 0xdb8, u16::from(number) / 4, number.into()]),
        }
    }

    #[test]
    fn the_many_networks_of_one_site_take_no_place_of_another() {
        let mut before_login = BeforeLogin::default();
        let honest = [1, 1, 2].map(network);
        let mut number = 0;
        let mut key = || {
            number += 1;
            SessionKey::new(number, 0)
        };
        for network in honest {
            before_login.await_login(key(), network);
        }
        for network in 0..1_000 {
            before_login.await_login(key(), Network::V6([0x2001, 0xdb8, 9, network]));
        }
        for _ in 0..997 {
            let session = before_login.longest_of_most().unwrap();
            assert!(session.index() > honest.len(), "one of another site gave way");
            before_login.remove(session);
        }
    }

    /// The place of the one that gives way, of the sessions and the numbers of their networks
    /// in the order of their arrival.
    fn longest_of_most(model: &[(SessionKey, u8)]) -> Option<usize> {
        let of_site = |of| {
            model.iter().filter(|(_, other)| network(*other).site() == network(of).site()).count()
        };
        let most = model.iter().map(|(_, of)| of_site(*of)).max()?;
        let longest = model.iter().find(|(_, of)| of_site(*of) == most)?;
        let site = network(longest.1).site();
        let is_of_site = |of: u8| network(of).site() == site;
        let of_network = |of| model.iter().filter(|(_, other)| *other == of).count();
        let networks = model.iter().filter(|(_, of)| is_of_site(*of));
        let most = networks.map(|(_, of)| of_network(*of)).max()?;
        model.iter().position(|(_, of)| is_of_site(*of) && of_network(*of) == most)
    }

    proptest! {
        #[test]
        fn the_longest_waiting_of_the_site_and_the_network_with_most_gives_way(
            steps in prop::collection::vec((0..6_u8, 0..8_u8), 0..60),
        ) {
            let mut before_login = BeforeLogin::default();
            // In the order of their arrival.
            let mut model: Vec<(SessionKey, u8)> = Vec::new();
            let mut logging_in: Vec<(SessionKey, u8)> = Vec::new();
            for (number, (step, of)) in (0..).zip(steps) {
                let session = SessionKey::new(number, 0);
                match step {
                    0 if !model.is_empty() => {
                        let (gone, _) = model.remove(usize::from(of) % model.len());
                        before_login.remove(gone);
                    }
                    1 => {
                        let expected = longest_of_most(&model).map(|place| model.remove(place).0);
                        let found = before_login.longest_of_most();
                        prop_assert_eq!(found, expected);
                        if let Some(session) = found {
                            before_login.remove(session);
                        }
                    }
                    2 if !model.is_empty() => {
                        let asked = model.remove(usize::from(of) % model.len());
                        before_login.begin_login(asked.0);
                        logging_in.push(asked);
                    }
                    3 if !logging_in.is_empty() => {
                        let refused = logging_in.remove(usize::from(of) % logging_in.len());
                        before_login.await_login(refused.0, network(refused.1));
                        model.push(refused);
                        model.sort_unstable();
                    }
                    4 if !logging_in.is_empty() => {
                        let (gone, _) = logging_in.remove(usize::from(of) % logging_in.len());
                        before_login.remove(gone);
                    }
                    _ => {
                        model.push((session, of));
                        before_login.await_login(session, network(of));
                    }
                }
                prop_assert_eq!(before_login.len(), model.len());
            }
        }
    }
}
