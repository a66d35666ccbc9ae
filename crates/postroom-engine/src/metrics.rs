//! What operators and their programs are told about a running engine.

use std::time::Duration;

use postroom_office::OfficeCounts;
use postroom_store::{Store, StoreUsage};

use crate::Engine;
use crate::counts::EngineCounts;
use crate::sweeping::Expired;

/// How a server is: how much there is of what has a limit.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Status {
    /// Connections that there are.
    pub connections: usize,
    /// Connections that there may be.
    pub connections_max: usize,
    /// Connections that wait for their login.
    pub before_login: usize,
    /// Those that may.
    pub before_login_max: usize,
    /// Sessions that there are, with those that have ended and still have a request under
    /// way.
    pub sessions: usize,
    /// Bytes that wait for clients.
    pub output_bytes: usize,
    /// Bytes that may wait for them.
    pub output_bytes_max: usize,
    /// Bytes of recent posts that are kept for members who have not been told of them.
    pub recent_bytes: usize,
    /// Bytes that may be kept.
    pub recent_bytes_max: usize,
    /// Calls to the store that have not completed.
    pub calls_under_way: usize,
    /// Bytes of memory that they take, and the requests behind them.
    pub call_bytes: usize,
    /// Bytes from which on further requests wait.
    pub call_bytes_max: usize,
    /// Password checks that wait.
    pub checks_waiting: usize,
    /// Those that may.
    pub checks_waiting_max: usize,
    /// How much the store holds.
    pub usage: StoreUsage,
    /// What the retention has removed since the start.
    pub expired: Expired,
    /// By how much the clock of the system is ahead of that of the retention.
    pub retention_behind: Duration,
}

/// How an engine is, and what it has done since it began.
#[derive(Clone, Debug)]
pub struct EngineMetrics {
    /// How it is.
    pub status: Status,
    /// What it has done.
    pub counts: EngineCounts,
    /// What its office has done.
    pub office: OfficeCounts,
}

impl<S: Store> Engine<S> {
    /// How the engine is, and what it has done.
    pub fn metrics(&self) -> EngineMetrics {
        EngineMetrics {
            status: self.status(),
            counts: self.counts.clone(),
            office: *self.office.counts(),
        }
    }

    /// How the engine is.
    pub(crate) fn status(&self) -> Status {
        let (call_bytes, call_bytes_max) = self.office.call_bytes();
        let (checks_waiting, checks_waiting_max) = self.office.checks_waiting();
        Status {
            connections: self.connections.len(),
            connections_max: self.settings.connections_max,
            before_login: self.before_login.len(),
            before_login_max: self.before_login_max(),
            sessions: self.office.sessions(),
            output_bytes: self.held_bytes,
            output_bytes_max: self.settings.output_bytes_in_all,
            recent_bytes: self.recent.bytes(),
            recent_bytes_max: self.settings.recent.bytes_in_all,
            calls_under_way: self.office.calls_under_way(),
            call_bytes,
            call_bytes_max,
            checks_waiting,
            checks_waiting_max,
            usage: self.office.usage(),
            expired: self.sweeping.expired,
            retention_behind: self.sweeping.behind,
        }
    }
}
