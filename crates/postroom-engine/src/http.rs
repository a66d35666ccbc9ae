//! Connections of HTTP, which another driver reads and writes, and the sessions that it opens
//! for their clients.
//!
//! The engine gives such a connection a place, as it does any other, and hands it over. Its
//! driver opens a session for each account that a client proves to be, asks by it, and tells
//! when the connection is gone. Connections and sessions have keys that are never reused: the
//! driver runs on threads of its own, and what it says may come late.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use postroom_model::{
    Access, Channel, Mark, MessageId, Notice, Peer, PostId, Posted, Request, SessionKey,
};
use postroom_protocol::{DropReason, HttpInput};
use postroom_store::{HistoryFrom, HistoryQuery, HistoryRows, KeptRows, NotKept, Store};

use crate::connection::{Ending, Phase};
use crate::key::{ConnectionKey, HttpConnection, HttpSession};
use crate::listener::Listener;
use crate::newcomer::Newcomer;
use crate::{Engine, Output};

/// Sessions of a connection: behind a proxy it has several clients, one after the other.
pub const HTTP_SESSIONS_MAX: usize = 8;

/// What the driver of HTTP is to be told.
#[derive(Debug)]
pub enum HttpOutput {
    /// A post in a channel that it watches. Each comes once, however many clients it has.
    Post(Box<Posted>),
    /// A post in a channel that it watches is deleted by its author.
    PostDeleted {
        /// The channel.
        channel: Channel,
        /// The post.
        id: PostId,
        /// Whether the channel is private.
        is_private: bool,
    },
    /// A channel that it watches was private, and is deleted.
    Gone(Channel),
    /// There is a post of this id in a channel that it watches, which is private: it asks for
    /// the history, by the session of each client.
    Withheld(Channel, PostId),
    /// The answer to the question of a session about a channel.
    History {
        /// Whose.
        session: HttpSession,
        /// The number that its driver gave the question.
        number: u64,
        /// What to read.
        rows: HistoryRows,
    },
    /// The answer to the question of a session about what its account has read and sent.
    Kept {
        /// Whose.
        session: HttpSession,
        /// The number that its driver gave the question.
        number: u64,
        /// What to read, or why there is nothing.
        rows: Result<KeptRows, NotKept>,
    },
    /// Of a session.
    Session(HttpSession, HttpInput),
    /// A request of a session was not taken: it says so much that it has to wait so long.
    TooMuch {
        /// Whose.
        session: HttpSession,
        /// The number that its driver gave it.
        number: u64,
        /// How long.
        wait: Duration,
    },
    /// The connection is to be closed; its sessions have ended.
    Close(HttpConnection),
}

/// The connections that were handed over, and their sessions.
#[derive(Debug, Default)]
pub(crate) struct HandedOver {
    connections: BTreeMap<HttpConnection, Of>,
    sessions: HashMap<HttpSession, SessionKey>,
    last: u64,
    /// Stands for all clients that are told of posts in channels; the engine knows no session
    /// of this key.
    hub: Option<SessionKey>,
    watched: BTreeSet<Channel>,
}

#[derive(Debug)]
struct Of {
    place: ConnectionKey,
    newcomer: Newcomer,
    is_counted: bool,
    sessions: Vec<HttpSession>,
}

impl<S: Store> Engine<S> {
    /// Hands over a connection that has a place.
    pub(crate) fn hand_over(
        &mut self,
        place: ConnectionKey,
        newcomer: Newcomer,
        is_counted: bool,
    ) -> HttpConnection {
        self.connections[place.index()].phase = Phase::Open;
        self.counts.accepted(newcomer.listener);
        self.handed_over.last += 1;
        let key = HttpConnection::from_number(self.handed_over.last);
        let of = Of { place, newcomer, is_counted, sessions: Vec::new() };
        self.handed_over.connections.insert(key, of);
        key
    }

    /// The listener of a connection, and the address of its client.
    pub fn http_origin(&self, connection: HttpConnection) -> Option<(Listener, SocketAddr)> {
        let Newcomer { listener, peer, .. } =
            self.handed_over.connections.get(&connection)?.newcomer;
        Some((*self.listeners.get(listener), peer))
    }

    /// A client of a connection begins a session. If the connection is gone, or has too many,
    /// the session has ended at once.
    pub fn http_enter(&mut self, now: Instant, connection: HttpConnection, session: HttpSession) {
        self.now = now;
        let of = self.handed_over.connections.get_mut(&connection);
        let Some(of) = of.filter(|of| of.sessions.len() < HTTP_SESSIONS_MAX) else {
            return;
        };
        of.sessions.push(session);
        let (place, newcomer) = (of.place, of.newcomer);
        let key = self.begin_session(place, newcomer, Some((connection, session)), false);
        self.handed_over.sessions.insert(session, key);
    }

    /// A session asks for something; the reply is an [`HttpOutput`], in the order of its
    /// requests. `number` is for those that are not taken.
    pub fn http_ask(&mut self, now: Instant, session: HttpSession, number: u64, request: Request) {
        self.now = now;
        let Some(key) = self.handed_over.sessions.get(&session).copied() else {
            let ended = HttpInput::Ended(DropReason::Kicked);
            return self.tell_http(HttpOutput::Session(session, ended));
        };
        let until =
            self.sessions.get(key).and_then(|of| self.rates.waits(&of.buckets, &request, now));
        if let Some(until) = until {
            let wait = until.saturating_duration_since(now);
            return self.tell_http(HttpOutput::TooMuch { session, number, wait });
        }
        self.ask(key, request);
    }

