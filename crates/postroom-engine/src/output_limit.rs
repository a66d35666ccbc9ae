//! The limit of the memory that what waits for all peers takes.

use std::collections::{BTreeMap, BinaryHeap};

use postroom_model::{Fault, Network, faulty};
use postroom_protocol::Stream;
use postroom_store::Store;

use crate::Engine;
use crate::connection::Ending;
use crate::key::ConnectionKey;

impl<S: Store> Engine<S> {
    /// Where what waits for all peers takes too much memory, ends the connection with most
    /// of it, of the network with most, and then the next: a peer with many connections
    /// loses its own.
    pub(crate) fn end_those_with_most_waiting(&mut self) {
        let is_within = self.held_bytes <= self.settings.output_bytes_in_all;
        if is_within || faulty(Fault::OutputUnlimitedInAll) {
            return;
        }
        let mut networks = BTreeMap::<Network, (usize, BinaryHeap<(usize, usize)>)>::new();
        for (key, connection) in &self.connections {
            let session = connection.session.and_then(|session| self.sessions.get(session));
            if let Some(session) = session {
                let queued = match connection.stream {
                    Stream::Front => session.queued_bytes,
                    Stream::Back => 0,
                };
                let held = connection.held() + queued;
                let (in_all, connections) = networks.entry(session.peer.ip.into()).or_default();
                *in_all += held;
                connections.push((held, key));
            }
        }
        while self.held_bytes > self.settings.output_bytes_in_all
            && let Some((in_all, connections)) = networks.values_mut().max_by_key(|(held, _)| *held)
            && let Some((held, key)) = connections.pop()
        {
            *in_all -= held;
            // The end of another one may have ended it.
            if self.connections.contains(key) {
                self.remove(ConnectionKey::from_index(key), Ending::TooMuchWaits);
            }
        }
    }
}
