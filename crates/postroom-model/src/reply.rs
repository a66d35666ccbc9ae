//! The office's replies to the requests of a session.

use std::sync::Arc;

use crate::{
    Committed, Entry, Forbidden, KeyRefusal, ManageRefusal, Managed, MessageId, Name, Page, PostId,
    Stamp, Text, Timestamp,
};

/// The reply to a request.
#[derive(Debug)]
pub enum Reply {
    /// The session is logged in to this account.
    LoggedIn {
        /// The name as first registered.
        name: Name,
        /// Whether the login registered it.
        registered: bool,
        /// Messages in the mailbox, including those leased to other sessions.
        unread: u32,
    },
    /// The login was refused; nothing changed.
    LogInRefused(LogInRefusal),
    /// The message is on disk.
    Composed(Committed<Composed>),
    /// Nothing was stored.
    NotComposed(ComposeRefusal),
    /// The message is on disk in the mailbox of each recipient, in their order.
    ComposedAll(Committed<Vec<Composed>>),
    /// Nothing was stored in any mailbox: it was refused for this recipient, the first.
    NotComposedAll {
        /// The recipient, as it was given.
        recipient: Name,
        /// Why.
        refusal: ComposeRefusal,
    },
    /// An earlier request of the account with the same key and the same content has stored
    /// this; nothing was stored now.
    Repeated(Committed<Repeated>),
    /// Nothing was stored, because of the request's key.
    KeyRefused(KeyRefusal),
    /// The oldest unread messages.
    Peeked(Peeked),
    /// The earliest unread message, leased to the session. It stays in the mailbox
    /// until confirmed.
    Read(Delivery),
    /// The earliest unread message, leased for the time that was asked for.
    Leased(Delivery),
    /// As many messages are leased for a time as may be.
    TooManyLeases,
    /// The message is not leased with this key: the lease has ended, perhaps.
    NotLeased,
    /// The session is told when a message waits.
    WatchesMail,
    /// The session's account is present.
    Appeared,
    /// The session's account has no password, and is present in another session.
    NotAppeared,
    /// The session no longer makes its account present.
    Disappeared,
    /// No message is unread.
    NothingUnread,
    /// The messages handed out to the session are removed from the mailbox.
    Confirmed(Committed<()>),
    /// The removal could not be stored; the messages are unread again.
    NotConfirmed,
    /// The number of messages in the mailbox, including those leased to other sessions.
    Unread(u32),
    /// The account has the new password.
    PasswordChanged(Committed<()>),
    /// The account has the password that it had.
    PasswordNotChanged(PasswordRefusal),
    /// The sender is blocked, or no longer.
    BlockSet(Committed<Blocked>),
    /// Nobody was blocked, nor unblocked.
    NotBlocked(BlockRefusal),
    /// Whom the account has blocked, in the order in which it did.
    BlockedNames(Vec<Name>),
    /// The present accounts, in the order in which they became present. Replies share
    /// the list while nobody comes or goes.
    Present(Arc<[Name]>),
    /// The post is on disk and, if the request waits for delivery, all receipts have
    /// arrived.
    Posted(Committed<Stamp>),
    /// The post is on disk, but some delivery receipts did not arrive.
    Undelivered(Committed<Stamp>),
    /// Nothing was stored.
    NotPosted(PostRefusal),
    /// The post is deleted: its text is gone from the disk, in all its channels.
    PostDeleted(Committed<PostId>),
    /// Nothing was deleted.
    PostNotDeleted(PostDeletionRefusal),
    /// The line was passed on and, if the request waits for delivery, its receipt has
    /// arrived.
    Told,
    /// The line was not passed on, or no delivery receipt arrived.
    NotTold(NotTold),
    /// The session has joined the channel.
    Joined,
    /// The session has joined as many channels as it may.
    NotJoined,
    /// The channel is private, and the session's account may not enter it.
    NotInvited,
    /// The session is not in the channel; `true` if it was a member before.
    Left(bool),
    /// What was asked for is done with the channel.
    ChannelManaged(Committed<Managed>),
    /// Nothing is done with the channel.
    ChannelNotManaged(ManageRefusal),
    /// The store cannot carry the request out at present; nothing was stored.
    Unavailable,
    /// The store cannot say whether the request was carried out. The session ends
    /// without an answer to it.
    Unknown,
    /// The session may not ask for that; nothing was changed.
    Forbidden(Forbidden),
    /// The latest entry of the channel, if it has one.
    Latest(Option<Entry>),
    /// A page of the channel's timeline.
    Timeline(Page),
}

