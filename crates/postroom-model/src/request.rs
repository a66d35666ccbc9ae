//! What a session asks of the office.
//!
//! Sessions of all protocols use these types, so that protocols and office do not
//! know each other. Each [`Request`] gets exactly one [`Reply`](crate::Reply), in the
//! order of the session's requests. A [`Request::Tell`] or [`Request::Post`] with
//! `awaits_delivery` gets it after the delivery receipts. A [`Notice`] gets none.

use crate::{Channel, Mark, Name, Password, Position, Text};

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
        /// Whether to wait for the delivery receipts of all recipients.
        awaits_delivery: bool,
    },
    /// Say something to an account that is present, live and unstored.
    Tell {
        /// To whom.
        recipient: Name,
        /// What to say.
        text: Text,
        /// Whether to wait for a delivery receipt.
        awaits_delivery: bool,
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
    /// A delivery receipt for what bore this mark.
    Delivered(Mark),
    /// Wait no longer for the delivery receipts of the latest request; it is answered
    /// now.
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
    /// The account does not become present; there may be any number of such sessions.
    pub const WITHOUT_PRESENCE: Self = Self { admits_strangers: true, presence: None };
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
