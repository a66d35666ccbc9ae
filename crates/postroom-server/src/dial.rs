//! Dialling clients at the engine's request.

use std::io;
use std::net::SocketAddr;

use mio::net::TcpStream;
use postroom_engine::{ConnectionKey, Dialled};
use postroom_store::Store;

use crate::connection::{Connection, Peer};
use crate::event_loop::Server;
use crate::listener::KeepAlive;
use crate::transport::Transport;

impl<S: Store> Server<S> {
    /// Begins to connect to the peer of `front`, at another port.
    pub(crate) fn dial(&mut self, key: ConnectionKey, front: ConnectionKey, port: u16) {
        if let Err(error) = self.connect(key, front, port) {
            self.connections.remove(key);
            self.engine.dialled(self.now, key, failed(&error));
        }
    }

    fn connect(&mut self, key: ConnectionKey, front: ConnectionKey, port: u16) -> io::Result<()> {
        let front = self.connections.get_mut(front).ok_or(io::ErrorKind::NotConnected)?;
        // The addresses keep their scope: a link-local IPv6 address needs it.
        let (mut from, mut to) = front.transport.addresses()?;
        from.set_port(0);
        to.set_port(port);
        let socket = open(from, to, self.keep_alive)?;
        self.connections.insert(key, Connection::new(Transport::plain(socket), Peer::Dialled));
        self.watch(key)
    }

    /// Handles an event of a socket that is dialling: checks whether the dial has
    /// completed. The peer may have half-closed by then, which no later event tells.
    pub(crate) fn dial_event(&mut self, key: ConnectionKey, is_read_closed: bool) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let dialled = match (connection.transport.take_error(), connection.transport.addresses()) {
            (Some(error), _) => failed(&error),
            // A TCP self-connection: the socket has dialled its own port.
            (None, Ok((ours, theirs))) if ours == theirs => {
                failed(&io::ErrorKind::ConnectionRefused.into())
            }
            (None, Ok(_)) => {
                connection.peer = if is_read_closed { Peer::Ending } else { Peer::Open };
                Dialled::Connected
            }
            // Not yet.
            (None, Err(_)) => return,
        };
        self.engine.dialled(self.now, key, dialled);
        self.engine.readable(key);
    }
}

fn failed(error: &io::Error) -> Dialled {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Dialled::Refused(error.to_string()),
        _ => Dialled::Failed(error.to_string()),
    }
}

/// Begins to connect, from the server address that the client uses.
fn open(from: SocketAddr, to: SocketAddr, keep_alive: KeepAlive) -> io::Result<TcpStream> {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::for_address(to), Type::STREAM.nonblocking(), None)?;
    keep_alive.apply(&socket)?;
    socket.bind(&from.into())?;
    match socket.connect(&to.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}
