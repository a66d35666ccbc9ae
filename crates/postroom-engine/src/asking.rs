//! Requests of the sessions to the office.
//!
//! A few kinds have long answers: pages of timelines and of mailboxes, and lists of those
//! present. They take a part of each turn, and wait apart for it: so a client that asks for little does
//! not wait for the long answers of a thousand others.
//!
//! A post waits while members of its channels are to be told of those before it. What the
//! store keeps or reads waits while calls of all sessions take too much memory, as they do
//! on a slow disk.

use std::collections::VecDeque;

use postroom_model::{Channel, Notice, Request, SessionKey};
use postroom_protocol::{LISTED_MAX, Stream};
use postroom_store::Store;

use crate::Engine;
use crate::connection::{Connection, Phase};
use crate::recent::ChannelPlace;
use crate::session::Session;
use crate::timers::Deadline;

/// A page of a timeline, or of a mailbox, costs as much as so many other requests.
const PAGE_COST: u32 = 32;
/// So many names of a list cost as much as another request.
const NAMES_A_REQUEST: usize = 64;

/// Sessions whose next request waits.
#[derive(Debug, Default)]
pub(crate) struct QueuedSessions {
    /// It has a long answer.
    long_answers: VecDeque<SessionKey>,
    /// It is asked once the store is not busy: one of each in turn.
    pub(crate) ready: VecDeque<SessionKey>,
}

impl QueuedSessions {
    pub(crate) fn has_any(&self) -> bool {
        !self.long_answers.is_empty() || !self.ready.is_empty()
    }
}

impl<S: Store> Engine<S> {
    /// Asks the office, or queues the request: behind those of its session that are
    /// queued, or since it has to wait itself.
    pub(crate) fn ask(&mut self, key: SessionKey, request: Request) {
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        if let Request::LogIn { name, .. } = &request {
            session.account = Some(name.into());
        }
        let until = self.rates.charge(&mut session.buckets, &request, self.now);
        let (front, is_next) = (session.front, session.queued_requests.is_empty());
        if let Some(until) = until {
            let waits = &mut self.connections[front.index()].waits;
            self.timers.set(waits, Deadline::Rate(front), Some(until));
        }
        if is_next && !self.waits(key, &request) {
            self.ask_office(key, request);
        } else if let Some(session) = self.sessions.get_mut(key) {
            session.queued_requests.push_back(request);
        }
    }

    /// Asks what is queued, as far as this turn has room for it.
    pub(crate) fn ask_queued(&mut self) {
        while self.turns.takes_long_answers()
            && let Some(key) = self.queued.long_answers.pop_front()
        {
            self.ask_queued_by(key);
        }
        while self.turns.takes_queued()
            && !self.office.is_busy()
            && let Some(key) = self.queued.ready.pop_front()
        {
            self.ask_queued_by(key);
        }
    }

    /// Whether requests are queued that are asked in the next turn.
    pub(crate) fn can_ask_queued(&self) -> bool {
        !self.queued.long_answers.is_empty() || self.can_ask_store()
    }

    /// Whether requests for the store are queued that are asked in the next turn. A group
    /// that is committed on another thread had better wait for them; not so for long
    /// answers, of which each turn has its share.
    pub fn can_ask_store(&self) -> bool {
        !self.queued.ready.is_empty() && !self.office.is_busy()
    }

    /// Whether the next request of a session waits for the store, or for the members of a
    /// channel. The client says no more until then.
    pub(crate) fn is_held(&self, connection: &Connection) -> bool {
        let session = connection.session.and_then(|session| self.sessions.get(session));
        connection.stream == Stream::Front
            && session.is_some_and(|session| {
                session.queued_requests.iter().any(|request| !has_long_answer(request))
            })
    }

    /// Asks the requests that a session has queued, until one has to wait, or the store has
    /// one of them.
    fn ask_queued_by(&mut self, key: SessionKey) {
        let Some(front) = self.sessions.get(key).map(|session| session.front) else {
            return;
        };
        while let Some(session) = self.sessions.get_mut(key)
            && let Some(request) = session.queued_requests.pop_front()
        {
            if self.connections[session.front.index()].phase != Phase::Open {
                session.queued_requests.push_front(request);
                return self.drop_queued(key);
            }
            if self.waits(key, &request) {
                if let Some(session) = self.sessions.get_mut(key) {
                    session.queued_requests.push_front(request);
                }
                return;
            }
            let (is_stored, awaits_delivery) = (is_stored(&request), request.awaits_delivery());
            self.turns.took_queued(&request);
            self.ask_office(key, request);
            if awaits_delivery {
                self.abandon_late(key);
            }
            if is_stored && self.has_queued(key) {
                self.queued.ready.push_back(key);
                return;
            }
        }
        // It may have been held.
        self.list_rest(front);
    }

