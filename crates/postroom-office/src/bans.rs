//! What operators do with bans: on a running server, or on a store that no server uses.

use std::time::Duration;

use postroom_store::{Ban, BanSubject, Call, Outcome};
use thiserror::Error;

/// What is to be done with a ban.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BanRequest {
    /// Who is banned, or is to be.
    pub subject: BanSubject,
    /// What is to be done.
    pub command: BanCommand,
}

/// What can be done with a ban.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BanCommand {
    /// Ban, or say anew how long.
    Ban {
        /// How long; `None` for until the ban is lifted.
        lasts: Option<Duration>,
    },
    /// Lift the ban.
    Unban,
}

/// What was done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum BanAnswer {
    /// `Ban`.
    Banned {
        /// The ban.
        ban: Ban,
        /// Whether one was in force before.
        was_banned: bool,
        /// Whether there is an account of the banned name.
        is_account: bool,
        /// How many sessions it has ended.
        sessions: usize,
    },
    /// `Unban`.
    Unbanned {
        /// Whose ban it was.
        subject: BanSubject,
    },
}

/// Why nothing was done.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum BanRefusal {
    /// No ban is in force.
    #[error("{0} is not banned")]
    NotBanned(BanSubject),
    /// There are as many as there may be.
    #[error("there are as many bans as there may be; lift one first")]
    TooMany,
    /// The disk has no room for the change.
    #[error("the disk is full; nothing was changed")]
    DiskFull,
}

/// What came of a [`BanRequest`].
#[derive(Debug)]
pub enum AboutBan {
    /// It was carried out, or refused.
    Done(Result<BanAnswer, BanRefusal>),
    /// The store cannot carry it out now.
    Unavailable,
    /// The store cannot say whether it was carried out.
    Unknown,
}

impl BanRequest {
    /// The call that does it.
    #[must_use]
    pub fn call(&self) -> Call {
        let subject = self.subject.clone();
        match self.command {
            BanCommand::Ban { lasts } => Call::Ban { subject, lasts },
            BanCommand::Unban => Call::Unban { subject },
        }
    }

    /// What the outcome of that call means, where it ends no sessions.
    pub fn answer(&self, outcome: Outcome) -> Result<BanAnswer, BanRefusal> {
        match outcome {
            Outcome::Banned { ban, was_banned, account } => {
                let is_account = account.is_some();
                Ok(BanAnswer::Banned { ban, was_banned, is_account, sessions: 0 })
            }
            Outcome::Unbanned => Ok(BanAnswer::Unbanned { subject: self.subject.clone() }),
            Outcome::TooManyBans => Err(BanRefusal::TooMany),
            Outcome::DiskFull => Err(BanRefusal::DiskFull),
            _ => Err(BanRefusal::NotBanned(self.subject.clone())),
        }
    }
}
