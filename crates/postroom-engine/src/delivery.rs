//! Delivery receipts by the peer's operating system: a line counts as delivered once
//! that has acknowledged all its bytes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use postroom_model::{Mark, Notice, SessionKey};
use postroom_store::Store;

use crate::Engine;
use crate::key::ConnectionKey;

/// How often the driver asks: no event tells of an acknowledgement.
const ASK_EVERY: Duration = Duration::from_millis(2);

/// A line that counts as delivered once it is acknowledged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    pub(crate) connection: ConnectionKey,
    /// Bytes of the connection up to its end.
    position: u64,
    /// The session that it was sent to.
    session: SessionKey,
    mark: Mark,
    /// Its sender waits no longer.
    until: Instant,
}

impl<S: Store> Engine<S> {
    /// Watches until the peer has acknowledged all bytes so far.
    pub(crate) fn watch(&mut self, key: ConnectionKey, session: SessionKey, mark: Mark) {
        let position = self.connections[key.index()].position();
        let until = self.now + self.settings.session.im.delivery_limit;
        self.watches.push(Watch { connection: key, position, session, mark, until });
    }

    /// Asks the driver, at the end of a turn, how many bytes the peers of watched
    /// connections have acknowledged: once a connection and interval, since each costs a
    /// system call.
    pub fn ask_for_acknowledgements(
        &mut self,
        now: Instant,
        mut acknowledged: impl FnMut(ConnectionKey) -> u64,
    ) {
        self.now = now;
        if self.watches.is_empty() || self.next_ask().is_some_and(|next| now < next) {
            return;
        }
        self.asked_at = Some(now);
        let mut told = BTreeMap::new();
        let mut acknowledged = |key| *told.entry(key).or_insert_with(|| acknowledged(key));
        let (connections, office) = (&self.connections, &mut self.office);
        self.watches.retain(|watch| {
            // Another connection may have its key by now.
            let connection = connections.get(watch.connection.index());
            let is_there = connection.is_some_and(|other| other.session == Some(watch.session));
            let is_delivered = is_there && watch.position <= acknowledged(watch.connection);
            if is_delivered {
                office.note(watch.session, Notice::Delivered(watch.mark));
            }
            !is_delivered && is_there && now < watch.until
        });
    }

    /// When to ask again.
    pub(crate) fn next_ask(&self) -> Option<Instant> {
        let at = self.asked_at.map_or(self.now, |asked_at| asked_at + ASK_EVERY);
        (!self.watches.is_empty()).then_some(at)
    }
}
