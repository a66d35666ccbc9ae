//! What clients do and see, at their ends of the connections.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use postroom_engine::{
    AdminAnswer, AdminRequest, AdminTicket, Broken, Listener, ListenerKey, ListenerOptions, Opened,
    Refused,
};
use postroom_protocol::Protocol;

use super::Driver;
use crate::disk::Disk;
use crate::peer::{Peer, PeerKey, Sent};

impl<D: Disk> Driver<D> {
    /// An operator asks, and gets the answer.
    pub fn administer(&mut self, request: AdminRequest) -> AdminAnswer {
        let ticket = self.ask_as_operator(request);
        self.settle();
        self.answer_to(ticket).expect("each question is answered")
    }

    /// Takes the answer to an operator, if it is there.
    pub(crate) fn answer_to(&mut self, ticket: AdminTicket) -> Option<AdminAnswer> {
        let place = self.administered.iter().position(|(to, _)| *to == ticket)?;
        Some(self.administered.swap_remove(place).1)
    }

    /// An operator asks; the answer is among those that operators were told, later.
    pub(crate) fn ask_as_operator(&mut self, request: AdminRequest) -> AdminTicket {
        self.administrations += 1;
        let ticket = AdminTicket(self.administrations);
        self.engine.administer(self.now, ticket, request);
        ticket
    }

    /// An operator asks for what takes time; the answer is [taken](Self::answer) later.
    pub fn ask(&mut self, ticket: AdminTicket, request: AdminRequest) {
        self.engine.administer(self.now, ticket, request);
        self.settle();
    }

    /// The answer to what an operator has asked, if there is one.
    pub fn answer(&mut self, ticket: AdminTicket) -> Option<AdminAnswer> {
        let place = self.administered.iter().position(|(to, _)| *to == ticket)?;
        Some(self.administered.swap_remove(place).1)
    }

    /// Whether a client listens for a connection back.
    pub fn listens(&self, key: PeerKey) -> bool {
        self.peers[key.0].listens
    }

    /// A client on this machine connects to a listener of a protocol.
    pub fn connect(&mut self, protocol: &str) -> PeerKey {
        self.connect_from([127, 0, 0, 1], protocol)
    }

    /// A client at this address connects.
    pub fn connect_from(&mut self, address: [u8; 4], protocol: &str) -> PeerKey {
        self.connect_with(address.into(), protocol, ListenerOptions::default())
    }

    /// A client at this address connects to a listener with these options.
    pub fn connect_with(
        &mut self,
        address: IpAddr,
        protocol: &str,
        options: ListenerOptions,
    ) -> PeerKey {
        let peer = SocketAddr::from((address, 40_000));
        self.perform();
        let listener = self.add_listener(protocol, options);
        self.open(listener, peer).expect("the address has met no limit")
    }

    /// A client on this machine connects to a listener of a protocol that is none of the
    /// program's.
    pub fn connect_to(&mut self, protocol: &'static Protocol) -> PeerKey {
        self.perform();
        let options = ListenerOptions::default();
        let listener = self.engine.add_listener(Listener { protocol, options });
        let peer = SocketAddr::from(([127, 0, 0, 1], 40_000));
        self.open(listener, peer).expect("the address has met no limit")
    }

    /// A client connects to a listener of the engine.
    ///
    /// # Errors
    ///
    /// Its address has met a limit.
    pub fn open(&mut self, listener: ListenerKey, peer: SocketAddr) -> Result<PeerKey, Refused> {
        let Opened::Here(connection) = self.engine.open(self.now, listener, peer)? else {
            panic!("a connection of HTTP has a driver of its own");
        };
        let key = self.add(connection, None);
        self.peers[key.0].is_connected = true;
        Ok(key)
    }

    /// The client sends bytes, which the engine may take when it likes.
    pub fn send(&mut self, key: PeerKey, bytes: &[u8]) {
        self.peers[key.0].waiting.push_back(Sent::Bytes(bytes.to_vec()));
        self.arrived(key);
    }

    /// The client sends bytes, which the engine is told of and has not read yet.
    pub fn put(&mut self, key: PeerKey, bytes: &[u8]) {
        self.put_unnoticed(key, bytes);
        self.notice(key);
    }

    /// The client sends bytes, of which the engine is not told.
    pub fn put_unnoticed(&mut self, key: PeerKey, bytes: &[u8]) {
        self.peers[key.0].waiting.push_back(Sent::Bytes(bytes.to_vec()));
    }

    /// The client half-closes.
    pub fn half_close(&mut self, key: PeerKey) {
        self.peers[key.0].waiting.push_back(Sent::End);
        self.arrived(key);
    }

    /// The client half-closes, which the engine is told of and has not read yet.
    pub fn put_end(&mut self, key: PeerKey) {
        self.peers[key.0].waiting.push_back(Sent::End);
        self.notice(key);
    }

