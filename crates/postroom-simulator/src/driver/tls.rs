//! The TLS of connections that have it, where the server's transport is.

use postroom_engine::{Broken, Read};
use postroom_model::{Fault, faulty};

use super::Driver;
use crate::disk::Disk;
use crate::peer::{PeerKey, Sent};
use crate::tls::ServerTls;

/// Reads of the socket for one read of the engine.
const READS_MAX: usize = 6;
/// Ciphertext that one of them takes, at most.
const READ_BYTES_MAX: usize = 4 << 10;

const LEFT: Broken = Broken::Tls("the client left during the TLS handshake");

impl<D: Disk> Driver<D> {
    /// A connection that was just opened is one of TLS.
    pub(crate) fn secure(&mut self, key: PeerKey) {
        self.peers[key.0].tls = Some(Box::default());
    }

    fn tls(&mut self, key: PeerKey) -> Option<&mut ServerTls> {
        self.peers[key.0].tls.as_deref_mut()
    }

    pub(crate) fn is_shaking_hands(&self, key: PeerKey) -> bool {
        self.peers[key.0].tls.as_ref().is_some_and(|tls| tls.is_shaking_hands())
    }

    /// The socket of a connection has something: a part of the handshake, or what the engine
    /// reads.
    pub(super) fn notice(&mut self, key: PeerKey) {
        if let Some(connection) = self.peers[key.0].connection
            && !self.is_shaking_hands(key)
        {
            self.engine.readable(connection);
        }
    }

    /// Lets the handshakes go on.
    pub(super) fn shake_hands(&mut self) {
        let keys: Vec<PeerKey> = self.live().filter(|key| self.is_shaking_hands(*key)).collect();
        for key in keys {
            self.take_steps(key);
        }
    }

    fn take_steps(&mut self, key: PeerKey) {
        while let Some(connection) = self.peers[key.0].connection
            && self.is_shaking_hands(key)
            && let Some(sent) = self.peers[key.0].waiting.pop_front()
        {
            match (sent, self.tls(key)) {
                (Sent::Bytes(bytes), Some(tls)) => tls.receive(&bytes),
                _ => self.engine.broken(self.now, connection, LEFT),
            }
            self.transmit(key);
            if !self.is_shaking_hands(key) {
                self.engine.readable(connection);
            }
        }
    }

    /// Breaks a connection off that is to end before its handshake is over: nothing can be
    /// told to the client.
    pub(super) fn end_in_handshake(&mut self, key: PeerKey) {
        if let Some(connection) = self.peers[key.0].connection
            && self.engine.is_closing(connection)
        {
            self.engine.broken(self.now, connection, LEFT);
        }
    }

    /// Gives the engine plaintext, or what else there is to be told.
    pub(super) fn read_tls(&mut self, key: PeerKey, read: Read) {
        let Read { connection, bytes_max, proves } = read;
        let (engine, peer, now) = (&mut self.engine, &mut self.peers[key.0], self.now);
        let Some(tls) = peer.tls.as_deref_mut().filter(|tls| !tls.is_shaking_hands()) else {
            return engine.drained(connection);
        };
        for _ in 0..READS_MAX {
            if tls.has_plaintext() {
                let bytes = tls.take(bytes_max);
                let acknowledged = tls.sampled(proves);
                if peer.waiting.is_empty() && !tls.has_plaintext() && !tls.is_at_end() {
                    engine.drained(connection);
                }
                self.taken.bytes += bytes.len();
                return engine.received(now, connection, &bytes, acknowledged);
            }
            if tls.is_at_end() {
                let acknowledged = tls.sampled(proves);
                return engine.half_closed(now, connection, acknowledged);
            }
            tls.sample(proves, peer.acknowledged);
            match peer.waiting.pop_front() {
                Some(Sent::Bytes(mut bytes)) => {
                    if bytes.len() > READ_BYTES_MAX {
                        peer.waiting.push_front(Sent::Bytes(bytes.split_off(READ_BYTES_MAX)));
                    }
                    tls.receive(&bytes);
                }
                Some(Sent::End) if faulty(Fault::TruncationProves) => {
                    let acknowledged = tls.sampled(proves);
                    return engine.half_closed(now, connection, acknowledged);
                }
                // The peer has not said that this is all.
                Some(Sent::End) => return engine.broken(now, connection, Broken::Truncated),
                None => return engine.drained(connection),
            }
        }
        engine.received(now, connection, &[], None);
    }

    /// Writes ciphertext as the socket has room, and encrypts what the engine has.
    pub(super) fn transmit_tls(&mut self, key: PeerKey) {
        loop {
            self.flush(key);
            let peer = &mut self.peers[key.0];
            let (Some(connection), Some(tls)) = (peer.connection, peer.tls.as_deref_mut()) else {
                return;
            };
            peer.has_more = tls.wants_write();
            if tls.is_shaking_hands() {
                return self.end_in_handshake(key);
            }
            if peer.has_more {
                return;
            }
            let bytes = self.engine.transmit(connection, usize::MAX);
            peer.has_more = !bytes.is_empty();
            if bytes.is_empty() || !peer.has_room() {
                return;
            }
            assert!(!peer.is_half_closed, "bytes after the end of our side");
            if let Some(tls) = peer.tls.as_deref_mut() {
                tls.write(bytes);
            }
        }
    }

    /// Writes ciphertext as the socket has room.
    fn flush(&mut self, key: PeerKey) {
        let peer = &mut self.peers[key.0];
        let room = if peer.is_stalled { 0 } else { self.room.min(peer.window) };
        let (Some(connection), Some(tls)) = (peer.connection, peer.tls.as_deref_mut()) else {
            return;
        };
        let (bytes, written) = tls.flush(room);
        if peer.window != usize::MAX {
            peer.window -= bytes.len();
        }
        peer.received.extend(bytes);
        if written > 0 {
            self.engine.transmitted(self.now, connection, written);
        }
    }

    /// The end of what the server says. Its kernel sends the FIN after it.
    pub(super) fn end_tls(&mut self, key: PeerKey) {
        if let Some(tls) = self.tls(key) {
            tls.end();
            self.transmit_tls(key);
        }
    }
}
