//! Passwords, and what accounts are locked with.

use std::fmt;

/// A password.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Secret(pub(crate) usize);

/// The password that accounts have at first.
pub(crate) const FIRST: Secret = Secret(1);
/// One that nobody has chosen.
pub(crate) const WRONG: Secret = Secret(2);

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What an account may be locked with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lock {
    /// There is no such account.
    Absent,
    /// There is none, and nobody can register one of this name.
    Reserved,
    /// It has no password.
    Open,
    Password(Secret),
}

impl Lock {
    /// Whether it is that of an account.
    pub(crate) fn is_of_account(self) -> bool {
        matches!(self, Self::Open | Self::Password(_))
    }
}

/// The password of a lock.
pub(crate) fn secret(lock: Lock) -> Option<Secret> {
    match lock {
        Lock::Password(secret) => Some(secret),
        Lock::Absent | Lock::Reserved | Lock::Open => None,
    }
}
