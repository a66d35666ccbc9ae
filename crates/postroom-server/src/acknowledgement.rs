//! Watching for the peer's operating system to acknowledge what it was sent.

use std::time::{Duration, Instant};

use postroom_model::{Mark, Notice};
use postroom_office::SessionKey;
use postroom_store::Store;

use crate::event_loop::Server;

/// How often it is asked: no event tells of an acknowledgement.
const ASK_EVERY: Duration = Duration::from_millis(2);

/// Something that is heard once it is acknowledged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    pub(crate) connection: usize,
    /// The last byte of it.
    position: u64,
    /// Who hears it.
    session: SessionKey,
    mark: Mark,
    /// No one waits for it any longer.
    until: Instant,
}

impl<S: Store> Server<S> {
    /// Watches until the peer has acknowledged all bytes so far.
    pub(crate) fn watch(&mut self, connection: usize, session: SessionKey, mark: Mark) {
        let position = self.connections[connection].position();
        let until = self.now + self.settings.session.im.delivery_limit;
        self.watches.push(Watch { connection, position, session, mark, until });
    }

    /// Tells the office what was acknowledged meanwhile.
    pub(crate) fn ask_for_acknowledgements(&mut self) {
        let (connections, office, now) = (&self.connections, &mut self.office, self.now);
        self.watches.retain(|watch| {
            let connection = connections.get(watch.connection);
            let is_heard = connection.is_some_and(|peer| peer.has_acknowledged(watch.position));
            if is_heard {
                office.note(watch.session, Notice::Delivered(watch.mark));
            }
            !is_heard && connection.is_some() && now < watch.until
        });
    }

    /// When to ask again.
    pub(crate) fn next_ask_in(&self) -> Option<Duration> {
        (!self.watches.is_empty()).then_some(ASK_EVERY)
    }
}
