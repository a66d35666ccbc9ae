//! An account is present once: on chat and im together one session has it.

use std::collections::{BTreeMap, BTreeSet};

use super::Visit;

/// Which accounts clients know to be present.
#[derive(Debug, Default)]
pub(crate) struct Presences {
    /// Those of clients that were let in and have done nothing to leave.
    present: BTreeMap<&'static str, (Visit, u64)>,
    /// Clients that have begun to leave, or whose connections are over.
    left: BTreeSet<Visit>,
    /// Accounts that someone has tried to enter as.
    tried: BTreeSet<&'static str>,
}

impl Presences {
    /// A client asks to be present.
    pub(crate) fn tries(&mut self, name: &'static str) {
        self.tried.insert(name);
    }

    /// A client is let in.
    pub(crate) fn entered(&mut self, name: &'static str, visit: Visit, at: u64) {
        if self.left.contains(&visit) {
            // The answer was on its way when the server ended the connection.
            return;
        }
        if let Some((other, _)) = self.present.insert(name, (visit, at)) {
            panic!("{name} is present twice, by {other:?} and {visit:?}");
        }
    }

    /// A client begins to leave, or its connection is over.
    pub(crate) fn leaves(&mut self, visit: Visit) {
        self.present.retain(|_, (of, _)| *of != visit);
        self.left.insert(visit);
    }

    /// Whom a client that asked at this moment is told to be present.
    pub(crate) fn check_list(&self, listed: &[&str], asked: u64) {
        for (name, (_, at)) in &self.present {
            assert!(*at >= asked || listed.contains(name), "{name} is not among {listed:?}");
        }
        for (number, name) in listed.iter().enumerate() {
            assert!(!listed[..number].contains(name), "{name} is listed twice");
            assert!(self.tried.contains(name), "{name} never came and is listed");
        }
    }
}
