//! What is on its way between a client and the server.

use std::collections::VecDeque;
use std::time::Instant;

use crate::judge::Visit;
use crate::texts::MarkScanner;

/// Something on its way to the server.
#[derive(Debug)]
pub(crate) enum Segment {
    Bytes(Vec<u8>),
    End,
    Reset,
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
        self.up.is_empty() && self.down.is_empty() && !self.is_dead && !self.has_end
    }
}
