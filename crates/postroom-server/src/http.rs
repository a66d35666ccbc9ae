//! The event loop's side of HTTP: it hands connections over to the driver of HTTP, which runs
//! on threads of its own, takes what that asks, and tells it what comes back.

use std::net::TcpStream;
use std::sync::Arc;

use postroom_engine::HttpConnection;
use postroom_store::Store;

use crate::event_loop::Server;
use crate::http_gate::{Asked, HttpGate, HttpHandover, ToHttp};

/// Requests that a turn takes.
const TAKEN_MAX: usize = 512;

impl<S: Store> Server<S> {
    /// Asks this server for the clients of HTTP, from any thread, while it runs.
    #[must_use]
    pub fn http_gate(&self) -> HttpGate {
        self.http.gate.clone()
    }

    /// Takes what the driver of HTTP asks.
    pub(crate) fn take_http(&mut self) {
        self.http.gate.looks();
        let mut taken = 0;
        while taken < TAKEN_MAX
            && let Some(asked) = self.http.take()
        {
            taken += 1;
            match asked {
                Asked::Enter(connection, session) => {
                    self.engine.http_enter(self.now, connection, session);
                }
                Asked::Ask(session, number, request) => {
                    self.engine.http_ask(self.now, session, number, *request);
                }
                Asked::History(session, number, query) => {
                    self.engine.http_history(self.now, session, number, query);
                }
                Asked::Kept(session, number, from, count) => {
                    self.engine.http_kept(self.now, session, number, (from, count));
                }
                Asked::Watch(channel, watches) => {
                    self.engine.http_watch(self.now, &channel, watches);
                }
                Asked::Delivered(session, mark) => {
                    self.engine.http_delivered(self.now, session, mark);
                }
                Asked::Damaged(damaged) => self.engine.note_damaged(damaged),
                Asked::Leave(session) => self.engine.http_leave(self.now, session),
                Asked::Closed(connection) => {
                    self.engine.http_closed(self.now, connection);
                    // A waiting connection can now be accepted.
                    self.connections_may_wait();
                }
            }
        }
        if taken == TAKEN_MAX {
            self.http.gate.wake();
        }
    }

    /// Hands a connection over. One that cannot be is closed.
    pub(crate) fn hand_over(&mut self, connection: HttpConnection, socket: mio::net::TcpStream) {
        let of = self.engine.http_origin(connection);
        let socket = TcpStream::from(socket);
        let (Some((of, peer)), Ok(local)) = (of, socket.local_addr()) else {
            return self.engine.http_closed(self.now, connection);
        };
        let tls = self.tls.as_ref().filter(|_| of.options.tls).map(|tls| Arc::clone(&tls.http));
        if !self.http.has_driver() || of.options.tls && tls.is_none() {
            return self.engine.http_closed(self.now, connection);
        }
        let (listener, options) = (of.name(), of.options);
        let handover = HttpHandover { connection, socket, peer, local, listener, options, tls };
        self.http.tell(ToHttp::Connection(Box::new(handover)));
    }
}
