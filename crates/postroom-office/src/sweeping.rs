//! Asking the store to remove what was deleted.

use postroom_store::{Call, End, Outcome, Store};

use crate::Office;
use crate::calls::Origin;
use crate::output::Output;

impl<S: Store> Office<S> {
    /// Whether there is something to [sweep](Self::sweep).
    pub fn needs_sweep(&self) -> bool {
        self.store.needs_sweep()
    }

    /// Removes some of what was deleted from the disk; its end is an [`Output::Swept`].
    pub fn sweep(&mut self) {
        self.submit(Origin::Sweep, Call::Sweep);
    }

    pub(crate) fn swept(&mut self, end: End) {
        let is_done = matches!(end, End::Done(outcome) if matches!(outcome.get(), Outcome::Swept));
        self.outputs.push_back(Output::Swept { is_done });
    }
}
