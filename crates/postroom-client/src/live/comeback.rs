//! What a session needs to come back after its connection is lost.

use std::time::Instant;

use postroom_model::{Name, Password};

use crate::backoff::Backoff;
use crate::connection::Resolved;

/// Who came in.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) name: Name,
    pub(super) password: Option<Password>,
}

/// How far a session has come, and where it comes back to.
#[derive(Debug)]
pub(super) struct Comeback {
    pub(super) server: Resolved,
    pub(super) backoff: Backoff,
    pub(super) phase: Phase,
    /// The obstacle that was told last.
    pub(super) told: String,
}

/// How far the session has come.
///
/// ```text
/// New ─▶ Here ◀─▶ Away
/// ```
#[derive(Debug)]
pub(super) enum Phase {
    /// Nobody has logged in yet: a failure ends the client.
    New,
    /// The account is logged in.
    Here { account: Account, since: Instant },
    /// The connection is lost, and the account is to be logged in again.
    Away { account: Account },
}

impl Comeback {
    pub(super) fn new(server: Resolved) -> Self {
        Self { server, backoff: Backoff::new(), phase: Phase::New, told: String::new() }
    }

    pub(super) fn account(&mut self) -> Option<&mut Account> {
        match &mut self.phase {
            Phase::New => None,
            Phase::Here { account, .. } | Phase::Away { account } => Some(account),
        }
    }
}
