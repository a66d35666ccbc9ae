//! Keys by which requests are repeated, as a store in memory keeps them.

use crate::{AccountId, Call, Fingerprint, Timestamp};

/// A key, and what it has stored.
#[derive(Clone, Debug)]
pub(super) struct KeyUse {
    pub(super) account: AccountId,
    pub(super) fingerprint: Fingerprint,
    /// The id of the post or of the first message.
    pub(super) first: u64,
    pub(super) used: Timestamp,
}

/// What a request with a key comes with.
pub(super) struct Keyed {
    pub(super) account: AccountId,
    pub(super) fingerprint: Fingerprint,
    pub(super) call: Call,
}
