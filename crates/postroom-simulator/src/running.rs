//! What a process has in memory while it runs.

use std::ops::{Deref, DerefMut};

/// A part of a simulated process. To use it while the process does not run is a defect of
/// the simulation.
#[derive(Debug)]
pub struct Running<T>(Option<T>);

const STOPPED: &str = "the process runs";

impl<T> Running<T> {
    pub(crate) fn new(part: T) -> Self {
        Self(Some(part))
    }

    /// Whether the process runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.0.is_some()
    }

    /// The process ends, and what it had in memory is gone.
    pub(crate) fn end(&mut self) {
        self.0 = None;
    }
}

impl<T> Deref for Running<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect(STOPPED)
    }
}

impl<T> DerefMut for Running<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect(STOPPED)
    }
}
