//! Handshakes of TLS: so much of each turn, and no more.
//!
//! A handshake costs as much as a hundred messages, and anyone may begin one. So they go
//! on outside the engine's reads, one step each in turn; once they have taken their time
//! of a turn, the others wait for the next one.

use std::collections::VecDeque;
use std::time::Duration;

use postroom_engine::ConnectionKey;

use crate::connection::Connection;

/// The time of a turn after which no further step begins. A step takes less than half a
/// millisecond.
const TIME_MAX: Duration = Duration::from_millis(2);

/// Connections whose handshake goes on.
#[derive(Debug, Default)]
pub(crate) struct Handshakes {
    waiting: VecDeque<ConnectionKey>,
    /// What is left of this turn.
    left: Duration,
}

impl Handshakes {
    pub(crate) fn begin_turn(&mut self) {
        self.left = TIME_MAX;
    }

    pub(crate) fn has_any(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Adds a connection, unless it is listed.
    pub(crate) fn add(&mut self, key: ConnectionKey, connection: &mut Connection) {
        if !std::mem::replace(&mut connection.in_handshakes, true) {
            self.waiting.push_back(key);
        }
    }

    /// The connection whose turn it is, if there is time.
    pub(crate) fn next(&mut self) -> Option<ConnectionKey> {
        if self.left.is_zero() { None } else { self.waiting.pop_front() }
    }

    /// Counts the time of a step.
    pub(crate) fn took(&mut self, time: Duration) {
        self.left = self.left.saturating_sub(time);
    }
}