/// A message handed out to a session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Delivery {
    /// The id of the message.
    pub id: MessageId,
    /// When it was stored.
    pub stored: Timestamp,
    /// The sender.
    pub sender: Name,
    /// The text.
    pub text: Text,
    /// Unread messages after this one, without those leased to any session.
    pub remaining: u32,
}

/// Unread messages, told without handing them out, the oldest first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Peeked {
    /// The messages.
    pub messages: Vec<PeekedMessage>,
    /// The last of them, if there are more behind it.
    pub next: Option<MessageId>,
}

/// One of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PeekedMessage {
    /// The id of the message.
    pub id: MessageId,
    /// When it was stored.
    pub stored: Timestamp,
    /// The sender.
    pub sender: Name,
    /// The text.
    pub text: Text,
    /// Whether it is handed out to someone now.
    pub is_leased: bool,
}

/// The outcome of storing a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Composed {
    /// The id of the message.
    pub id: MessageId,
    /// When it was stored.
    pub stored: Timestamp,
    /// The recipient as first registered.
    pub recipient: Name,
    /// Whether the message registered the recipient.
    pub registered: bool,
}

/// Why a login was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogInRefusal {
    /// No password was given, and one is needed.
    NoPassword,
    /// The password is wrong.
    Password,
    /// An operator has banned the name. The client is told what it is told of a wrong
    /// password, or of a missing one, whatever it gave.
    Banned,
    /// The queue of password checks is full.
    Busy,
    /// The name is new, and there are as many accounts as may be.
    TooManyAccounts,
    /// The name is new, and the disk has no room for an account.
    DiskFull,
    /// The account is present in another session.
    Present,
    /// The name is new, and the peer has created as many accounts as it may for now.
    MayNotCreate,
    /// The name is new, and looks like another one.
    LooksAlike,
}

/// A sender that was blocked, or is no longer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Blocked {
    /// The sender.
    pub sender: Name,
    /// Whether it is blocked now.
    pub is_blocked: bool,
    /// Whether it was not so before.
    pub is_new: bool,
}

/// Why a password was not changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PasswordRefusal {
    /// The old password is wrong.
    Wrong,
    /// The account has no password; only the operator can give it one.
    HasNone,
    /// The password file decides on the password.
    InFile,
    /// The queue of password checks is full.
    Busy,
}

/// Why a sender was not blocked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BlockRefusal {
    /// The account has no password.
    HasNoPassword,
    /// The account has blocked as many as it may, or all accounts together have.
    TooMany,
}

/// Why a mailbox has no room for a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Full {
    /// It holds as many messages as it may.
    Mailbox,
    /// It holds as many messages of the sender as it may.
    Share,
    /// Its owner has blocked the sender.
    Blocked,
}

/// Why a message was not stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ComposeRefusal {
    /// The mailbox is full.
    MailboxFull {
        /// The recipient as first registered.
        recipient: Name,
        /// The capacity of a mailbox, in messages.
        capacity: u32,
        /// What has no room: for the operator, not for the sender.
        full: Full,
    },
    /// The disk has less free space than the reserve.
    DiskFull,
    /// The recipient is new and the limit of accounts is reached.
    TooManyAccounts,
    /// The recipient is unknown, and the request did not allow registering it.
    Unknown,
    /// The recipient is new, and the sender has created as many accounts as it may for
    /// now.
    MayNotCreate,
    /// The recipient is new, and its name looks like another one.
    LooksAlike,
}

/// Why a post was not stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PostRefusal {
    /// The disk has less free space than the reserve.
    DiskFull,
    /// The channel is new and the limit of channels is reached.
    TooManyChannels,
    /// The channel is new, and the author has created as many as it may for now.
    MayNotCreate,
    /// The author's account was deleted meanwhile.
    AuthorDeleted,
    /// The channel is private, and the author may not enter it.
    NotInvited,
}

/// Why a post was not deleted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PostDeletionRefusal {
    /// There is no such post of the account. Nobody learns whether there is one of another.
    NotFound,
    /// The account has no password: anyone could say that they are its author.
    HasNoPassword,
    /// The disk has no room even to note that.
    DiskFull,
}

/// Why a live line was not delivered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotTold {
    /// The recipient is not present, or is the sender.
    Absent,
    /// The line was passed on, but no delivery receipt arrived.
    Undelivered,
}

/// What an earlier request with the same key and the same content has stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Repeated {
    /// A message. It has registered nobody this time.
    Composed(Composed),
    /// Messages, in the order of their recipients. They have registered nobody this time.
    ComposedAll(Vec<Composed>),
    /// A post.
    Posted(Stamp),
}
