//! A message that an account keeps, in a store in memory.

use postroom_model::{Text, Timestamp};

use crate::{KeptAs, Sender};

/// A message that an account keeps.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) as_what: KeptAs,
    pub(super) other: Sender,
    pub(super) text: Text,
    pub(super) stored: Timestamp,
}
