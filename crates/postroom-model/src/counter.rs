//! What is asked over a counter, and what is answered.
//!
//! The sessions of all protocols ask in these words and the office answers in
//! them, so that neither knows the other. Each [`Request`] of a session is
//! answered by exactly one [`Reply`], in the order of the requests; only those
//! that wait to be heard, [`Request::Tell`] and [`Request::Post`] with `heard`,
//! are answered when they are. A [`Notice`] has no answer.

use crate::{Channel, Entry, Mark, Name, Page, Password, Position, Receipt, Text};

/// What a session asks of the office.
#[derive(Clone, Debug)]
pub enum Request {
    /// Begin to act as `name`.
    LogIn {
        /// The account.
        name: Name,
        /// What was given to open it, if anything.
        password: Option<Password>,
        /// How the session means to be there.
        terms: Terms,
    },
    /// Leave a message in a mailbox.
    Compose {
        /// Whose mailbox.
        recipient: Name,
        /// What to say.
        text: Text,
        /// What becomes of an unknown recipient.
        unknown: Unknown,
    },
    /// Hand out the earliest unread message of the session's account.
    Read,
    /// Everything handed out to this session so far has proved to have arrived:
    /// remove it.
    Confirm,
    /// Count the unread messages of the session's account.
    CountUnread,
    /// Tell who is present.
    ListPresent,
    /// Say something in channels; a session that acts for no one says it as the
    /// board.
    Post {
        /// Where, each channel once.
        channels: Vec<Channel>,
        /// What to say.
        text: Text,
        /// Whether to wait until all who should have heard it.
        heard: bool,
    },
    /// Say something to an account that is present, live and unstored.
    Tell {
        /// To whom.
        recipient: Name,
        /// What to say.
        text: Text,
        /// Whether to wait until it is heard.
        heard: bool,
    },
    /// See from now on what is said in a channel.
    Join(Channel),
    /// Stop to see what is said in a channel.
    Leave(Channel),
    /// The latest entry of a channel.
    Latest(Channel),
    /// A part of a channel's timeline.
    Timeline {
        /// The channel.
        channel: Channel,
        /// Where to begin; the beginning by default.
        from: Position,
    },
}

/// What becomes of a recipient that no one knows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unknown {
    /// It is registered.
    Register,
    /// The message is refused.
    Refuse,
}

/// What a session tells the office without an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Notice {
    /// What bore this mark was heard.
    Heard(Mark),
    /// Wait no longer until the latest request is heard; it is answered now.
    Abandon,
    /// The client has ended its side, and nothing follows the latest request. A
    /// login is then answered, but its account does not become present.
    Ending,
}

/// How a session means to be in the office.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Terms {
    /// An unknown name is registered, and an account without a password opens to
    /// anyone. Otherwise both are refused as a wrong password is.
    pub admits_strangers: bool,
    /// Set where the account is present for as long as the session lasts.
    pub presence: Option<PresenceTerms>,
}

impl Terms {
    /// A visit, as many at one time as there may be.
    pub const VISIT: Self = Self { admits_strangers: true, presence: None };
}

/// How a session makes its account present, and what it wants to be told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PresenceTerms {
    /// Whether no other session may make it present at the same time.
    pub alone: bool,
    /// Who comes and goes.
    pub arrivals: bool,
    /// That a message waits in the mailbox.
    pub mail: bool,
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
    /// So many messages are in the mailbox, those handed out elsewhere included.
    Unread(u32),
    /// Who is present, in the order of their coming.
    Present(Vec<Name>),
    /// The post is on disk and, where that was asked, heard by all who should.
    Posted(Receipt<()>),
    /// The post is on disk, and not all have heard it.
    Unheard(Receipt<()>),
    /// Nothing was stored.
    NotPosted(PostRefusal),
    /// It was passed on and, where that was asked, heard.
    Told,
    /// It was not passed on, or not heard.
    NotTold(NotTold),
    /// The session is in the channel.
    Joined,
    /// The session is in as many channels as it may be.
    NotJoined,
    /// The session is not in the channel any more; was it?
    Left(bool),
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

/// Why live words were not heard.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotTold {
    /// The recipient is not present, or is the sender.
    Absent,
    /// It was passed on, and nothing came back.
    Unheard,
}
