//! How much was written, read and pushed.

use std::fmt;

/// What became of messages.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) acknowledged: u64,
    pub(super) refused: u64,
    pub(super) confirmed: u64,
    pub(super) unanswered: u64,
    pub(super) unanswered_but_stored: u64,
    pub(super) redelivered: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, refused, confirmed, unanswered, .. } = self;
        let Self { unanswered_but_stored, redelivered, .. } = self;
        write!(
            formatter,
            "messages: {acknowledged} acknowledged, {refused} refused, {unanswered} unanswered of \
             which {unanswered_but_stored} were stored, {confirmed} confirmed, {redelivered} \
             handed out again"
        )
    }
}

/// What came over back streams.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PushCounts {
    /// Whole messages.
    pub(super) shown: u64,
    /// Receipts sent.
    pub(super) acknowledged: u64,
    /// Broken off, or killed, before the receipt.
    pub(super) unanswered: u64,
    /// Broken off between two pieces of a message.
    pub(super) halves: u64,
    /// Whole messages that had been shown before.
    pub(super) redelivered: u64,
}

impl fmt::Display for PushCounts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shown, acknowledged, unanswered, halves, redelivered } = self;
        write!(
            formatter,
            "pushes: {shown} shown, {acknowledged} acknowledged, {unanswered} unanswered, \
             {halves} broken off halfway, {redelivered} shown again"
        )
    }
}
