//! Accepting connections.

use std::io::{self, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use mio::net::TcpStream;
use postroom_engine::{Broken, Listener, ListenerKey, Opened, Refused};
use postroom_store::Store;
use socket2::SockRef;

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
            self.note_end_of_shortage();
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

    /// A shortage is over when no connection waits, not when one was accepted: its
    /// descriptor may have been the last.
    fn note_end_of_shortage(&mut self) {
        let is_over = self.accept_again_at.is_none() && !self.connections_wait();
        if is_over && std::mem::take(&mut self.is_short) {
            tracing::info!("connections are accepted again");
        }
    }

    fn accept_one(&mut self, number: usize) {
        let listening = &mut self.listeners[number];
        match listening.bound.listener.accept() {
            Ok((stream, peer)) => {
                if listening.bound.was_passed {
                    // A connection that does not take them is broken, as its first read shows.
                    let _ = self.keep_alive.apply(&SockRef::from(&stream));
                }
                let (key, listener) = (listening.key, listening.bound.settings.listener);
                self.begin(stream, peer, key, listener);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => listening.waiting = false,
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                // Descriptors or memory are short. No event reports that they are free
                // again, so the loop retries after a while.
                listening.waiting = false;
                if !std::mem::replace(&mut self.is_short, true) {
                    tracing::warn!(%error, "cannot accept connections; trying again until no more wait");
                }
                self.accept_again_at = Some(self.now + ACCEPT_AGAIN_AFTER);
            }
        }
    }

    /// The transport of a new connection. None of a listener with TLS is ever plain.
    fn transport(&self, socket: TcpStream, has_tls: bool) -> Result<Transport, Broken> {
        match (has_tls, &self.tls) {
            (false, _) => Ok(Transport::plain(socket)),
            (true, Some(tls)) => Transport::tls(socket, Arc::clone(&tls.lines)),
            (true, None) => Err(Broken::Tls("the server has no certificate")),
        }
    }

    fn begin(
        &mut self,
        mut socket: TcpStream,
        address: SocketAddr,
        listener: ListenerKey,
        Listener { protocol, options }: Listener,
    ) {
        let key = match self.engine.open(self.now, listener, address) {
            Ok(Opened::Here(key)) => key,
            Ok(Opened::HandedOver(key)) => return self.hand_over(key, socket),
            Err(refused) => return turn_away(&mut socket, refused),
        };
        let peer = if options.proxy_header { Peer::Header } else { Peer::Open };
        // The other driver shakes hands itself.
        let has_tls = options.tls && !protocol.is_handed_over;
        match self.transport(socket, has_tls) {
            Ok(transport) => {
                self.connections.insert(key, Connection::new(transport, peer));
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
        match peer {
            Peer::Header => self.read_header(key, false),
            _ => self.take_input(key),
        }
    }
}

/// Tells a connection that is to be closed at once. Bytes of the client that were not read
/// turn the close into a reset; the line arrives before that.
pub(crate) fn turn_away(socket: &mut TcpStream, Refused { farewell }: Refused) {
    if !farewell.is_empty() {
        // A new socket has room. A peer that is gone needs no line.
        let _ = socket.write(farewell.as_bytes());
        let _ = socket.shutdown(Shutdown::Write);
    }
}

/// Whether the connection was closed before it was accepted; the listener is not at
/// fault.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted)
}
