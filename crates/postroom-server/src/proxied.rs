//! The beginning of connections that a proxy passes on: the header that tells whose they are.
//!
//! It is looked at in the socket and taken from there once it is whole, so whatever reads
//! from the transport finds the client's bytes alone.

use std::io::{self, ErrorKind, Read as _};

use mio::net::TcpStream;
use postroom_engine::{ConnectionKey, HeaderRead, HttpConnection, Opened};
use postroom_protocol::PROXY_HEADER_BYTES_MAX;
use postroom_store::Store;

use crate::accept::turn_away;
use crate::connection::Peer;
use crate::event_loop::Server;
use crate::transport::broken;

impl<S: Store> Server<S> {
    /// Looks at what has come of a header. The peer may have half-closed.
    pub(crate) fn read_header(&mut self, key: ConnectionKey, is_read_closed: bool) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let socket = connection.transport.socket();
        let mut bytes = [0; PROXY_HEADER_BYTES_MAX];
        let (length, is_over) = match peek(socket, &mut bytes) {
            Ok(length) => (length, is_read_closed || length == 0),
            Err(error) if error.kind() == ErrorKind::WouldBlock => (0, is_read_closed),
            Err(error) => return self.break_off(key, broken(&error)),
        };
        match self.engine.header(self.now, key, &bytes[..length], is_over) {
            HeaderRead::More => {}
            HeaderRead::Whole { length, opened } => {
                if let Err(error) = socket.read_exact(&mut bytes[..length]) {
                    return self.break_off(key, broken(&error));
                }
                if let Opened::HandedOver(http) = opened {
                    return self.hand_over_proxied(key, http);
                }
                connection.peer = if is_read_closed { Peer::Ending } else { Peer::Open };
                self.take_input(key);
            }
            HeaderRead::Refused(refused) => {
                turn_away(socket, refused);
                self.connections.remove(key);
            }
        }
    }
}

impl<S: Store> Server<S> {
    fn hand_over_proxied(&mut self, key: ConnectionKey, http: HttpConnection) {
        let connection = self.connections.remove(key);
        let socket = connection.and_then(|connection| connection.transport.into_plain());
        let Some(mut socket) = socket else {
            return;
        };
        if let Err(error) = self.poll.registry().deregister(&mut socket) {
            tracing::error!(%error, "cannot stop watching a connection");
            return self.engine.http_closed(self.now, http);
        }
        self.hand_over(http, socket);
    }
}

fn peek(socket: &TcpStream, bytes: &mut [u8]) -> io::Result<usize> {
    loop {
        match socket.peek(bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            peeked => return peeked,
        }
    }
}
