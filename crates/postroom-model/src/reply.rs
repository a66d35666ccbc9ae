//! What the office replies to a session.

use crate::{Committed, Entry, Name, Page, Text};

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
    Composed(Committed<Composed>),
    /// Nothing was stored.
    NotComposed(ComposeRefusal),
    /// The earliest unread message; it stays in the mailbox until confirmed.
    Read(Delivery),
    /// There is nothing to read.
    NothingUnread,
    /// What was handed out is gone from the mailbox.
    Confirmed(Committed<()>),
    /// The removal could not be stored; the messages are unread again.
    NotConfirmed,
    /// So many messages are in the mailbox, those handed out elsewhere included.
    Unread(u32),
    /// Who is present, in the order of their coming.
    Present(Vec<Name>),
    /// The post is on disk and, where that was asked, all delivery receipts are in.
    Posted(Committed<()>),
    /// The post is on disk, and not all delivery receipts came.
    Undelivered(Committed<()>),
    /// Nothing was stored.
    NotPosted(PostRefusal),
    /// It was passed on and, where that was asked, its delivery receipt is in.
    Told,
    /// It was not passed on, or no delivery receipt came.
    NotTold(NotTold),
    /// The session is in the channel.
    Joined,
    /// The session is in as many channels as it may be.
    NotJoined,
    /// The session is not in the channel any more; was it?
    Left(bool),
    /// The store cannot carry the request out at present: nothing happened.
    Unavailable,
    /// The store cannot say whether the request was carried out. The session ends
    /// without an answer to it.
    Unknown,
    /// The latest entry of the channel, if there is any.
    Latest(Option<Entry>),
    /// A part of the channel's timeline.
    Timeline(Page),
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
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Composed {
    /// The recipient as first registered.
    pub recipient: Name,
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
    /// The account is present in another session.
    Present,
}

/// Why a message was not stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ComposeRefusal {
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
    /// No one knows the recipient, and it was not to be registered.
    Unknown,
}

/// Why a post was not stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PostRefusal {
    /// The disk has less room than the reserve.
    DiskFull,
    /// The channel is new and the office keeps as many channels as it may.
    TooManyChannels,
}

/// Why live words were not delivered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotTold {
    /// The recipient is not present, or is the sender.
    Absent,
    /// It was passed on, and nothing came back.
    Undelivered,
}
