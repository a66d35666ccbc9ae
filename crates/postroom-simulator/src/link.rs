//! What is on its way between a client and the server.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use crate::judge::Visit;
use crate::segment::Segment;
use crate::texts::{MarkScanner, TextId};
use crate::tls::{ClientTls, Decoder};

/// TLS at the client's side.
#[derive(Debug)]
pub(crate) struct LinkTls {
    pub(crate) client: ClientTls,
    /// What has reached its machine.
    pub(crate) arrived: Decoder,
}

/// A connection on the network.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is for itself")]
pub(crate) struct Link {
    pub(crate) client: usize,
    pub(crate) visit: Visit,
    /// The server opened it.
    pub(crate) is_back: bool,
    pub(crate) up: VecDeque<(Instant, Segment)>,
    pub(crate) down: VecDeque<(Instant, Vec<u8>)>,
    /// What has reached the client's machine, and the client has not read.
    pub(crate) inbox: Vec<u8>,
    /// When the last of what is on its way arrives.
    pub(crate) up_until: Instant,
    pub(crate) down_until: Instant,
    pub(crate) scanner: MarkScanner,
    /// TLS, where the connection has it: then what is on its way is ciphertext.
    pub(crate) tls: Option<LinkTls>,
    /// The server's end is on its way, or has arrived.
    pub(crate) has_end: bool,
    /// All that the server sent has arrived, and its end.
    pub(crate) is_over: bool,
    /// Nothing passes any more, and nobody is told.
    pub(crate) is_dead: bool,
    /// The client has closed or reset it: what arrives is answered by a reset.
    pub(crate) is_left: bool,
    /// The number of the turn in which it was opened.
    pub(crate) opened: usize,
    /// The turn in which all that its client had said had arrived, for the first time.
    pub(crate) arrived: Option<usize>,
    /// The turn in which the server ended it.
    pub(crate) ended: Option<usize>,
}

impl Link {
    pub(crate) fn new(client: usize, visit: Visit, is_back: bool, now: Instant) -> Self {
        Self {
            client,
            visit,
            is_back,
            up: VecDeque::new(),
            down: VecDeque::new(),
            inbox: Vec::new(),
            up_until: now,
            down_until: now,
            scanner: MarkScanner::default(),
            tls: None,
            has_end: false,
            is_over: false,
            is_dead: false,
            is_left: false,
            opened: 0,
            arrived: None,
            ended: None,
        }
    }

    /// Whether nothing is on its way, and more may come.
    pub(crate) fn is_quiet(&self) -> bool {
        let is_open = self.is_open();
        is_open && self.up.is_empty() && self.down.is_empty() && !self.is_dead && !self.has_end
    }

    /// Whether no handshake is before what the client says.
    pub(crate) fn is_open(&self) -> bool {
        self.tls.as_ref().is_none_or(|tls| tls.client.is_open())
    }

    /// What goes out where the client sends this.
    pub(crate) fn encrypt(&mut self, segment: Segment) -> Vec<Segment> {
        match &mut self.tls {
            Some(tls) => tls.client.send(segment),
            None => vec![segment],
        }
    }

    /// What the client reads in these bytes, and what goes out for them.
    pub(crate) fn decrypt(&mut self, bytes: Vec<u8>) -> (Vec<u8>, Vec<Segment>) {
        match &mut self.tls {
            Some(tls) => tls.client.receive(&bytes),
            None => (bytes, Vec::new()),
        }
    }

    /// Looks for texts in bytes that have reached the client's machine.
    pub(crate) fn scan(&mut self, bytes: &[u8], found: &mut BTreeSet<TextId>) {
        match &mut self.tls {
            Some(tls) => self.scanner.scan(&tls.arrived.take_data(bytes), found),
            None => self.scanner.scan(bytes, found),
        }
    }
}