    /// Stops waiting for delivery receipts, unless the request has not been asked yet: then
    /// right after that.
    pub(crate) fn abandon(&mut self, key: SessionKey) {
        let awaits =
            |session: &&mut Session| session.queued_requests.iter().any(Request::awaits_delivery);
        match self.sessions.get_mut(key).filter(awaits) {
            Some(session) => session.abandons = true,
            None => self.office.note(key, Notice::Abandon),
        }
    }

    fn abandon_late(&mut self, key: SessionKey) {
        let session = self.sessions.get_mut(key);
        if session.is_some_and(|session| std::mem::take(&mut session.abandons)) {
            self.office.note(key, Notice::Abandon);
        }
    }

    fn has_queued(&self, key: SessionKey) -> bool {
        self.sessions.get(key).is_some_and(|session| !session.queued_requests.is_empty())
    }

    /// Drops what a session that ends has queued, but not what its client has confirmed.
    pub(crate) fn drop_queued(&mut self, key: SessionKey) {
        let session = self.sessions.get_mut(key);
        let queued = session.map(|session| std::mem::take(&mut session.queued_requests));
        for request in queued.into_iter().flatten() {
            if matches!(request, Request::Confirm | Request::ConfirmLease { .. }) {
                self.ask_office(key, request);
            }
        }
    }

    /// Whether a session's next request has to wait. If so, lists the session.
    fn waits(&mut self, key: SessionKey, request: &Request) -> bool {
        if let Request::Post { channels, .. } = request.without_key()
            && let Some(channel) = self.busy(channels)
        {
            self.due.add_poster(channel, key);
            return true;
        }
        if self.office.is_busy() && self.waits_for_store(key, request) {
            self.queued.ready.push_back(key);
            return true;
        }
        let has_room = self.turns.takes_long_answer(self.cost(request));
        if !has_room {
            self.queued.long_answers.push_back(key);
        }
        !has_room
    }

    /// Whether a request would take memory while the store is busy. What a client has
    /// confirmed is not held up, nor a login; what is answered from memory or live only
    /// waits for the earlier requests of its session.
    fn waits_for_store(&self, key: SessionKey, request: &Request) -> bool {
        match request {
            Request::Confirm | Request::ConfirmLease { .. } | Request::LogIn { .. } => false,
            Request::Timeline { .. } | Request::Peek { .. } => true,
            request => is_stored(request) || self.office.has_requests(key),
        }
    }

    /// The first of these channels of which members are still to be told what was posted
    /// before. Else posts could come faster than members are told of them, and be kept no
    /// longer when it is the turn of the last.
    fn busy(&self, channels: &[Channel]) -> Option<ChannelPlace> {
        if self.due.is_empty() {
            return None;
        }
        let mut places = channels.iter().filter_map(|channel| self.recent.place(channel));
        places.find(|place| self.due.is_due(*place))
    }

    fn ask_office(&mut self, key: SessionKey, request: Request) {
        self.log_request(key, &request);
        self.office.ask(key, request);
    }

    /// What the answer costs, in requests, where it is long.
    fn cost(&self, request: &Request) -> u32 {
        match request.without_key() {
            Request::Timeline { .. } | Request::Peek { .. } => PAGE_COST,
            // As if each message were asked for.
            Request::ComposeAll { recipients, .. } => recipients.count(),
            // Hardly fewer are present.
            Request::ListPresent => {
                let names = self.connections.len().min(LISTED_MAX);
                u32::try_from(names / NAMES_A_REQUEST).unwrap_or(u32::MAX)
            }
            _ => 0,
        }
    }
}

fn has_long_answer(request: &Request) -> bool {
    matches!(request, Request::Timeline { .. } | Request::Peek { .. } | Request::ListPresent)
}

/// Whether the store has to keep something for a request, or to read a message or a post
/// for it.
fn is_stored(request: &Request) -> bool {
    matches!(
        request,
        Request::Compose { .. }
            | Request::ComposeAll { .. }
            | Request::Once(_)
            | Request::Read
            | Request::Lease { .. }
            | Request::Post { .. }
            | Request::DeletePost { .. }
            | Request::Latest(_)
            | Request::ChangePassword { .. }
            | Request::Block { .. }
            | Request::ManageChannel { .. }
            | Request::JoinWithKey { .. }
    )
}
