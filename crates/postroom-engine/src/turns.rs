//! Whose input is taken next, and how much of it in a turn.
//!
//! A turn of the driver takes at most [`REQUESTS_MAX`] requests, [`READS_MAX`] reads and
//! [`BYTES_MAX`] bytes. Connections with nothing left over from before go first, so that
//! a client that waits for each answer does not wait for others that send without a
//! pause. Connections that have more than they may take at a time go round; they get half
//! of a turn, and a quarter of one in which others have new input.
//!
//! ```text
//!  Idle ──readable──▶ fresh ──served, nothing left──▶ Idle
//!                     fresh ──served, more left──▶ rest ──served, nothing left──▶ Idle
//! ```

use std::collections::VecDeque;
use std::num::NonZeroU64;

use postroom_model::{Fault, Request, faulty};

use crate::key::ConnectionKey;

/// Requests taken in a turn.
const REQUESTS_MAX: u32 = 1_024;
/// What long answers may cost in a turn, in requests.
const LONG_ANSWERS_MAX: u32 = 128;
/// Reads in a turn.
const READS_MAX: u32 = 400;
/// Bytes read in a turn.
const BYTES_MAX: usize = 1 << 20;

/// Requests that a connection may take before others have their turn, however many those
/// are.
const REQUESTS_AT_A_TIME: u32 = 8;
/// The largest share of a turn.
const REQUESTS_SHARE_MAX: u32 = 64;
/// Bytes of one read. A line may need two.
const READ_BYTES_MAX: usize = 8 << 10;

/// Of each limit, the share that those with input left over get where others have new
/// input, however many: a quarter.
const REST_SHARE: u32 = 4;
/// Their share of the requests where nobody has: half. So who comes during a turn does
/// not wait for long.
const REST_SHARE_ALONE: u32 = 2;

/// A connection's place in a list: it is listed there as long as it has this number. The
/// connection may be gone, and another one have its key.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Listed(NonZeroU64);

type Entry = (ConnectionKey, Listed);

/// The connections with input to take, and what is left of this turn.
#[derive(Debug)]
pub(crate) struct Turns {
    fresh: VecDeque<Entry>,
    rest: VecDeque<Entry>,
    last: u64,
    left: Left,
    /// The connection served is one of `rest`.
    serves_rest: bool,
}

/// What is left of a turn.
#[derive(Clone, Copy, Debug)]
struct Left {
    requests: u32,
    /// Of those, for connections with input left over.
    rest_requests: u32,
    long_answers: u32,
    reads: u32,
    bytes: usize,
}

impl Left {
    const WHOLE: Self = Self {
        requests: REQUESTS_MAX,
        rest_requests: REQUESTS_MAX / REST_SHARE_ALONE,
        long_answers: LONG_ANSWERS_MAX,
        reads: READS_MAX,
        bytes: BYTES_MAX,
    };

    fn is_more_than(self, share: u32) -> bool {
        let Self { requests, reads, bytes, .. } = Self::WHOLE;
        self.requests > requests / share
            && self.reads > reads / share
            && self.bytes > bytes / share as usize
    }

    fn is_nothing(self) -> bool {
        self.requests == 0 || self.reads == 0 || self.bytes == 0
    }
}

impl Turns {
    pub(crate) fn new() -> Self {
        let (fresh, rest) = (VecDeque::new(), VecDeque::new());
        Self { fresh, rest, last: 0, left: Left::WHOLE, serves_rest: false }
    }

    /// A new turn begins.
    pub(crate) fn begin(&mut self) {
        self.left = Left::WHOLE;
        self.serves_rest = false;
    }

    /// Whether this turn takes no more input.
    pub(crate) fn is_over(&self) -> bool {
        self.left.is_nothing()
    }

    /// Whether a connection is listed.
    pub(crate) fn has_any(&self) -> bool {
        !(self.fresh.is_empty() && self.rest.is_empty())
    }

