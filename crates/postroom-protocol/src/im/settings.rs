//! The settings of `im`.

use std::sync::Arc;
use std::time::Duration;

/// The settings that only sessions of `im` use.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ImSettings {
    /// Time limit for a delivery receipt.
    pub delivery_limit: Duration,
    /// How long a client may owe the answer to a push before it is logged out.
    pub unanswered_limit: Duration,
    /// The word before a broadcast, with its slash.
    pub broadcast_verb: Arc<str>,
    /// Whether `/to` leaves a message in the mailbox of an absent recipient.
    pub stores_for_absent: bool,
}

impl Default for ImSettings {
    fn default() -> Self {
        Self {
            delivery_limit: Duration::from_secs(5),
            unanswered_limit: Duration::from_mins(1),
            broadcast_verb: "/broadcast".into(),
            stores_for_absent: false,
        }
    }
}
