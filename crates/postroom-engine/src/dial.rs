//! Dialling back to a client: the rules that keep it from being a way to reach
//! others (RFC 2577).
//!
//! Only the address that the client's connection comes from is dialled, ports from
//! 1024 on, one at a time, while there is a place for one more connection, and no
//! more for an account that has failed too often. A dial that fails, or is not even
//! made, is answered when the limit has passed, so that the answer tells nothing of
//! what listens where.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use postroom_model::{Fault, Name, SessionKey, faulty};
use postroom_protocol::{Dial, Input, Stream};
use postroom_store::Store;

use crate::connection::{Connection, Ending, Phase};
use crate::key::ConnectionKey;
use crate::timers::{Deadline, Slot};
use crate::{Engine, Output};

/// The lowest port that is dialled.
const PORT_MIN: u16 = 1_024;

/// Failed dials of an account in [`FAILURES_WITHIN`] after which none is made.
const FAILURES_MAX: usize = 3;
const FAILURES_WITHIN: Duration = Duration::from_mins(1);

/// The wait before a refused dial is tried again; it doubles each time. The
/// original client of seed 002 sends its port before it listens there.
const FIRST_RETRY_AFTER: Duration = Duration::from_millis(20);

const NO_PLACE: &str = "the server has as many connections as it may have (connection.max)";

/// A dial under way.
#[derive(Debug)]
pub(crate) struct Dialling {
    account: Name,
    port: u16,
    /// When it has failed at the latest.
    limit: Slot,
    /// When it is tried again.
    retry: Slot,
    /// The wait before the next try.
    retry_after: Duration,
    /// Why no connection came about so far.
    failure: Option<DialFailure>,
}

/// Why a client was not reached.
#[derive(Debug)]
pub(crate) enum DialFailure {
    /// Nothing was tried: a rule forbids it.
    NotAllowed(&'static str),
    /// What the operating system said last.
    Failed(String),
}

/// What came of one try to dial.
#[derive(Debug)]
pub enum Dialled {
    /// The peer has accepted.
    Connected,
    /// Nobody listens there, or not yet.
    Refused(String),
    /// It failed otherwise.
    Failed(String),
}

/// The dials that failed a short time ago, by account.
#[derive(Debug, Default)]
pub(crate) struct Failures(HashMap<Name, Vec<Instant>>);

impl Failures {
    fn are_too_many(&mut self, account: &Name, now: Instant) -> bool {
        // What is old is forgotten for all: the table holds a minute.
        self.0.retain(|_, failures| {
            failures.retain(|at| now.saturating_duration_since(*at) < FAILURES_WITHIN);
            !failures.is_empty()
        });
        self.0.get(account).is_some_and(|failures| failures.len() >= FAILURES_MAX)
    }

    fn add(&mut self, account: Name, now: Instant) {
        self.0.entry(account).or_default().push(now);
    }
}

impl<S: Store> Engine<S> {
    /// Takes what came of a try to dial.
    pub fn dialled(&mut self, now: Instant, key: ConnectionKey, dialled: Dialled) {
        self.now = now;
        let Some(connection) = self.connections.get_mut(key.index()) else {
            return;
        };
        let Some(session) = connection.session.filter(|_| connection.phase == Phase::Dialling)
        else {
            return;
        };
        match dialled {
            Dialled::Connected => {
                connection.phase = Phase::Open;
                self.end_dial(session);
                self.feed(session, Input::Dialled(true));
            }
            Dialled::Refused(reason) => {
                self.remove(key, Ending::AsItsPhase);
                self.try_failed(session, reason, true);
            }
            Dialled::Failed(reason) => {
                self.remove(key, Ending::AsItsPhase);
                self.try_failed(session, reason, false);
            }
        }
    }

    /// Dials, if that is allowed. The session has its answer at the latest when the
    /// time limit has passed.
    pub(crate) fn dial(&mut self, session: SessionKey, dial: Dial) {
        let Dial { port, account } = dial;
        let failure = self.forbids_dial(session, &account, port).map(DialFailure::NotAllowed);
        let is_allowed = failure.is_none();
        let mut dialling = Box::new(Dialling {
            account,
            port,
            limit: Slot::default(),
            retry: Slot::default(),
            retry_after: FIRST_RETRY_AFTER,
            failure,
        });
        let limit = self.now + self.settings.dial_limit;
        self.timers.set(&mut dialling.limit, Deadline::Dial(session), Some(limit));
        if let Some(session) = self.sessions.get_mut(session) {
            session.dialling = Some(dialling);
        }
        if is_allowed {
            self.try_dial(session);
        }
    }

