//! An account is present once: on chat and im together one session has it.

use std::collections::{BTreeMap, BTreeSet};

use super::Visit;
use crate::scenario::StoreTroubles;

/// Which accounts clients know to be present.
#[derive(Debug, Default)]
pub(crate) struct Presences {
    /// Those of clients that were let in and have done nothing to leave.
    present: BTreeMap<&'static str, (Visit, u64)>,
    /// Clients that have begun to leave, or whose connections are over.
    left: BTreeSet<Visit>,
    /// Who has tried to enter as an account, and since when they are gone for certain.
    tried: BTreeMap<&'static str, BTreeMap<Visit, Option<u64>>>,
    /// Clients that read slowly.
    behind: BTreeSet<Visit>,
    /// It is not certain when a session that has ended is gone.
    is_vague: bool,
}

impl Presences {
    /// A client asks to be present.
    pub(crate) fn tries(&mut self, name: &'static str, visit: Visit) {
        self.tried.entry(name).or_default().insert(visit, None);
    }

    /// How the store is: what is not prompt may keep a presence for longer.
    pub(crate) fn set_certain(&mut self, store: StoreTroubles) {
        self.is_vague = !store.is_prompt();
    }

    /// The server has ended the session of a client in order.
    pub(crate) fn gone(&mut self, visit: Visit, at: u64) {
        for visits in self.tried.values_mut() {
            visits.entry(visit).and_modify(|gone| *gone = Some(at));
        }
    }

    /// The process has ended.
    pub(crate) fn all_gone(&mut self, at: u64) {
        for gone in self.tried.values_mut().flat_map(BTreeMap::values_mut) {
            gone.get_or_insert(at);
        }
    }

    /// By which client, and since when, an account is present for certain.
    pub(crate) fn since(&self, name: &str) -> Option<(Visit, u64)> {
        self.present.get(name).filter(|(visit, _)| !self.behind.contains(visit)).copied()
    }

    /// Whether an account may be present since this moment by another client.
    fn may_be_present(&self, name: &str, but: Option<Visit>, since: u64) -> bool {
        let mut tried = self.tried.get(name).into_iter().flatten();
        tried.any(|(visit, gone)| {
            Some(*visit) != but && (self.is_vague || gone.is_none_or(|at| at > since))
        })
    }

    /// A client that asked at this moment is told that its account is present.
    pub(crate) fn check_taken(&self, name: &str, visit: Visit, asked: u64) {
        let is_possible = self.may_be_present(name, Some(visit), asked);
        assert!(is_possible, "{visit:?} is told that {name} is present, which has left");
    }

    /// A client that asked at this moment is told that an account is not present.
    pub(crate) fn check_absent(&self, name: &str, asked: u64) {
        let since = self.since(name).filter(|(_, at)| *at < asked);
        assert!(since.is_none(), "{name} is present, by {since:?}, and is not found");
    }

    /// A client is let in.
    pub(crate) fn entered(&mut self, name: &'static str, visit: Visit, at: u64) {
        if self.left.contains(&visit) {
            // The answer was on its way when the server ended the connection.
            return;
        }
        let before = self.present.insert(name, (visit, at));
        if let Some((other, _)) = before.filter(|(other, _)| !self.behind.contains(other)) {
            panic!("{name} is present twice, by {other:?} and {visit:?}");
        }
    }

    /// A client reads slowly: the server may have ended its session long before it knows.
    pub(crate) fn is_behind(&mut self, visit: Visit) {
        self.behind.insert(visit);
    }

    /// A client begins to leave, or its connection is over.
    pub(crate) fn leaves(&mut self, visit: Visit) {
        self.present.retain(|_, (of, _)| *of != visit);
        self.left.insert(visit);
    }

    /// Whom a client that asked at this moment is told to be present.
    pub(crate) fn check_list(&self, listed: &[&str], asked: u64) {
        for name in self.present.keys().filter(|name| !listed.contains(name)) {
            let since = self.since(name).filter(|(_, at)| *at < asked);
            assert!(since.is_none(), "{name} is not among {listed:?}");
        }
        for (number, name) in listed.iter().enumerate() {
            assert!(!listed[..number].contains(name), "{name} is listed twice");
            let is_possible = self.may_be_present(name, None, asked);
            assert!(is_possible, "{name} never came, or has left, and is listed");
        }
    }
}
