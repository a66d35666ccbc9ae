//! Connections that have not logged in yet, and which of them gives way.
//!
//! They may be a quarter of all connections. Beyond that one ends of the network
//! with most of them, the one that has waited longest: a peer that opens many
//! connections and says nothing loses its own. A connection whose login is under way
//! neither counts nor gives way: the login takes a bounded time, and its answer may
//! have to wait for the password file or for other checks.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use postroom_model::{Network, SessionKey};

/// When a connection came, relative to the others.
type Arrival = u64;

/// All connections before their login, by the keys of their sessions.
#[derive(Debug, Default)]
pub(crate) struct BeforeLogin {
    waiting: HashMap<SessionKey, (Network, Arrival)>,
    /// Connections whose login is under way.
    logging_in: HashMap<SessionKey, (Network, Arrival)>,
    by_network: HashMap<Network, BTreeMap<Arrival, SessionKey>>,
    /// Networks, the last one that with most connections; of several that whose
    /// first connection has waited longest.
    ranks: BTreeSet<(usize, Reverse<Arrival>, Network)>,
    last_arrival: Arrival,
}

impl BeforeLogin {
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
        self.change(network, |sessions| {
            sessions.remove(&arrival);
        });
        Some((network, arrival))
    }

    fn wait(&mut self, session: SessionKey, network: Network, arrival: Arrival) {
        self.waiting.insert(session, (network, arrival));
        self.change(network, |sessions| {
            sessions.insert(arrival, session);
        });
    }

    /// The session that gives way where there are too many.
    pub(crate) fn longest_of_most(&self) -> Option<SessionKey> {
        let (_, _, network) = self.ranks.last()?;
        self.by_network.get(network)?.values().next().copied()
    }

    fn change(
        &mut self,
        network: Network,
        change: impl FnOnce(&mut BTreeMap<Arrival, SessionKey>),
    ) {
        let sessions = self.by_network.entry(network).or_default();
        self.ranks.remove(&rank(network, sessions));
        change(sessions);
        if sessions.is_empty() {
            self.by_network.remove(&network);
        } else {
            self.ranks.insert(rank(network, sessions));
        }
    }
}

fn rank(
    network: Network,
    sessions: &BTreeMap<Arrival, SessionKey>,
) -> (usize, Reverse<Arrival>, Network) {
    let first = sessions.keys().next().copied().unwrap_or_default();
    (sessions.len(), Reverse(first), network)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn network(number: u8) -> Network {
        Network::V4(Ipv4Addr::new(192, 0, 2, number))
    }

    proptest! {
        #[test]
        fn the_longest_waiting_of_the_network_with_most_gives_way(
            steps in prop::collection::vec((0..6_u8, 0..4_u8), 0..60),
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
                        let count = |of| model.iter().filter(|(_, other)| *other == of).count();
                        let most = model.iter().map(|(_, of)| count(*of)).max();
                        let longest = model.iter().position(|(_, of)| Some(count(*of)) == most);
                        let expected = longest.map(|place| model.remove(place).0);
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
