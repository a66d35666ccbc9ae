//! Taking new connections.

use std::io;

use mio::net::TcpStream;
use mio::{Interest, Token};
use postroom_protocol::{Outputs, Protocol, Stream};
use postroom_store::Store;

use crate::connection::{Connection, Phase};
use crate::event_loop::{FIRST_CONNECTION, Server};
use crate::seat::{Seat, SeatDeadlines};

impl<S: Store> Server<S> {
    /// Takes the connections that wait, as many as there may be.
    pub(crate) fn accept(&mut self) {
        for number in 0..self.listeners.len() {
            while self.listeners[number].waiting && self.has_place() {
                self.accept_one(number);
            }
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
            Ok((stream, _)) => {
                let protocol = listening.bound.address.protocol;
                self.begin(stream, protocol);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => listening.waiting = false,
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                // Descriptors or memory are short: try again with the next
                // connection or the next end of one.
                tracing::warn!(%error, "cannot accept a connection");
                listening.waiting = false;
            }
        }
    }

    fn begin(&mut self, socket: TcpStream, protocol: &'static Protocol) {
        let visit = self.office.enter();
        let mut outputs = Outputs::default();
        let session = (protocol.begin)(&self.settings.session, &mut outputs);
        let connection = Connection::new(socket, visit.key(), Stream::Front, Phase::Open);
        let key = self.connections.insert(connection);
        self.seats.insert(Seat {
            session,
            visit,
            protocol,
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
            tracing::warn!(%error, "cannot watch a connection");
            self.remove(key);
            return;
        }
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