    /// The client resets the connection.
    pub fn reset(&mut self, key: PeerKey) {
        self.break_off(key);
        self.settle();
    }

    /// Resets a connection, and does nothing else yet.
    pub fn break_off(&mut self, key: PeerKey) {
        self.broken(key, Broken::Reset);
    }

    /// A connection is broken, and nothing else is done yet.
    pub fn broken(&mut self, key: PeerKey, broken: Broken) {
        if let Some(connection) = self.peers[key.0].connection {
            self.engine.broken(self.now, connection, broken);
        }
    }

    /// From now on the client listens for a connection back, on [`PORT`](crate::PORT).
    pub fn listen(&mut self, key: PeerKey) {
        self.peers[key.0].listens = true;
    }

    /// The connection that the engine has opened last to the client of another one.
    pub fn back(&self, key: PeerKey) -> Option<PeerKey> {
        let is_back = |peer: &Peer| peer.front == Some(key) && peer.is_connected;
        self.peers.iter().rposition(is_back).map(PeerKey)
    }

    /// From now on the client reads, or does not.
    pub fn set_stalled(&mut self, key: PeerKey, is_stalled: bool) {
        self.peers[key.0].is_stalled = is_stalled;
    }

    /// How many bytes of what the client has sent were not taken.
    pub fn untaken(&self, key: PeerKey) -> usize {
        let bytes = |sent: &Sent| match sent {
            Sent::Bytes(bytes) => bytes.len(),
            Sent::End => 0,
        };
        self.peers[key.0].waiting.iter().map(bytes).sum()
    }

    /// Whether all that the client has sent was taken.
    pub fn has_taken_all(&self, key: PeerKey) -> bool {
        self.peers[key.0].waiting.is_empty()
    }

    /// Whether the engine has half-closed or closed the connection.
    pub fn is_closed(&self, key: PeerKey) -> bool {
        self.peers[key.0].is_half_closed || self.is_gone(key)
    }

    /// Whether the process or the connection ended before all was transmitted: of the last
    /// line the client may have only the beginning.
    pub fn is_cut_off(&self, key: PeerKey) -> bool {
        self.peers[key.0].is_cut_off
    }

    /// Whether the engine has forgotten the connection.
    pub fn is_gone(&self, key: PeerKey) -> bool {
        self.peers[key.0].connection.is_none()
    }

    /// What the client has received and not looked at.
    pub fn received(&mut self, key: PeerKey) -> &mut VecDeque<u8> {
        &mut self.peers[key.0].received
    }

    /// The client looks at all that it has received.
    pub fn look(&mut self, key: PeerKey) -> Vec<u8> {
        let peer = &mut self.peers[key.0];
        peer.acknowledged += peer.received.len() as u64;
        std::mem::take(&mut peer.received).into()
    }

    /// The client looks at the next line.
    pub fn line(&mut self, key: PeerKey) -> Option<Vec<u8>> {
        let peer = &mut self.peers[key.0];
        let end = peer.received.iter().position(|byte| *byte == b'\n')?;
        let mut line: Vec<u8> = peer.received.drain(..=end).collect();
        peer.acknowledged += line.len() as u64;
        line.pop();
        Some(line)
    }

    /// All lines that the client has received.
    pub fn lines(&mut self, key: PeerKey) -> Vec<String> {
        let lines = std::iter::from_fn(|| self.line(key));
        lines.map(|line| String::from_utf8(line).expect("lines are UTF-8")).collect()
    }

    /// Takes what the engine has transmitted; the client has not acknowledged it.
    pub fn take_transmitted(&mut self, key: PeerKey) -> Vec<u8> {
        std::mem::take(&mut self.peers[key.0].received).into()
    }

    /// The client acknowledges so many bytes more.
    pub fn acknowledge(&mut self, key: PeerKey, bytes: usize) {
        self.peers[key.0].acknowledged += bytes as u64;
    }

    /// The client's socket has room for so many bytes from now on.
    pub fn set_window(&mut self, key: PeerKey, bytes: usize) {
        self.peers[key.0].window = bytes;
    }

    /// The client has read so many bytes: its socket has room for as many more.
    pub fn regain(&mut self, key: PeerKey, bytes: usize) {
        let window = &mut self.peers[key.0].window;
        *window = window.saturating_add(bytes);
    }

    /// The connection whose peer was dialled for this one.
    #[must_use]
    pub fn front(&self, key: PeerKey) -> Option<PeerKey> {
        self.peers[key.0].front
    }

    /// Whether a connection that the engine opened is connected.
    #[must_use]
    pub fn is_connected(&self, key: PeerKey) -> bool {
        self.peers[key.0].is_connected
    }

    /// Forgets what the client has not looked at, and returns it.
    pub fn forget(&mut self, key: PeerKey) -> Vec<u8> {
        self.peers[key.0].listens = false;
        std::mem::take(&mut self.peers[key.0].received).into()
    }
}
