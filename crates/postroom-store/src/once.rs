//! Keys by which requests are repeated.

use crate::Timestamp;

/// A key, and what it was used for, as fingerprints: those of other words are others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fingerprint {
    /// That of the key. It is the account's own: no other account has any use of finding an
    /// equal one.
    pub key: u64,
    /// That of the recipients or channels, and of the text.
    pub content: u64,
}

/// How long a key is kept, in milliseconds.
pub const KEY_KEPT_MS: u64 = 24 * 60 * 60 * 1_000;

/// Whether a key that was used at this time still counts. So does one of a time to come: the
/// clock may not be set yet.
#[must_use]
pub fn is_kept(used: Timestamp, now: Timestamp) -> bool {
    now.0.saturating_sub(used.0) < KEY_KEPT_MS
}

/// When a key that was used at this time ends.
#[must_use]
pub fn key_ends(used: Timestamp) -> Timestamp {
    Timestamp(used.0.saturating_add(KEY_KEPT_MS))
}

/// Whether an account that has as many keys as it may loses its oldest, used at this time, for
/// another: it has ended, or was used when the clock was far ahead.
#[must_use]
pub fn may_be_freed(used: Timestamp, now: Timestamp) -> bool {
    now.0.abs_diff(used.0) >= KEY_KEPT_MS
}
