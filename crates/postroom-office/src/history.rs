//! What of a channel's history may be read, and of what an account has read and sent.

use postroom_model::{MessageId, SessionKey};
use postroom_store::{
    Damaged, HistoryFrom, HistoryQuery, HistoryRows, KeptQuery, KeptRows, NotKept, Store,
};

use crate::{Office, Operator, Output, find};

impl<S: Store> Office<S> {
    /// The posts that a page of a channel's history has, for whoever reads them beside the
    /// loop. All who ask for a history ask here, and nowhere else. A private channel that the
    /// account of the session may not enter has no posts.
    pub fn history(&self, session: SessionKey, query: HistoryQuery) -> HistoryRows {
        if self.is_public(&query.channel) {
            self.store.history(query)
        } else if self.may_enter(session, &query.channel) {
            self.store.history(query).of_private()
        } else {
            HistoryRows::nothing(query)
        }
    }

    /// The same, of whatever channel.
    pub fn whole_history(&self, query: HistoryQuery) -> HistoryRows {
        self.store.history(query)
    }

    /// The messages that a page has of what the account of a session has read and sent, for
    /// whoever reads them beside the loop. `None` if the session has not logged in. Whoever
    /// asks, asks here: nobody reads what another account keeps.
    pub fn kept(
        &mut self,
        session: SessionKey,
        from: HistoryFrom<MessageId>,
        count: usize,
    ) -> Option<Result<KeptRows, NotKept>> {
        let account = find(&mut self.sessions, session)?.account()?;
        Some(self.store.kept(KeptQuery { account, from, count }))
    }

    /// Takes the records that were found to be damaged when a page was read. Each is told to
    /// the operator once.
    pub fn note_damaged(&mut self, damaged: Vec<Damaged>) {
        for record in damaged {
            self.store.note_damaged(record);
        }
        let damaged = self.store.take_damaged().into_iter();
        self.outputs.extend(damaged.map(|record| Output::Operator(Operator::Damaged(record))));
    }
}
