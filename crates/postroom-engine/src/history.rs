//! The history of channels and of mailboxes, for whoever reads it beside the loop.

use postroom_model::{MessageId, SessionKey};
use postroom_store::{Damaged, HistoryFrom, HistoryQuery, HistoryRows, KeptRows, NotKept, Store};

use crate::Engine;

impl<S: Store> Engine<S> {
    /// The posts that a page of a channel's history has, from memory. To be read by a
    /// [`History`](postroom_store::History) of the store, on a thread that may wait. Private
    /// channels are channels like others here: whoever reads for a client asks as its
    /// [session](Self::http_history).
    pub fn history(&self, query: HistoryQuery) -> HistoryRows {
        self.office.whole_history(query)
    }

    /// The messages that a page has of what the account of a session has read and sent, from
    /// memory; `None` if it has not logged in. To be read like a page of a channel's history.
    pub fn kept(
        &mut self,
        session: SessionKey,
        from: HistoryFrom<MessageId>,
        count: usize,
    ) -> Option<Result<KeptRows, NotKept>> {
        self.office.kept(session, from, count)
    }

    /// Takes the records that were found to be damaged when a page was read.
    pub fn note_damaged(&mut self, damaged: Vec<Damaged>) {
        self.office.note_damaged(damaged);
    }
}
