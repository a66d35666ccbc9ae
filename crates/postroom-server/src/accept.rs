//! Accepting connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mio::net::TcpStream;
use postroom_engine::{Broken, ListenerKey};
use postroom_store::Store;
use rustls::ServerConfig;

use crate::connection::{Connection, Peer};
use crate::event_loop::Server;
use crate::transport::Transport;

/// Connections accepted in a turn: about a millisecond.
const ACCEPTS_MAX: u32 = 64;

/// How long to wait after the operating system could not accept a connection.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(100);

impl<S: Store> Server<S> {
    /// Accepts waiting connections up to the limit: one of each listener in turn, so
    /// that a flood at one listener does not take all places.
    pub(crate) fn accept(&mut self) {
        self.accept_again();
        if self.connections_wait() {
            // Evicted connections get their last line before their places are reused.
            self.perform();
            self.engine.make_places(self.now, true);
            self.perform();
            let mut accepts = 0;
            while self.may_accept() && accepts < ACCEPTS_MAX {
                accepts += 1;
                self.next_listener = (self.next_listener + 1) % self.listeners.len();
                if self.listeners[self.next_listener].waiting {
                    self.accept_one(self.next_listener);
                }
            }
            self.perform();
        }
        self.engine.make_places(self.now, self.connections_wait());
    }

    /// Whether connections wait that can be accepted.
    pub(crate) fn may_accept(&self) -> bool {
        self.engine.has_place() && self.connections_wait()
    }

    fn connections_wait(&self) -> bool {
        self.listeners.iter().any(|listening| listening.waiting)
    }

    /// Marks all listeners as having waiting connections.
    pub(crate) fn connections_may_wait(&mut self) {
        for listening in &mut self.listeners {
            listening.waiting = true;
        }
    }

    /// Retries accepting once the wait after a shortage is over.
    fn accept_again(&mut self) {
        if self.accept_again_at.take_if(|at| *at <= self.now).is_some() {
            self.connections_may_wait();
        }
    }

    fn accept_one(&mut self, number: usize) {
        let listening = &mut self.listeners[number];
        match listening.bound.listener.accept() {
            Ok((stream, peer)) => {
                let listener = listening.key;
                self.begin(stream, peer, listener);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => listening.waiting = false,
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                // Descriptors or memory are short. No event reports that they are free
                // again, so the loop retries after a while.
                listening.waiting = false;
                if self.accept_again_at.is_none() {
                    tracing::warn!(%error, "cannot accept a connection; trying again");
                }
                self.accept_again_at = Some(self.now + ACCEPT_AGAIN_AFTER);
            }
        }
    }

    /// What a new connection of a listener gets, if the listener has TLS.
    fn tls_of(&self, listener: ListenerKey) -> Option<Arc<ServerConfig>> {
        let listening = self.listeners.iter().find(|listening| listening.key == listener)?;
        let has_tls = listening.bound.settings.listener.options.tls;
        self.tls.as_ref().filter(|_| has_tls).map(|tls| Arc::clone(&tls.0))
    }

    fn begin(&mut self, socket: TcpStream, peer: SocketAddr, listener: ListenerKey) {
        let key = self.engine.open(self.now, listener, peer);
        let transport = match self.tls_of(listener) {
            Some(tls) => Transport::tls(socket, tls),
            None => Ok(Transport::plain(socket)),
        };
        match transport {
            Ok(transport) => {
                self.connections.insert(key, Connection::new(transport, Peer::Open));
            }
            Err(broken) => return self.break_off(key, broken),
        }
        if let Err(error) = self.watch(key) {
            tracing::error!(%error, "cannot watch a connection");
            self.engine.broken(self.now, key, Broken::Unwatched);
            self.perform();
            return;
        }
        // A client that sends first has often sent already.
        self.take_input(key);
    }
}

/// Whether the connection was closed before it was accepted; the listener is not at
/// fault.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted)
}
