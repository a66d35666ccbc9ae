//! What calls come to.

use std::sync::Arc;

use postroom_model::{
    Blocked, Channel, Entry, Full, KeyRefusal, ManageRefusal, Managed, MessageId, Name, Page,
    Peeked, Post, PostDeletionRefusal, PostId, PostRefusal, PresenceKind, Repeated, Stamp, Text,
};

use crate::Timestamp;
use crate::account::{AccountId, AccountSummary, PasswordHash, Standing};
use crate::ban::Ban;

/// The presence of an account: its holder must release it.
#[derive(Debug, Eq, PartialEq)]
#[must_use = "a presence that is not released keeps its account present"]
pub struct Presence {
    account: AccountId,
    kind: PresenceKind,
}

impl Presence {
    /// For store implementations alone: one more presence of this account.
    pub fn new(account: AccountId, kind: PresenceKind) -> Self {
        Self { account, kind }
    }

    /// Whose presence.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// How it is shared.
    #[must_use]
    pub fn kind(&self) -> PresenceKind {
        self.kind
    }
}

/// What a [`Call`](crate::Call) came to.
#[derive(Debug)]
pub enum Outcome {
    /// `Open`: here is the account.
    Opened {
        /// The account.
        account: AccountId,
        /// Its name as first registered.
        name: Name,
        /// Whether this call registered it.
        registered: bool,
        /// Messages in its mailbox, leased ones included.
        unread: u32,
    },
    /// `Open`: the key does not fit; verify this one.
    Locked {
        /// The account's password.
        password: PasswordHash,
    },
    /// `Open`: the call does not admit this name.
    NotAdmitted {
        /// Whether there is an account of this name, which has no password.
        is_known: bool,
    },
    /// `Claim`: the account is present.
    Claimed {
        /// To be released.
        presence: Presence,
        /// The name of the account as first registered.
        name: Name,
        /// Whether the account was not present before.
        is_first: bool,
        /// Accounts that are present now.
        active: u32,
    },
    /// `Claim`, `MayClaim`: the account is present already, in a session that shares it with
    /// no such one.
    PresentAlready,
    /// `MayClaim`: a claim would be granted.
    MayClaim,
    /// `Release`: done.
    Released {
        /// Whose presence it was.
        name: Name,
        /// Whether the account is present still.
        remains: bool,
        /// Accounts that are present now.
        active: u32,
    },
    /// `ListPresent`: all of them. Outcomes share the list while nobody comes or goes.
    Present(Arc<[Name]>),
    /// `CountUnread`: so many.
    Unread(u32),
    /// `Post`: the post is stored.
    Posted {
        /// The post.
        post: Arc<Post>,
        /// Its id and its time.
        stamp: Stamp,
        /// Hashtags that it made.
        created: u32,
    },
    /// `Post`: nothing was stored.
    NotPosted(PostRefusal),
    /// `DeletePost`: the post is deleted.
    PostDeleted {
        /// The post.
        id: PostId,
        /// The channels that had its text before.
        channels: Vec<Channel>,
    },
    /// `DeletePost`: nothing was deleted.
    PostNotDeleted(PostDeletionRefusal),
    /// `Latest`: the entry, if there is any.
    Latest(Option<Entry>),
    /// `Timeline`: the entries.
    Timeline(Page),
    /// `Compose`: the message is stored.
    Composed {
        /// The id of the message.
        id: MessageId,
        /// When it was stored.
        stored: Timestamp,
        /// Whose mailbox it is in.
        recipient: AccountId,
        /// The name of that account as first registered.
        name: Name,
        /// Whether the recipient was registered by it.
        registered: bool,
    },
    /// `ComposeAll`: the message is stored in each mailbox.
    ComposedAll {
        /// Each, in the order of the recipients.
        sent: Vec<Sent>,
        /// When they were stored.
        stored: Timestamp,
    },
    /// `ComposeAll`: nothing was stored.
    NotComposedAll {
        /// The first recipient for which it was refused, as it was given.
        recipient: Name,
        /// What `Compose` would have come to.
        why: Box<Outcome>,
    },
    /// `Once`: the same was stored before, with the same key.
    Repeated(Repeated),
    /// `Once`: nothing was stored.
    KeyRefused(KeyRefusal),
    /// `Peek`: these.
    Peeked(Peeked),
    /// `Compose`: no one knows the recipient, which was not to be registered.
    UnknownRecipient,
    /// `Compose`, `Import`: the mailbox holds as much as it may.
    MailboxFull {
        /// The recipient as first registered.
        recipient: Name,
        /// Messages that a mailbox holds.
        capacity: u32,
        /// What has no room.
        full: Full,
    },
    /// `Read`: the earliest message that waited.
    Read {
        /// To be confirmed or returned.
        lease: Lease,
        /// When it was stored.
        stored: Timestamp,
        /// Who wrote it.
        sender: Name,
        /// What it says.
        text: Text,
        /// Messages that still wait, leased ones left out.
        remaining: u32,
    },
    /// `Read`: none waits.
    NothingUnread,
    /// `Confirm`: the messages are gone.
    Confirmed,
    /// `Return`: the messages wait again. `Confirm`: the disk had no room even
    /// to note the removal, and so they wait again.
    Returned {
        /// Whose they are, if there were any.
        account: Option<AccountId>,
    },
    /// `Password`: here it is.
    Password {
        /// The name of the account.
        name: Name,
        /// The password, if it has one.
        password: Option<PasswordHash>,
    },
    /// `ChangePassword`: the password is not the one that was proved.
    PasswordDiffers,
    /// `Block`: it is so now.
    BlockSet {
        /// The name of the account as first registered.
        name: Name,
        /// What is so.
        set: Blocked,
    },
    /// `Block`: the account has no password. Anyone could say who is blocked.
    HasNoPassword,
    /// `Block`, `Import`: the account, or the store, has as many as it may.
    TooManyBlocked,
    /// `ListBlocked`: these.
    BlockedNames(Vec<Name>),
    /// `SetPassword`, `ChangePassword`: done.
    PasswordSet {
        /// The name as first registered.
        name: Name,
        /// Who could log in to the account before; `None` if it was registered by this.
        before: Option<Standing>,
    },
    /// `Delete`: the account is gone.
    Deleted {
        /// Which it was.
        account: AccountId,
        /// The name as first registered.
        name: Name,
        /// Unread messages that are gone with it, leased ones included.
        unread: u32,
        /// Posts that are gone with it, each counted once for each of its channels.
        posts: u32,
        /// Whether the name is reserved.
        is_reserved: bool,
        /// Private channels that it had made, and that are gone with it.
        channels: Vec<Channel>,
    },
    /// `Delete`, `Rename`, `RemovePassword`, `SetPassword`, `Block`, `ListBlocked`: there is
    /// no such account. `ReleaseName`: the name is not reserved.
    NoSuchAccount,
    /// `SetPassword`, `Rename`, `Import`: there is an account of this name.
    AccountExists {
        /// The name as first registered.
        name: Name,
    },
    /// `RemovePassword`: the account has none.
    PasswordRemoved {
        /// The name as first registered.
        name: Name,
        /// Whether it had one.
        had_password: bool,
    },
    /// `Rename`: done.
    Renamed {
        /// Which.
        account: AccountId,
        /// The name that it had.
        from: Name,
        /// Whether that is reserved.
        is_reserved: bool,
    },
    /// `Import`: done.
    Imported {
        /// The name of the account.
        name: Name,
    },
    /// `ReleaseName`: done.
    NameReleased,
    /// `ListAccounts`: these.
    Accounts {
        /// The accounts.
        accounts: Vec<AccountSummary>,
        /// Where the next ones begin, if there may be any.
        next: Option<AccountId>,
    },
    /// `DeleteChannel`: its posts are gone.
    ChannelDeleted {
        /// How many.
        posts: u32,
        /// Whether it was private.
        was_private: bool,
    },
    /// `ManageChannel`: done.
    ChannelManaged {
        /// The channel.
        channel: Channel,
        /// What was done.
        managed: Managed,
    },
    /// `ManageChannel`: nothing was done.
    ChannelNotManaged(ManageRefusal),
    /// `DeleteChannel`: the channel has neither posts nor members.
    NoSuchChannel,
    /// `ListChannels`: these.
    Channels {
        /// The channels, in the order of their names.
        channels: Vec<ChannelSummary>,
        /// The last one, if there may be more.
        next: Option<Channel>,
    },
    /// `Ban`: it is in force.
    Banned {
        /// The ban.
        ban: Ban,
        /// Whether one was in force before.
        was_banned: bool,
        /// The account whose name is banned, if there is one.
        account: Option<AccountId>,
    },
    /// `Ban`: there are as many as there may be.
    TooManyBans,
    /// `Unban`: it is lifted.
    Unbanned,
    /// `Unban`: none is in force.
    NotBanned,
    /// `Sweep`: what was removed since it was too old.
    Swept(Swept),
    /// The disk has less room than the reserve; nothing was stored.
    DiskFull,
    /// There are as many accounts as there may be; nothing was stored.
    TooManyAccounts,
    /// `Open`, `Compose`: the name is unknown, and the call may not register it;
    /// nothing was stored.
    MayNotCreate,
    /// `Open`, `Compose`, `SetPassword`, `Import`: the name is that of a deleted account and not
    /// released; nothing was stored.
    NameReserved,
    /// `Open`, `Compose`: the name is unknown, has other characters than ASCII, and looks
    /// like that of another account; nothing was stored.
    LooksAlike,
}

