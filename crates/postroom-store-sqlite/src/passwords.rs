//! Whose passwords are being set.

use std::collections::HashSet;

use postroom_model::Name;

/// The names in calls that set a password and are not completed.
#[derive(Debug, Default)]
pub(crate) struct Passwords {
    waiting: HashSet<Name>,
    /// Of the group in flight.
    in_group: HashSet<Name>,
}

impl Passwords {
    /// A call that sets this password waits.
    pub(crate) fn wait(&mut self, name: Name) {
        self.waiting.insert(name);
    }

    /// The calls that wait become a group.
    pub(crate) fn group(&mut self) {
        std::mem::swap(&mut self.waiting, &mut self.in_group);
    }

    /// The calls of the group are completed.
    pub(crate) fn completed(&mut self) {
        self.in_group.clear();
    }

    pub(crate) fn may_change(&self, name: &Name) -> bool {
        let contains = |names: &HashSet<Name>| !names.is_empty() && names.contains(name);
        contains(&self.waiting) || contains(&self.in_group)
    }
}
