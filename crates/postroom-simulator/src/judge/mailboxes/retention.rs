//! What may be too old for its retention.

use postroom_store::Timestamp;

use super::{Mailboxes, State};
use crate::texts::Written;

impl Mailboxes {
    /// From now on unread messages are too old after so many milliseconds.
    pub(crate) fn set_retention(&mut self, messages_ms: Option<u64>) {
        self.retention_ms = messages_ms;
    }

    /// A turn begins, at this time of day, which only grows where there is a retention.
    pub(crate) fn time_is(&mut self, texts: &[Written], wall: Timestamp) {
        let Some(retention_ms) = self.retention_ms else {
            return;
        };
        for (id, state) in self.of.values_mut().flatten() {
            let Timestamp(stored) = texts[id.0].stored;
            if *state == State::Waiting && stored.saturating_add(retention_ms) <= wall.0 {
                *state = State::MayBeDeleted;
            }
        }
    }
}