impl Outcome {
    /// The id of what the call has stored: of a post, or of the first message. Those of further
    /// messages follow on it.
    #[must_use]
    pub fn first_id(&self) -> Option<u64> {
        match self {
            Self::Composed { id, .. } => Some(id.0),
            Self::ComposedAll { sent, .. } => sent.first().map(|sent| sent.id.0),
            Self::Posted { stamp, .. } => Some(stamp.id.0),
            _ => None,
        }
    }

    /// Accounts that the call has registered, or hashtags that it has made.
    #[must_use]
    pub fn created(&self) -> u32 {
        match self {
            Self::Opened { registered, .. } | Self::Composed { registered, .. } => {
                u32::from(*registered)
            }
            Self::ComposedAll { sent, .. } => {
                let registered = sent.iter().filter(|sent| sent.registered).count();
                u32::try_from(registered).unwrap_or(u32::MAX)
            }
            Self::Posted { created, .. } => *created,
            _ => 0,
        }
    }
}

/// A message in one of several mailboxes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sent {
    /// The id of the message there.
    pub id: MessageId,
    /// Whose mailbox it is.
    pub recipient: AccountId,
    /// The name of that account as first registered.
    pub name: Name,
    /// Whether the recipient was registered by it.
    pub registered: bool,
}

/// What a sweep has removed because it was too old.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Swept {
    /// Unread messages.
    pub messages: u32,
    /// Posts, each counted once for each of its channels.
    pub posts: u32,
    /// Messages that accounts have [kept](crate::KeepRead) for so long, each counted once for
    /// each account that did.
    pub kept: u32,
    /// By how many milliseconds the clock of the system is ahead of that of the
    /// [retention](crate::RetentionClock).
    pub behind_ms: u64,
}

/// One line of the list of channels.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChannelSummary {
    /// The channel.
    pub channel: Channel,
    /// Posts that it keeps.
    pub posts: u32,
    /// When the latest was stored, if it has any.
    pub latest: Option<Timestamp>,
    /// Whether it is private.
    pub is_private: bool,
}

/// The right to one message: its holder must confirm or return it.
#[derive(Debug, Eq, PartialEq)]
#[must_use = "a lease that is neither confirmed nor returned keeps its message from everyone"]
pub struct Lease {
    account: AccountId,
    sequence: u64,
    stored: Timestamp,
}

impl Lease {
    /// For store implementations alone: the right to the message with this
    /// sequence number, which from now on no one else is given.
    pub fn new(account: AccountId, sequence: u64, stored: Timestamp) -> Self {
        Self { account, sequence, stored }
    }

    /// Whose mailbox the message is in.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// The place of the message in its mailbox: earlier ones have lower numbers.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// When the message was stored.
    #[must_use]
    pub fn stored(&self) -> Timestamp {
        self.stored
    }

    /// The id of the message.
    #[must_use]
    pub fn message(&self) -> MessageId {
        MessageId(self.sequence)
    }
}
