//! The requests of sessions to the office.
//!
//! Sessions of all protocols use these types, so that protocols and office do not
//! know each other. Each [`Request`] gets exactly one [`Reply`](crate::Reply), in the
//! order of the session's requests. A [`Request::Tell`] or [`Request::Post`] with
//! `awaits_delivery` gets it after the delivery receipts. A [`Notice`] gets none.

use std::time::Duration;

use crate::{
    Channel, ChannelCommand, ChannelKey, IdempotencyKey, LeaseKey, Mark, MessageId, Name, Password,
    Position, PostId, Recipients, Text,
};

/// The requests of sessions to the office.
#[derive(Clone, Debug)]
pub enum Request {
    /// Log in as `name`.
    LogIn {
        /// The account.
        name: Name,
        /// The password that the client gave, if any.
        password: Option<Password>,
        /// The terms of the login.
        terms: Terms,
    },
    /// Store a message in a mailbox. The sender is the session's account; without a login,
    /// `@web`.
    Compose {
        /// The owner of the mailbox.
        recipient: Name,
        /// The text.
        text: Text,
        /// What to do if the recipient is unknown.
        unknown: Unknown,
    },
    /// Store a message in several mailboxes, all or nothing: in each as one of its own.
    ComposeAll {
        /// The owners of the mailboxes.
        recipients: Recipients,
        /// The text.
        text: Text,
        /// What to do if a recipient is unknown.
        unknown: Unknown,
    },
    /// Store what a request asks for, unless the session's account has asked for the same with
    /// the same key in the last 24 hours: then tell what was stored. The reply is that of the
    /// request, [`Reply::Repeated`](crate::Reply::Repeated) or
    /// [`Reply::KeyRefused`](crate::Reply::KeyRefused).
    Once(Once),
    /// Tell the oldest unread messages of the session's account, without handing them out.
    Peek {
        /// The message before the first that is told; the default is none.
        after: Option<MessageId>,
        /// How many are told at most, of [`PEEK_MAX`](crate::PEEK_MAX).
        count: usize,
    },
    /// Hand out the earliest unread message of the session's account.
    Read,
    /// Remove all messages handed out to this session so far: its client has proved
    /// receipt.
    Confirm,
    /// Hand out the earliest unread message of the session's account for a time, whatever
    /// becomes of the session.
    Lease {
        /// What proves the lease.
        key: LeaseKey,
        /// For how long.
        lasts: Duration,
    },
    /// Remove a message that is leased for a time: its client has received it.
    ConfirmLease {
        /// The message.
        message: MessageId,
        /// What proves the lease.
        key: LeaseKey,
    },
    /// Send the session events when a message waits in the mailbox of its account, without
    /// making the account present.
    WatchMail,
    /// Make the session's account present, as one of its devices, until the session ends or
    /// asks to [disappear](Self::Disappear). A session that is present already stays so.
    Appear(PresenceTerms),
    /// End what [`Appear`](Self::Appear) or the login began. The session stays logged in.
    Disappear,
    /// Count the unread messages of the session's account.
    CountUnread,
    /// Give the session's account another password.
    ChangePassword {
        /// The one that it has.
        old: Password,
        /// The new one.
        new: Password,
    },
    /// Refuse the messages and live lines of a sender from now on, or no longer.
    Block {
        /// Whose.
        sender: Name,
        /// Whether they are refused.
        is_blocked: bool,
    },
    /// List whom the session's account has blocked.
    ListBlocked,
    /// List the present accounts.
    ListPresent,
    /// Post in channels. The author is the session's account; without a login, its
    /// [guest](crate::Guest).
    Post {
        /// The channels, each once.
        channels: Vec<Channel>,
        /// The text.
        text: Text,
        /// Whether to wait for the delivery receipts of all recipients.
        awaits_delivery: bool,
    },
    /// Delete a post of the session's account from all its channels. A mark stays in its
    /// place.
    DeletePost {
        /// The post.
        id: PostId,
    },
    /// Send a live line to a present account. It is not stored.
    Tell {
        /// The recipient.
        recipient: Name,
        /// The text.
        text: Text,
        /// Whether to wait for a delivery receipt.
        awaits_delivery: bool,
    },
    /// Join a channel: receive its posts from now on.
    Join(Channel),
    /// Leave a channel: receive no more of its posts.
    Leave(Channel),
    /// Join a channel that may be private, and have this key.
    JoinWithKey {
        /// The channel.
        channel: Channel,
        /// The key.
        key: ChannelKey,
    },
    /// Do something with a private channel.
    ManageChannel {
        /// The channel.
        channel: Channel,
        /// What.
        command: ChannelCommand,
    },
    /// The latest entry of a channel.
    Latest(Channel),
    /// A page of a channel's timeline.
    Timeline {
        /// The channel.
        channel: Channel,
        /// The start of the page; the default is the oldest entry.
        from: Position,
    },
}