    /// The place given last.
    pub(crate) fn last_listed(&self) -> Listed {
        Listed(NonZeroU64::new(self.last).unwrap_or(NonZeroU64::MIN))
    }

    /// The earliest place of a connection that was not served since.
    pub(crate) fn first_listed(&self) -> Option<Listed> {
        let lists = self.fresh.iter().chain(&self.rest);
        lists.map(|(_, listed)| *listed).min()
    }

    /// Lists a connection whose input has arrived since it was last served.
    pub(crate) fn add_fresh(&mut self, key: ConnectionKey) -> Listed {
        let listed = self.next_number();
        self.fresh.push_back((key, listed));
        listed
    }

    /// Lists a connection with input left over.
    pub(crate) fn add_rest(&mut self, key: ConnectionKey) -> Listed {
        let listed = self.next_number();
        self.rest.push_back((key, listed));
        listed
    }

    fn next_number(&mut self) -> Listed {
        self.last += 1;
        self.last_listed()
    }

    /// The next connection to be served in this turn.
    pub(crate) fn next(&mut self) -> Option<(ConnectionKey, Listed)> {
        self.serves_rest = false;
        if self.is_over() {
            return None;
        }
        let is_starved = faulty(Fault::RestStarved);
        let takes_rest = self.left.rest_requests > 0 && !self.rest.is_empty() && !is_starved;
        let goes_first = !self.fresh.is_empty() && self.left.is_more_than(REST_SHARE);
        self.serves_rest = takes_rest && !goes_first;
        if self.serves_rest {
            return self.rest.pop_front();
        }
        let next = self.fresh.pop_front()?;
        self.left.rest_requests = self.left.rest_requests.min(REQUESTS_MAX / REST_SHARE);
        Some(next)
    }

    /// Counts a read; returns how many bytes it may have.
    pub(crate) fn begin_read(&mut self) -> usize {
        self.left.reads = self.left.reads.saturating_sub(1);
        READ_BYTES_MAX
    }

    /// Counts the bytes of a read.
    pub(crate) fn end_read(&mut self, bytes: usize) {
        self.left.bytes = self.left.bytes.saturating_sub(bytes);
    }

    /// How many requests a connection may take now: its share of a turn, among those that are
    /// listed. Many small services cost more than a few large ones.
    pub(crate) fn requests(&self) -> u32 {
        let listed = u32::try_from(self.fresh.len() + self.rest.len()).unwrap_or(u32::MAX);
        let share = REQUESTS_MAX / listed.saturating_add(1);
        let left = if self.serves_rest { self.left.rest_requests } else { self.left.requests };
        share.clamp(REQUESTS_AT_A_TIME, REQUESTS_SHARE_MAX).min(left)
    }

    /// Whether this turn takes one more request of those that have waited for the store, or
    /// for the members of a channel: they get half of it.
    pub(crate) fn takes_queued(&self) -> bool {
        self.left.is_more_than(REST_SHARE_ALONE)
    }

    /// Counts such a request.
    pub(crate) fn took_queued(&mut self, request: &Request) {
        self.took_requests(1);
        self.end_read(request.text().map_or(0, |text| text.as_str().len()));
    }

    /// Whether this turn has room for one more long answer.
    pub(crate) fn takes_long_answers(&self) -> bool {
        self.left.long_answers > 0
    }

    /// Counts a request whose long answer costs as much as so many others; returns
    /// whether this turn has room for it.
    pub(crate) fn takes_long_answer(&mut self, cost: u32) -> bool {
        let has_room = cost == 0 || self.takes_long_answers();
        if has_room {
            self.left.long_answers = self.left.long_answers.saturating_sub(cost);
            self.took_requests(cost);
        }
        has_room
    }

    /// Counts requests that were taken.
    pub(crate) fn took_requests(&mut self, requests: u32) {
        self.left.requests = self.left.requests.saturating_sub(requests);
        if self.serves_rest {
            self.left.rest_requests = self.left.rest_requests.saturating_sub(requests);
        }
    }
}
