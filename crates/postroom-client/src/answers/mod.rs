//! What a server's lines mean, without input or output.
//!
//! Each function knows all answers to one command; a line that is none of them
//! gives `None`, and the connection is dropped for it.

pub(crate) mod strict;
pub(crate) mod verbose;

use postroom_model::{Name, Text};

/// A message that READ handed out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Message {
    /// Who wrote it.
    pub(crate) sender: Name,
    /// What it says.
    pub(crate) text: Text,
}

/// A number as servers write it: digits alone.
fn number(word: &str) -> Option<u32> {
    let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| word.parse().ok()).flatten()
}
