//! The settings of `im`.

use std::sync::Arc;
use std::time::Duration;

/// What only sessions of `im` need to know.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ImSettings {
    /// Time in which a recipient's client must confirm a delivery.
    pub delivery_limit: Duration,
    /// The word before a broadcast, its slash included.
    pub broadcast_verb: Arc<str>,
    /// Whether `/to` leaves a message in the mailbox of an absent recipient.
    pub stores_for_absent: bool,
}

impl Default for ImSettings {
    fn default() -> Self {
        Self {
            delivery_limit: Duration::from_secs(5),
            broadcast_verb: "/broadcast".into(),
            stores_for_absent: false,
        }
    }
}
