//! When the store is asked to remove what was deleted from the disk: a little at a time,
//! so that it takes a small part of the store's time.

use std::time::Duration;

use postroom_store::Store;

use crate::Engine;
use crate::timers::{Deadline, Slot};

/// Time between two sweeps.
const PAUSE: Duration = Duration::from_millis(50);
/// Time until the next one where the store could not do it: its disk is full, for example.
const RETRY: Duration = Duration::from_mins(1);

/// The state of sweeps.
#[derive(Debug, Default)]
pub(crate) struct Sweeping {
    deadline: Slot,
    is_under_way: bool,
}

impl<S: Store> Engine<S> {
    /// Plans a sweep if the store needs one, unless one is planned. To be called when a job
    /// has finished.
    pub(crate) fn plan_sweep(&mut self) {
        self.plan_sweep_in(PAUSE);
    }

    fn plan_sweep_in(&mut self, pause: Duration) {
        let is_planned = self.sweeping.is_under_way || self.sweeping.deadline.is_set();
        if !is_planned && self.office.needs_sweep() {
            let at = self.now + pause;
            self.timers.set(&mut self.sweeping.deadline, Deadline::Sweep, Some(at));
        }
    }

    /// The time has come for a sweep.
    pub(crate) fn sweep(&mut self) {
        self.sweeping = Sweeping { deadline: Slot::default(), is_under_way: true };
        self.office.sweep();
    }

    /// A sweep has ended; `is_done` tells whether the store could do it.
    pub(crate) fn swept(&mut self, is_done: bool) {
        self.sweeping.is_under_way = false;
        self.plan_sweep_in(if is_done { PAUSE } else { RETRY });
    }
}
