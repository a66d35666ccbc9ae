//! The limit of the memory that what waits for all peers takes.

use std::collections::{BTreeMap, BinaryHeap};

use postroom_model::{Fault, Network, Site, faulty};
use postroom_protocol::Stream;
use postroom_store::Store;

use crate::Engine;
use crate::connection::Ending;
use crate::key::ConnectionKey;

impl<S: Store> Engine<S> {
    /// Where what waits for all peers takes too much memory, ends the connection with most
    /// of it, of the network with most of the site with most, and then the next: a peer with
    /// many connections, or with many networks of a /48, loses its own.
    pub(crate) fn end_those_with_most_waiting(&mut self) {
        let is_within = self.held_bytes <= self.settings.output_bytes_in_all;
        if is_within || faulty(Fault::OutputUnlimitedInAll) {
            return;
        }
        let mut sites = BTreeMap::<Site, OfSite>::new();
        for (key, connection) in &self.connections {
            let session = connection.session.and_then(|session| self.sessions.get(session));
            if let Some(session) = session {
                let queued = match connection.stream {
                    Stream::Front => session.queued_bytes,
                    Stream::Back => 0,
                };
                let network = Network::from(session.peer.ip);
                let site = sites.entry(network.site()).or_default();
                site.add(network, connection.held() + queued, key);
            }
        }
        while self.held_bytes > self.settings.output_bytes_in_all
            && let Some(site) = sites.values_mut().max_by_key(|site| site.held)
            && let Some(key) = site.take()
        {
            // The end of another one may have ended it.
            if self.connections.contains(key) {
                self.remove(ConnectionKey::from_index(key), Ending::TooMuchWaits);
            }
        }
    }
}

/// What waits for the connections of a site.
#[derive(Debug, Default)]
struct OfSite {
    held: usize,
    networks: BTreeMap<Network, OfNetwork>,
}

/// What waits for the connections of a network, and for each.
#[derive(Debug, Default)]
struct OfNetwork {
    held: usize,
    connections: BinaryHeap<(usize, usize)>,
}

impl OfSite {
    fn add(&mut self, network: Network, held: usize, key: usize) {
        let of = self.networks.entry(network).or_default();
        self.held += held;
        of.held += held;
        of.connections.push((held, key));
    }

    /// Takes the connection with most, of the network with most.
    fn take(&mut self) -> Option<usize> {
        let of = self.networks.values_mut().max_by_key(|of| of.held)?;
        let (held, key) = of.connections.pop()?;
        self.held -= held;
        of.held -= held;
        Some(key)
    }
}
