//! Requests of the sessions to the office.
//!
//! A few kinds have long answers: pages of timelines, and lists of those present. They
//! take a part of each turn, and wait apart for it: so a client that asks for little does
//! not wait for the long answers of a thousand others.
//!
//! A post waits while members of its channels are to be told of those before it.

use std::collections::VecDeque;

use postroom_model::{Channel, Request, SessionKey};
use postroom_protocol::LISTED_MAX;
use postroom_store::Store;

use crate::Engine;
use crate::connection::Phase;
use crate::recent::ChannelPlace;
use crate::timers::Deadline;

/// A page of a timeline costs as much as so many other requests.
const PAGE_COST: u32 = 32;
/// So many names of a list cost as much as another request.
const NAMES_A_REQUEST: usize = 64;

/// Sessions with posts that are asked in a turn of those that have waited.
const POSTERS_MAX: usize = 128;

/// Sessions whose next request waits.
#[derive(Debug, Default)]
pub(crate) struct QueuedSessions {
    /// It has a long answer.
    long_answers: VecDeque<SessionKey>,
    /// It is a post, and waited until the members of its channels had been told of the ones
    /// before.
    pub(crate) posters: VecDeque<SessionKey>,
}

impl QueuedSessions {
    pub(crate) fn is_empty(&self) -> bool {
        self.long_answers.is_empty() && self.posters.is_empty()
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
        for _ in 0..POSTERS_MAX.min(self.queued.posters.len()) {
            if let Some(key) = self.queued.posters.pop_front() {
                self.ask_queued_by(key);
            }
        }
    }

    /// Asks the requests that a session has queued, until one has to wait.
    fn ask_queued_by(&mut self, key: SessionKey) {
        while let Some(session) = self.sessions.get_mut(key)
            && let Some(request) = session.queued_requests.pop_front()
        {
            if self.connections[session.front.index()].phase != Phase::Open {
                session.queued_requests.clear();
            } else if self.waits(key, &request) {
                if let Some(session) = self.sessions.get_mut(key) {
                    session.queued_requests.push_front(request);
                }
                return;
            } else {
                self.ask_office(key, request);
            }
        }
    }

    /// Whether a session's next request has to wait. If so, lists the session.
    fn waits(&mut self, key: SessionKey, request: &Request) -> bool {
        if let Request::Post { channels, .. } = request {
            let busy = self.busy(channels);
            if let Some(channel) = busy {
                self.due.add_poster(channel, key);
            }
            return busy.is_some();
        }
        let has_room = self.turns.takes_long_answer(self.cost(request));
        if !has_room {
            self.queued.long_answers.push_back(key);
        }
        !has_room
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
        match request {
            Request::Timeline { .. } => PAGE_COST,
            // Hardly fewer are present.
            Request::ListPresent => {
                let names = self.connections.len().min(LISTED_MAX);
                u32::try_from(names / NAMES_A_REQUEST).unwrap_or(u32::MAX)
            }
            _ => 0,
        }
    }
}
