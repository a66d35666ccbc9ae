//! The clients' ends of connections.

use std::collections::VecDeque;

use postroom_engine::ConnectionKey;

use crate::tls::ServerTls;

/// A client's end of a connection, which may be gone.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct PeerKey(pub(crate) usize);

/// What a turn has read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Taken {
    /// So often.
    pub reads: usize,
    /// So many bytes.
    pub bytes: usize,
}

/// A dial that has no result yet.
#[derive(Debug)]
pub struct HeldDial {
    pub(crate) connection: ConnectionKey,
    pub(crate) back: PeerKey,
    pub(crate) port: u16,
}

/// The client's end of a connection.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is for itself")]
pub(crate) struct Peer {
    /// The engine's name for it, until that closes it.
    pub(crate) connection: Option<ConnectionKey>,
    /// The connection whose peer was dialled, where the engine opened this one.
    pub(crate) front: Option<PeerKey>,
    /// The client listens on [`PORT`](crate::PORT).
    pub(crate) listens: bool,
    pub(crate) is_connected: bool,
    /// What waits in the socket for the engine.
    pub(crate) waiting: VecDeque<Sent>,
    /// How many bytes the client's socket has room for.
    pub(crate) window: usize,
    /// The client does not read, and its socket is full.
    pub(crate) is_stalled: bool,
    /// The engine has bytes for which there was no room.
    pub(crate) has_more: bool,
    /// What the engine has transmitted and the client has not looked at.
    pub(crate) received: VecDeque<u8>,
    /// How many bytes the client has looked at: those are acknowledged.
    pub(crate) acknowledged: u64,
    pub(crate) is_half_closed: bool,
    pub(crate) is_cut_off: bool,
    /// TLS, where the connection has it: then all that is said above of bytes is of
    /// ciphertext.
    pub(crate) tls: Option<Box<ServerTls>>,
}

#[derive(Debug)]
pub(crate) enum Sent {
    Bytes(Vec<u8>),
    End,
}

impl Peer {
    pub(crate) fn new(connection: ConnectionKey, front: Option<PeerKey>) -> Self {
        Self {
            connection: Some(connection),
            front,
            listens: false,
            is_connected: false,
            waiting: VecDeque::new(),
            window: usize::MAX,
            is_stalled: false,
            has_more: false,
            received: VecDeque::new(),
            acknowledged: 0,
            is_half_closed: false,
            is_cut_off: false,
            tls: None,
        }
    }

    /// How many bytes of the engine's the client has acknowledged.
    pub(crate) fn acknowledged(&mut self) -> u64 {
        match &mut self.tls {
            Some(tls) => tls.acknowledged(self.acknowledged),
            None => self.acknowledged,
        }
    }

    /// Whether its socket has room.
    pub(crate) fn has_room(&self) -> bool {
        !self.is_stalled && self.window > 0
    }
}
