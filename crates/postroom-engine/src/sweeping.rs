//! When the store is asked to remove what was deleted, or has become too old: a little at a
//! time, so that it takes a small part of the store's time.

use std::time::{Duration, Instant};

use postroom_model::{Fault, faulty};
use postroom_store::{Store, SweepDue, Swept};

use crate::Engine;
use crate::log::What;
use crate::timers::{Deadline, Slot};

/// Time between two sweeps while there is something to remove.
const PAUSE: Duration = Duration::from_millis(50);
/// Time between two of them otherwise, and after one that the store could not carry out: its
/// disk is full, for example.
const REST: Duration = Duration::from_mins(1);
/// The clock of the system is told to be ahead from here on.
const AHEAD: Duration = Duration::from_hours(72);

/// The state of sweeps.
#[derive(Debug, Default)]
pub(crate) struct Sweeping {
    deadline: Slot,
    /// When the next one is planned.
    at: Option<Instant>,
    is_under_way: bool,
    /// The store could not carry out the last one.
    has_failed: bool,
    /// When the last one began.
    last: Option<Instant>,
    /// Removed since the last line of the log: sweeps without a rest between them count as
    /// one there.
    untold: Expired,
    /// Removed since the start.
    pub(crate) expired: Expired,
    /// The clock of the system is ahead of that of the retention.
    pub(crate) behind: Duration,
    is_ahead_told: bool,
}

/// How much was removed because it was too old.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Expired {
    /// Unread messages.
    pub messages: u64,
    /// Posts, each counted once for each of its channels.
    pub posts: u64,
}

impl Expired {
    fn add(&mut self, swept: Swept) {
        self.messages += u64::from(swept.messages);
        self.posts += u64::from(swept.posts);
    }
}

impl<S: Store> Engine<S> {
    /// Plans the next sweep, if one is due. To be called when a job has finished.
    pub(crate) fn plan_sweep(&mut self) {
        let due = self.office.sweep_due();
        let Sweeping { deadline, at, is_under_way, has_failed, last, .. } = &mut self.sweeping;
        let pause = match due {
            _ if *is_under_way => return,
            SweepDue::Soon if !*has_failed => PAUSE,
            // The first of all.
            SweepDue::Later if last.is_none() => PAUSE,
            SweepDue::Soon | SweepDue::Later => REST,
            SweepDue::Never => return,
        };
        let next = self.now + pause;
        if at.is_none_or(|at| next < at) {
            *at = Some(next);
            self.timers.set(deadline, Deadline::Sweep, Some(next));
        }
    }

    /// The time has come for a sweep.
    pub(crate) fn sweep(&mut self) {
        let sweeping = &mut self.sweeping;
        (sweeping.deadline, sweeping.at, sweeping.is_under_way) = (Slot::default(), None, true);
        let last = sweeping.last.replace(self.now).unwrap_or(self.now);
        self.office.sweep(self.now.saturating_duration_since(last));
    }

    /// A sweep has ended; `None` if the store could not carry it out.
    pub(crate) fn swept(&mut self, swept: Option<Swept>) {
        let sweeping = &mut self.sweeping;
        (sweeping.is_under_way, sweeping.has_failed) = (false, swept.is_none());
        if let Some(swept) = swept.filter(|_| !faulty(Fault::RetentionUncounted)) {
            sweeping.untold.add(swept);
            sweeping.expired.add(swept);
            sweeping.behind = Duration::from_millis(swept.behind_ms);
        }
        let (behind, is_ahead) = (sweeping.behind, sweeping.behind >= AHEAD);
        if is_ahead != std::mem::replace(&mut sweeping.is_ahead_told, is_ahead) && is_ahead {
            self.log_expiry(What::ClockAhead { behind });
        }
        if self.office.sweep_due() != SweepDue::Soon {
            let Expired { messages, posts } = std::mem::take(&mut self.sweeping.untold);
            if messages + posts > 0 {
                self.log_expiry(What::Expired { messages, posts });
            }
        }
        self.plan_sweep();
    }
}
