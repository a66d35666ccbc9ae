//! The connections that the driver polls.

use postroom_engine::ConnectionKey;

use crate::transport::Transport;

/// A connection and the state of its socket.
pub(crate) struct Connection {
    pub(crate) transport: Transport,
    pub(crate) peer: Peer,
    /// Listed among the connections whose handshake goes on.
    pub(crate) in_handshakes: bool,
}

/// The state of the peer's side of the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Peer {
    /// The dial has not completed.
    Dialled,
    /// It is a proxy, whose header has not come.
    Header,
    Open,
    /// The peer has half-closed; bytes before its FIN may be unread.
    Ending,
    /// The half-close has been read.
    Ended,
}

impl Connection {
    pub(crate) fn new(transport: Transport, peer: Peer) -> Self {
        Self { transport, peer, in_handshakes: false }
    }
}

/// The connections by their keys.
#[derive(Default)]
pub(crate) struct Connections(Vec<Option<Connection>>);

impl Connections {
    pub(crate) fn insert(&mut self, key: ConnectionKey, connection: Connection) {
        if self.0.len() <= key.index() {
            self.0.resize_with(key.index() + 1, || None);
        }
        self.0[key.index()] = Some(connection);
    }

    pub(crate) fn get_mut(&mut self, key: ConnectionKey) -> Option<&mut Connection> {
        self.0.get_mut(key.index())?.as_mut()
    }

    pub(crate) fn remove(&mut self, key: ConnectionKey) -> Option<Connection> {
        self.0.get_mut(key.index())?.take()
    }
}
