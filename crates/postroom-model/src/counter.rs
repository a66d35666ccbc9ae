//! What is asked over a counter, and what is answered.
//!
//! The sessions of all protocols ask in these words and the office answers in
//! them, so that neither knows the other. Each [`Request`] of a session is
//! answered by exactly one [`Reply`], in the order of the requests.

use crate::{Name, Password, Receipt, Text};

/// What a session asks of the office.
#[derive(Clone, Debug)]
pub enum Request {
    /// Begin to act as `name`; an unknown name is registered.
    LogIn {
        /// The account.
        name: Name,
        /// What was given to open it, if anything.
        password: Option<Password>,
    },
    /// Leave a message in a mailbox; an unknown recipient is registered.
    Compose {
        /// Whose mailbox.
        recipient: Name,
        /// What to say.
        text: Text,
    },
    /// Hand out the earliest unread message of the session's account.
    Read,
    /// Everything handed out to this session so far has proved to have arrived:
    /// remove it.
    Confirm,
}

/// What the office answers.
#[derive(Debug)]
pub enum Reply {
    /// The session acts for this account now.
    LoggedIn {
        /// The name as first registered.
        name: Name,
        /// Whether the login registered it.
        registered: bool,
        /// Messages in the mailbox, those handed out elsewhere included.
        unread: u32,
    },
    /// Nothing happened.
    LogInRefused(LogInRefusal),
    /// The message is on disk.
    Sent(Receipt<Composed>),
    /// Nothing was stored.
    NotSent(SendRefusal),
    /// The earliest unread message; it stays in the mailbox until confirmed.
    Delivered(Delivery),
    /// There is nothing to read.
    NothingUnread,
    /// What was handed out is gone from the mailbox.
    Confirmed(Receipt<()>),
    /// The removal could not be stored; the messages are unread again.
    NotConfirmed,
}

/// A message handed out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Delivery {
    /// Who wrote it.
    pub sender: Name,
    /// What it says.
    pub text: Text,
    /// Messages that could be handed out after this one.
    pub remaining: u32,
}

/// What a stored message did besides being stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Composed {
    /// Whether the recipient was registered by it.
    pub registered: bool,
}

/// Why a login was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogInRefusal {
    /// The password is wrong or missing.
    Password,
    /// So many logins wait for their password to be checked that this one
    /// cannot.
    Busy,
    /// The office keeps as many accounts as it may, or the disk is full.
    NoRoom,
}

/// Why a message was not stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SendRefusal {
    /// The mailbox holds as much as it may.
    MailboxFull {
        /// The recipient as first registered.
        recipient: Name,
        /// Messages a mailbox holds.
        capacity: u32,
    },
    /// The disk has less room than the reserve.
    DiskFull,
    /// The recipient is new and the office keeps as many accounts as it may.
    TooManyAccounts,
}