    /// The client of a session has proved that it has a live line.
    pub fn http_delivered(&mut self, now: Instant, session: HttpSession, mark: Mark) {
        self.now = now;
        if let Some(key) = self.handed_over.sessions.get(&session).copied() {
            self.office.note(key, Notice::Delivered(mark));
        }
    }

    /// A session asks about the posts of a channel. What is watched already is told of all that
    /// is stored after those.
    pub fn http_history(
        &mut self,
        now: Instant,
        session: HttpSession,
        number: u64,
        query: HistoryQuery,
    ) {
        self.now = now;
        let Some(key) = self.handed_over.sessions.get(&session).copied() else {
            let ended = HttpInput::Ended(DropReason::Kicked);
            return self.tell_http(HttpOutput::Session(session, ended));
        };
        let rows = self.office.history(key, query);
        self.tell_http(HttpOutput::History { session, number, rows });
    }

    /// A session that has logged in asks about what its account has read and sent: from where
    /// on, and for how many messages at most.
    pub fn http_kept(
        &mut self,
        now: Instant,
        session: HttpSession,
        number: u64,
        (from, count): (HistoryFrom<MessageId>, usize),
    ) {
        self.now = now;
        let key = self.handed_over.sessions.get(&session).copied();
        let rows = key.and_then(|key| self.office.kept(key, from, count));
        self.tell_http(
            rows.map_or(
                HttpOutput::Session(session, HttpInput::Ended(DropReason::Kicked)),
                |rows| HttpOutput::Kept { session, number, rows },
            ),
        );
    }

    /// The driver of HTTP wants to be told of the posts in a channel from now on, or no more.
    pub fn http_watch(&mut self, now: Instant, channel: &Channel, watches: bool) {
        self.now = now;
        let office = &mut self.office;
        let hub = *self.handed_over.hub.get_or_insert_with(|| {
            let address: IpAddr = Ipv4Addr::LOCALHOST.into();
            let peer = Peer { network: address.into(), is_shared: true, is_local: true };
            office.enter(peer, Access::OPEN, None)
        });
        let is_new = if watches {
            self.handed_over.watched.insert(channel.clone())
        } else {
            self.handed_over.watched.remove(channel)
        };
        if is_new {
            self.office.listen(hub, channel, watches);
        }
    }

    /// Tells the driver of HTTP of a post, if it watches the channel. Of one in a private
    /// channel it is told no more than that there is something to read, for those who may.
    pub(crate) fn tell_http_of_post(&mut self, posted: &Posted) {
        if !self.handed_over.watched.contains(&posted.channel) {
            return;
        }
        self.tell_http(if self.office.is_public(&posted.channel) {
            HttpOutput::Post(Box::new(posted.again()))
        } else {
            HttpOutput::Withheld(posted.channel.clone(), posted.stamp.id)
        });
    }

    /// Tells the driver of HTTP that a post is deleted, if it watches the channel.
    pub(crate) fn tell_http_of_deletion(&mut self, channel: &Channel, id: PostId) {
        if self.handed_over.watched.contains(channel) {
            let is_private = !self.office.is_public(channel);
            let channel = channel.clone();
            self.tell_http(HttpOutput::PostDeleted { channel, id, is_private });
        }
    }

    /// Tells the driver of HTTP that a private channel is deleted, if it watches it.
    pub(crate) fn tell_http_of_end(&mut self, channel: Channel) {
        if self.handed_over.watched.contains(&channel) {
            self.tell_http(HttpOutput::Gone(channel));
        }
    }

    /// A session is over.
    pub fn http_leave(&mut self, now: Instant, session: HttpSession) {
        self.now = now;
        if let Some(key) = self.handed_over.sessions.get(&session).copied() {
            self.end_http_session(key, Ending::AsItsPhase);
        }
    }

    /// A connection is gone.
    pub fn http_closed(&mut self, now: Instant, connection: HttpConnection) {
        self.now = now;
        let Some(of) = self.handed_over.connections.remove(&connection) else {
            return;
        };
        for session in of.sessions {
            if let Some(key) = self.handed_over.sessions.remove(&session) {
                self.end_http_session(key, Ending::AsItsPhase);
            }
        }
        if of.is_counted {
            self.peers.leave(of.newcomer.peer.ip().into());
        }
        self.forget(of.place);
    }

    /// Closes the connections of addresses; their sessions have ended.
    pub(crate) fn close_http(&mut self, of: IpNet) {
        let is_of = |peer: SocketAddr| of.contains(&peer.ip().to_canonical());
        let connections = self.handed_over.connections.iter();
        let closed: Vec<_> = connections
            .filter(|(_, of)| is_of(of.newcomer.peer))
            .map(|(connection, _)| *connection)
            .collect();
        for connection in closed {
            self.http_closed(self.now, connection);
            self.tell_http(HttpOutput::Close(connection));
        }
    }

    /// Forgets a session. Its connection stays.
    pub(crate) fn end_http_session(&mut self, key: SessionKey, ending: Ending) {
        let Some(session) = self.sessions.get(key) else {
            return;
        };
        let phase = self.connections[session.front.index()].phase;
        if let Some((connection, http)) = session.http {
            self.handed_over.sessions.remove(&http);
            if let Some(of) = self.handed_over.connections.get_mut(&connection) {
                of.sessions.retain(|other| *other != http);
            }
        }
        self.remove_session(key, ending.reason(phase));
    }

    pub(crate) fn tell_http(&mut self, output: HttpOutput) {
        self.outputs.push_back(Output::Http(output));
    }
}
