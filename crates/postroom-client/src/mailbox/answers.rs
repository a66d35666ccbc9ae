//! What the answers of both mailbox protocols have in common.

use postroom_model::{Name, Text};

/// A message that READ handed out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Message {
    /// The author.
    pub(crate) sender: Name,
    /// The body.
    pub(crate) text: Text,
}

/// The answer to COMPOSE.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Composed {
    /// The message is stored.
    Sent,
    /// Nothing is stored.
    Failed,
}

/// A number as servers write it: only digits.
pub(super) fn number(word: &str) -> Option<u32> {
    let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| word.parse().ok()).flatten()
}
