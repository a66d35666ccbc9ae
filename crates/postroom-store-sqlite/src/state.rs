//! Whether an account was deleted.

/// What has become of an account.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum State {
    /// It is one.
    #[default]
    Known,
    /// It was deleted, and its name is reserved.
    Reserved,
    /// It was deleted, and its name may be another account's. What it has written may
    /// still name it.
    Released,
}

impl State {
    /// As it is stored.
    pub(crate) fn stored(self) -> Option<&'static str> {
        match self {
            Self::Known => None,
            Self::Reserved => Some("reserved"),
            Self::Released => Some("released"),
        }
    }
}
