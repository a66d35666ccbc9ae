//! How much a group may write.

/// What a group may write: less once the disk has no space for all of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Allowed {
    Everything,
    /// Removals, new accounts and the sweep, from the reserve.
    NoMessages,
    /// Removals and new accounts.
    NoSweep,
    /// Nothing: the disk has no space even for a removal.
    Nothing,
}

impl Allowed {
    pub(crate) fn less(self) -> Self {
        match self {
            Self::Everything => Self::NoMessages,
            Self::NoMessages => Self::NoSweep,
            Self::NoSweep | Self::Nothing => Self::Nothing,
        }
    }
}