    /// The rule that forbids a dial, if one does (RFC 2577: a client must not make
    /// the server connect wherever it likes).
    fn forbids_dial(
        &mut self,
        session: SessionKey,
        account: &Name,
        port: u16,
    ) -> Option<&'static str> {
        let listener = self.sessions.get(session).map(|session| session.listener)?;
        if !self.listeners.get(listener).options.dials_back {
            return Some("dialling back is off (im.dial_back)");
        }
        if port < PORT_MIN && !faulty(Fault::LowPortDialled) {
            return Some("the port is below 1024");
        }
        if self.sessions.get(session).is_none_or(|session| session.back.is_some()) {
            return Some("the client is connected back already");
        }
        if !self.has_place() {
            return Some(NO_PLACE);
        }
        if self.dial_failures.are_too_many(account, self.now) {
            return Some("too many dials for the account have failed within a minute");
        }
        None
    }

    /// The time to try a dial again has come.
    pub(crate) fn redial(&mut self, session: SessionKey) {
        let dialling = self.sessions.get_mut(session).and_then(|session| session.dialling.as_mut());
        if let Some(dialling) = dialling {
            dialling.retry = Slot::default();
            if self.has_place() {
                self.try_dial(session);
            } else {
                // Others have come since the last try.
                self.try_failed(session, NO_PLACE.to_owned(), true);
            }
        }
    }

    /// Begins one try of a dial.
    fn try_dial(&mut self, key: SessionKey) {
        let session = self.sessions.get_mut(key).filter(|session| session.back.is_none());
        let Some(session) = session else {
            return;
        };
        let Some(port) = session.dialling.as_ref().map(|dialling| dialling.port) else {
            return;
        };
        let connection = Connection::new(Some(key), Stream::Back, Phase::Dialling);
        let connection = ConnectionKey::from_index(self.connections.insert(connection));
        session.back = Some(connection);
        let front = session.front;
        self.outputs.push_back(Output::Dial { connection, front, port });
    }

    /// One try has failed. A refused one is repeated; whatever failed, the session
    /// gets its answer when the time limit has passed.
    fn try_failed(&mut self, key: SessionKey, reason: String, is_refused: bool) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        let Some(dialling) = &mut session.dialling else {
            return;
        };
        if is_refused {
            let at = self.now + dialling.retry_after;
            dialling.retry_after *= 2;
            self.timers.set(&mut dialling.retry, Deadline::Redial(key), Some(at));
        }
        dialling.failure = Some(DialFailure::Failed(reason));
    }

    /// The time for a dial has passed.
    pub(crate) fn dial_limit_passed(&mut self, session: SessionKey) {
        self.give_up_dial(session);
        if let Some(back) = self.sessions.get(session).and_then(|session| session.back) {
            self.remove(back, Ending::AsItsPhase);
        }
        self.feed(session, Input::Dialled(false));
    }

    /// Ends a dial that has failed, or whose session has ended before that was
    /// known. All its tries count once.
    pub(crate) fn give_up_dial(&mut self, session: SessionKey) {
        let Some(dialling) = self.end_dial(session) else {
            return;
        };
        let Dialling { account, port, failure, .. } = *dialling;
        if !matches!(failure, Some(DialFailure::NotAllowed(_))) {
            self.dial_failures.add(account, self.now);
        }
        self.log_dial_failed(session, port, failure);
    }

    fn end_dial(&mut self, session: SessionKey) -> Option<Box<Dialling>> {
        let mut dialling = self.sessions.get_mut(session)?.dialling.take()?;
        self.timers.set(&mut dialling.limit, Deadline::Dial(session), None);
        self.timers.set(&mut dialling.retry, Deadline::Redial(session), None);
        Some(dialling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::any_time as now;

    #[test]
    fn failures_count_for_a_minute_and_are_forgotten_then() {
        let (mut failures, start) = (Failures::default(), now());
        let (bob, ann) = (Name::new("bob").unwrap(), Name::new("ann").unwrap());
        for seconds in 0..3 {
            let now = start + Duration::from_secs(seconds);
            assert!(!failures.are_too_many(&bob, now));
            failures.add(Name::new("BOB").unwrap(), now);
        }
        assert!(failures.are_too_many(&bob, start + Duration::from_secs(59)));
        assert!(!failures.are_too_many(&ann, start));
        assert!(!failures.are_too_many(&bob, start + FAILURES_WITHIN));
        assert!(!failures.are_too_many(&bob, start + Duration::from_secs(200)));
        assert!(failures.0.is_empty());
    }
}
