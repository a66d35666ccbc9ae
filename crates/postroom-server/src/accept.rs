//! Taking new connections.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Interest, Token};
use postroom_protocol::{Close, DropReason, Outputs, Protocol, Stream};
use postroom_store::Store;
use tracing::Level;

use crate::connection::{Connection, Ending, Phase};
use crate::event_loop::{FIRST_CONNECTION, Server};
use crate::seat::{Seat, SeatDeadlines};
use crate::timers::Deadline;

const EVICTED: Close = Close::Dropped(DropReason::Evicted);

/// How long to wait after the operating system could not accept a connection.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

impl<S: Store> Server<S> {
    /// Takes the connections that wait, as many as there may be: one of each listener
    /// in turn, so that a flood at one of them does not take all places.
    pub(crate) fn accept(&mut self) {
        self.free_places();
        while self.may_accept() {
            self.next_listener = (self.next_listener + 1) % self.listeners.len();
            if self.listeners[self.next_listener].waiting {
                self.accept_one(self.next_listener);
            }
        }
        self.log_when_full();
    }

    /// Where connections wait and there is no place, those that were evicted before
    /// their login are not drained any longer.
    fn free_places(&mut self) {
        while !self.has_place()
            && self.listeners.iter().any(|listening| listening.waiting)
            && let Some(key) = self.evicted.pop_front()
        {
            let phase = self.connections.get(key).map(|connection| connection.phase);
            if let Some(Phase::Closing(EVICTED) | Phase::Draining(EVICTED)) = phase {
                self.remove(key, Ending::AsItsPhase);
            }
        }
        if self.has_place() {
            self.evicted.clear();
        }
    }

    /// Tells once that connections wait because there are as many as there may be.
    fn log_when_full(&mut self) {
        let is_full = !self.has_place() && self.listeners.iter().any(|listening| listening.waiting);
        let was_full = std::mem::replace(&mut self.is_full, is_full);
        if is_full
            && !was_full
            && self.line_counts.admit(Level::WARN, "the server is full", None, self.now)
        {
            let connections = self.connections.len();
            tracing::warn!(
                connections,
                "the server is full (connection.max): new connections wait"
            );
        }
    }

    /// Whether connections may wait that could be taken.
    pub(crate) fn may_accept(&self) -> bool {
        self.has_place() && self.listeners.iter().any(|listening| listening.waiting)
    }

    fn has_place(&self) -> bool {
        self.connections.len() < self.settings.connections_max
    }

    fn accept_one(&mut self, number: usize) {
        let listening = &mut self.listeners[number];
        match listening.bound.listener.accept() {
            Ok((stream, peer)) => {
                let protocol = listening.bound.address.protocol;
                self.begin(stream, peer, protocol);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => listening.waiting = false,
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                // Descriptors or memory are short. No event tells when they are not,
                // so it is tried again after a while.
                listening.waiting = false;
                if self.line_counts.admit(Level::WARN, "cannot accept a connection", None, self.now)
                {
                    tracing::warn!(%error, "cannot accept a connection; trying again");
                }
                let at = self.now + ACCEPT_AGAIN_AFTER;
                self.timers.set(&mut self.accept_again, Deadline::Accept, Some(at));
            }
        }
    }

    /// The time to try to accept again has come.
    pub(crate) fn accept_again(&mut self) {
        self.accept_again = None;
        self.connections_may_wait();
    }

    /// Looks into the listeners' queues again.
    pub(crate) fn connections_may_wait(&mut self) {
        for listening in &mut self.listeners {
            listening.waiting = true;
        }
    }

    fn begin(&mut self, socket: TcpStream, peer: SocketAddr, protocol: &'static Protocol) {
        let visit = self.office.enter();
        let mut outputs = Outputs::default();
        let session = (protocol.begin)(&self.settings.session, &mut outputs);
        let connection = Connection::new(socket, visit.key(), Stream::Front, Phase::Open);
        let key = self.connections.insert(connection);
        self.seats.insert(Seat {
            session,
            visit,
            protocol,
            peer: peer.into(),
            account: None,
            front: key,
            back: None,
            deadlines: SeatDeadlines::default(),
            dialling: None,
        });
        let registered = self.poll.registry().register(
            self.connections[key].socket_mut(),
            Token(FIRST_CONNECTION + key),
            Interest::READABLE | Interest::WRITABLE,
        );
        if let Err(error) = registered {
            tracing::error!(%error, "cannot watch a connection");
            self.remove(key, Ending::Unwatched);
            return;
        }
        self.log_connected(visit.key());
        std::mem::swap(&mut self.connections[key].output, &mut outputs.front);
        self.apply(visit.key(), &mut outputs);
        self.will_flush_session(visit.key());
        // A client that speaks first has often spoken already.
        self.will_take(key);
    }
}

/// The connection was gone before it was accepted; the listener is well.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted)
}