impl Request {
    /// The request itself, where it has a key.
    #[must_use]
    pub fn without_key(&self) -> &Self {
        match self {
            Self::Once(once) => once.request(),
            request => request,
        }
    }

    /// The text in it, if it has one.
    #[must_use]
    pub fn text(&self) -> Option<&Text> {
        match self.without_key() {
            Self::Compose { text, .. }
            | Self::ComposeAll { text, .. }
            | Self::Post { text, .. }
            | Self::Tell { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether its reply waits for delivery receipts.
    #[must_use]
    pub fn awaits_delivery(&self) -> bool {
        match self {
            Self::Post { awaits_delivery, .. } | Self::Tell { awaits_delivery, .. } => {
                *awaits_delivery
            }
            _ => false,
        }
    }
}

/// A request to store something, with the key by which it is repeated.
#[derive(Clone, Debug)]
pub struct Once {
    key: IdempotencyKey,
    request: Box<Request>,
}

impl Once {
    /// Of a [`Request::Compose`], a [`Request::ComposeAll`], or a [`Request::Post`] that awaits
    /// no delivery; nothing else has a key.
    #[must_use]
    pub fn new(key: IdempotencyKey, request: Request) -> Option<Self> {
        let stores = matches!(
            request,
            Request::Compose { .. }
                | Request::ComposeAll { .. }
                | Request::Post { awaits_delivery: false, .. }
        );
        stores.then(|| Self { key, request: Box::new(request) })
    }

    /// The request.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// The key and the request.
    #[must_use]
    pub fn into_parts(self) -> (IdempotencyKey, Request) {
        (self.key, *self.request)
    }
}

/// What to do with a message to an unknown recipient.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unknown {
    /// Register the recipient.
    Register,
    /// Refuse the message.
    Refuse,
}

/// A message from a session to the office that has no reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Notice {
    /// A delivery receipt for the line with this mark.
    Delivered(Mark),
    /// The line with this mark is dropped: too many wait for the client already. No
    /// delivery receipt will arrive.
    Refused(Mark),
    /// Stop waiting for the delivery receipts of the latest request; the office answers
    /// it now.
    Abandon,
    /// The client has half-closed, and no request follows the latest one. If that is a
    /// login, the office answers it, but its account does not become present.
    Ending,
}

/// The terms on which a session logs in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Terms {
    /// Whether the protocol leaves it to the [`Access`](crate::Access) of the listener if a
    /// login registers an unknown name, and if it opens an account without a password.
    /// Otherwise the office refuses both like a wrong password.
    pub admits_strangers: bool,
    /// Set if the account is present until the session ends.
    pub presence: Option<PresenceTerms>,
}

impl Terms {
    /// The account does not become present; there may be any number of such sessions.
    pub const WITHOUT_PRESENCE: Self = Self { admits_strangers: true, presence: None };
}

/// How a session shares the presence of its account with other sessions. An account without
/// a password is present in one session, of whatever kind: nobody knows whose the others are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PresenceKind {
    /// One such session an account: chat and im together.
    Sole,
    /// Any number of them, beside a sole one or without it.
    Device,
}

/// The terms of a session's presence, and the events that it subscribes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub struct PresenceTerms {
    /// How it shares the presence of the account.
    pub kind: PresenceKind,
    /// Whether the session is a member of `#lobby` while it is present.
    pub in_lobby: bool,
    /// Events when accounts become present or cease to be.
    pub arrivals: bool,
    /// Events when a message waits in the mailbox.
    pub mail: bool,
    /// Whether the author of a post waits for a delivery receipt of this session.
    pub confirms_posts: bool,
}

impl PresenceTerms {
    /// A sole session in `#lobby` that subscribes to nothing else.
    pub const SOLE: Self = Self {
        kind: PresenceKind::Sole,
        in_lobby: true,
        arrivals: false,
        mail: false,
        confirms_posts: false,
    };

    /// A device that is sent live lines alone.
    pub const DEVICE: Self = Self { kind: PresenceKind::Device, in_lobby: false, ..Self::SOLE };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stores_something_has_a_key() {
        let key = || IdempotencyKey::new(b"k").unwrap();
        let recipient = Name::new("bob").unwrap();
        let compose =
            Request::Compose { recipient, text: Text::default(), unknown: Unknown::Refuse };
        assert!(Once::new(key(), compose).is_some());
        assert!(Once::new(key(), Request::Read).is_none());
        let post = Request::Post { channels: vec![], text: Text::default(), awaits_delivery: true };
        assert!(Once::new(key(), post).is_none());
    }
}
