//! Live lines reach an account that is present, and receipts are true.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Presences, Visit};
use crate::texts::{Place, TextId, Written};

/// How long a receipt takes to its sender, at most, where nothing is in its way.
const RECEIPT_TIME: Duration = Duration::from_secs(1);

/// What clients know of live lines and receipts.
#[derive(Debug, Default)]
pub(crate) struct Lives {
    /// Clients of im with a connection back, since when.
    backs: BTreeMap<Visit, u64>,
    /// Pushes that were answered by 302, by which client.
    answered: BTreeSet<(TextId, Visit)>,
    /// When a polite client has answered.
    answered_at: BTreeMap<TextId, Duration>,
    /// Lines that were passed on, as their senders know.
    passed_on: BTreeSet<TextId>,
    /// Lines that polite clients were shown.
    heard: BTreeSet<TextId>,
}

impl Lives {
    /// A client of im is told that the server is connected back.
    pub(crate) fn connected_back(&mut self, visit: Visit, at: u64) {
        self.backs.insert(visit, at);
    }

    /// Whether a client of im knows that the server is connected back.
    pub(crate) fn is_connected_back(&self, visit: Visit) -> bool {
        self.backs.contains_key(&visit)
    }

    pub(super) fn leaves(&mut self, visit: Visit) {
        self.backs.remove(&visit);
    }

    pub(super) fn all_gone(&mut self) {
        self.backs.clear();
    }

    /// A client of im answers a push.
    pub(crate) fn answers(&mut self, id: TextId, visit: Visit, polite_at: Option<Duration>) {
        self.answered.insert((id, visit));
        if let Some(at) = polite_at {
            self.answered_at.entry(id).or_insert(at);
        }
    }

    /// A post is answered by 303: all clients of im have it.
    pub(crate) fn check_answered_by_all(&self, texts: &[Written], id: TextId, author: Visit) {
        let begun = texts[id.0].begun;
        let others = self.backs.iter().filter(|(visit, at)| **visit != author && **at < begun);
        for (visit, _) in others {
            let has_answered = self.answered.contains(&(id, *visit));
            assert!(has_answered, "{id:?} is delivered, and {visit:?} has not answered it");
        }
    }

    /// A live line is answered by 304, in a world where nothing is late.
    pub(crate) fn check_unanswered(&self, id: TextId, now: Duration) {
        let answered = self.answered_at.get(&id).filter(|at| **at + RECEIPT_TIME < now);
        assert!(answered.is_none(), "{id:?} is not delivered at {now:?}, and was at {answered:?}");
    }

    /// A line of `/private` was not refused.
    pub(crate) fn passed_on(&mut self, id: TextId) {
        self.passed_on.insert(id);
    }

    /// A client is shown a live line.
    pub(crate) fn heard(&mut self, id: TextId) {
        self.heard.insert(id);
    }

    /// Everything is quiet: those who are present on chat, and read all, were shown what was
    /// said to them.
    pub(crate) fn check_heard(
        &self,
        texts: &[Written],
        presences: &Presences,
        reads_all: impl Fn(Visit) -> bool,
    ) {
        for id in self.passed_on.difference(&self.heard) {
            let Written { place, begun, .. } = &texts[id.0];
            let Place::Live(recipient) = place else {
                continue;
            };
            let visit = presences.since(recipient).filter(|(_, at)| at < begun);
            let reader = visit.filter(|(visit, _)| reads_all(*visit));
            assert!(reader.is_none(), "{id:?} did not reach {recipient}, {reader:?}");
        }
    }
}
