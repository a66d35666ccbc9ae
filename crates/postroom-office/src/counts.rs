//! What the office has done, and how much it has to do, counted.

use std::time::Duration;

use postroom_model::Histogram;
use postroom_store::{Outcome, Store, StoreUsage};

use crate::{CALL_BYTES_MAX, Office};

/// What an office has done since it began, whether or not the sessions that asked for it
/// are still there.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct OfficeCounts {
    /// Messages stored in mailboxes.
    pub messages_stored: u64,
    /// Messages that were read and proved to have arrived.
    pub messages_read: u64,
    /// Posts stored, each once however many channels it is in.
    pub posts_stored: u64,
    /// Live lines passed on to an account that is present.
    pub lines_told: u64,
    /// From handing a message out to its proof.
    pub proof_times: Histogram,
}

impl OfficeCounts {
    /// Counts what a call has stored. It had so many leases, the first of which had been
    /// handed out for this long.
    pub(crate) fn done(&mut self, outcome: &Outcome, leases: u32, since: Duration) {
        match outcome {
            Outcome::Composed { .. } => self.messages_stored += 1,
            Outcome::ComposedAll { sent, .. } => self.messages_stored += sent.len() as u64,
            Outcome::Posted { .. } => self.posts_stored += 1,
            Outcome::Confirmed => {
                self.messages_read += u64::from(leases);
                self.proof_times.add(since, leases.into());
            }
            _ => {}
        }
    }
}

impl<S: Store> Office<S> {
    /// What it has done.
    pub fn counts(&self) -> &OfficeCounts {
        &self.counts
    }

    /// How much the store holds.
    pub fn usage(&self) -> StoreUsage {
        self.store.usage()
    }

    /// Bytes that the calls under way take, and the requests behind them; and the bytes from
    /// which on the office [is busy](Self::is_busy).
    pub fn call_bytes(&self) -> (usize, usize) {
        (self.calls.bytes() + self.deferred_bytes, CALL_BYTES_MAX)
    }

    /// Password checks that wait, and those that may.
    pub fn checks_waiting(&self) -> (usize, usize) {
        self.checks.waiting()
    }
}
