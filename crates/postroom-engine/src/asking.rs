//! Requests of the sessions to the office.
//!
//! A few kinds have long answers: pages of timelines, and lists of those present. They
//! take a part of each turn, and wait apart for it: so a client that asks for little does
//! not wait for the long answers of a thousand others.

use std::collections::VecDeque;

use postroom_model::{Request, SessionKey};
use postroom_protocol::LISTED_MAX;
use postroom_store::Store;

use crate::Engine;
use crate::connection::Phase;
use crate::timers::Deadline;

/// A page of a timeline costs as much as so many other requests.
const PAGE_COST: u32 = 32;
/// So many names of a list cost as much as another request.
const NAMES_A_REQUEST: usize = 64;

/// Requests that wait for their part of a turn.
#[derive(Debug, Default)]
pub(crate) struct QueuedRequests(VecDeque<(SessionKey, Request)>);

impl QueuedRequests {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<S: Store> Engine<S> {
    /// Asks the office, or queues the request: behind those of its session that are
    /// queued, or since its answer is long.
    pub(crate) fn ask(&mut self, key: SessionKey, request: Request) {
        let cost = self.cost(&request);
        let Some(session) = self.sessions.get_mut(key) else {
            return;
        };
        if let Request::LogIn { name, .. } = &request {
            session.account = Some(name.into());
        }
        let until = self.rates.charge(&mut session.buckets, &request, self.now);
        let front = session.front;
        if let Some(until) = until {
            let waits = &mut self.connections[front.index()].waits;
            self.timers.set(waits, Deadline::Rate(front), Some(until));
        }
        let is_next = self.queued.is_empty() || session.queued_requests == 0 && cost == 0;
        if is_next && self.turns.takes_long_answer(cost) {
            self.ask_office(key, request);
        } else {
            session.queued_requests += 1;
            self.queued.0.push_back((key, request));
        }
    }

    /// Asks what is queued, as far as this turn has room for it.
    pub(crate) fn ask_queued(&mut self) {
        while let Some((key, request)) = self.queued.0.front() {
            let (key, cost) = (*key, self.cost(request));
            let is_wanted = self.sessions.get(key).is_some_and(|session| {
                self.connections[session.front.index()].phase == Phase::Open
            });
            if is_wanted && !self.turns.takes_long_answer(cost) {
                return;
            }
            let Some((_, request)) = self.queued.0.pop_front() else {
                return;
            };
            if let Some(session) = self.sessions.get_mut(key) {
                session.queued_requests -= 1;
            }
            if is_wanted {
                self.ask_office(key, request);
            }
        }
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
