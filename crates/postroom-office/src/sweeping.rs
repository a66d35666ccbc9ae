//! Asking the store to remove what was deleted, or has become too old.

use std::time::Duration;

use postroom_store::{Call, End, Outcome, Store, SweepDue};

use crate::Office;
use crate::calls::Origin;
use crate::output::Output;

impl<S: Store> Office<S> {
    /// When the next [sweep](Self::sweep) is due.
    pub fn sweep_due(&self) -> SweepDue {
        self.store.sweep_due()
    }

    /// Removes some of what was deleted or is too old, `passed` after the last time; its end
    /// is an [`Output::Swept`].
    pub fn sweep(&mut self, passed: Duration) {
        let passed_ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        self.submit(Origin::Sweep, Call::Sweep { passed_ms });
    }

    pub(crate) fn swept(&mut self, end: End) {
        let swept = match end {
            End::Done(outcome) => match outcome.into_inner() {
                Outcome::Swept(swept) => Some(swept),
                _ => None,
            },
            End::Unavailable | End::Unknown => None,
        };
        self.outputs.push_back(Output::Swept(swept));
    }
}
