//! The calls of a store and what they come to.

use std::fmt;
use std::sync::Arc;

use postroom_model::{
    Blocked, Channel, Entry, Fault, Full, Name, Page, Position, Post, PostRefusal, Text, Unknown,
    faulty,
};

/// An account within its store. That of an evicted account may become another's.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct AccountId(pub u32);

/// One atomic change or question.
#[derive(Debug)]
pub enum Call {
    /// Opens an account.
    Open {
        /// Whose.
        name: Name,
        /// What has been proved about its password.
        key: Key,
        /// Who is let in without a password.
        admits: Admits,
        /// Accounts that it may register: if there is none left, an unknown name is
        /// refused.
        may_create: u32,
    },
    /// Makes an account present.
    Claim {
        /// Which.
        account: AccountId,
        /// Whether it must not be present already.
        alone: bool,
    },
    /// Ends what a claim began.
    Release {
        /// What was claimed.
        presence: Presence,
    },
    /// Tells who is present, in the order of their first claims.
    ListPresent,
    /// Adds a message to a mailbox if there is room.
    Compose {
        /// Who writes.
        sender: AccountId,
        /// Whose mailbox.
        recipient: Name,
        /// What is written.
        text: Text,
        /// What becomes of an unknown recipient.
        unknown: Unknown,
        /// Accounts that it may register.
        may_create: u32,
    },
    /// Takes the earliest message that waits, so that no one else gets it.
    Read {
        /// Whose mailbox.
        account: AccountId,
    },
    /// Removes what was leased.
    Confirm {
        /// What its reader has proved to have.
        leases: Vec<Lease>,
    },
    /// Puts what was leased back in its place.
    Return {
        /// What may not have arrived.
        leases: Vec<Lease>,
    },
    /// Counts the messages in a mailbox, leased ones included.
    CountUnread {
        /// Whose mailbox.
        account: AccountId,
    },
    /// Adds a post to each of its channels, making those that are new.
    Post {
        /// Who says it; no one for the board.
        author: Option<AccountId>,
        /// The post, its author's name as the account has it.
        post: Arc<Post>,
        /// Hashtags that it may make: if more of its channels are new, it is refused.
        may_create: u32,
    },
    /// The latest entry of a channel.
    Latest {
        /// The channel.
        channel: Channel,
    },
    /// Some entries of a channel, the oldest first: as many as a page holds.
    Timeline {
        /// The channel.
        channel: Channel,
        /// Where to begin.
        from: Position,
    },
    /// Tells the password of an account.
    Password {
        /// Which.
        account: AccountId,
    },
    /// Replaces the password of an account, if it is still the one that was proved.
    ChangePassword {
        /// Which.
        account: AccountId,
        /// The one that was proved.
        from: PasswordHash,
        /// The new one.
        to: PasswordHash,
    },
    /// Blocks a sender, or no longer: its messages are refused as if the mailbox were full.
    /// The name need not be known.
    Block {
        /// Whose mailbox. The account must have a password.
        account: AccountRef,
        /// Whose messages.
        sender: Name,
        /// Whether they are refused.
        is_blocked: bool,
    },
    /// Tells whom an account has blocked, in the order in which it did.
    ListBlocked {
        /// Which.
        account: AccountRef,
    },
    /// Sets or replaces the password of an account, registering an unknown name.
    SetPassword {
        /// Whose.
        name: Name,
        /// The new one.
        password: PasswordHash,
        /// What the account must be.
        of: PasswordOf,
    },
    /// Removes the password of an account: anyone may log in to it where listeners let in
    /// accounts without one.
    RemovePassword {
        /// Whose.
        name: Name,
    },
    /// Gives an account another name, under which all that it has written is shown from
    /// then on. If it has a password, the old name is reserved.
    Rename {
        /// The account.
        from: Name,
        /// The new name; that of no other account, spelt as it is to be shown.
        to: Name,
    },
    /// Deletes an account: what is unread in its mailbox, its password, and whom it has
    /// blocked. What it has written stays, and names it. If it had a password, its name is
    /// reserved: no one can register it until it is released.
    Delete {
        /// Whose.
        name: Name,
    },
    /// Lets the name of a deleted account be registered again.
    ReleaseName {
        /// The name.
        name: Name,
    },
    /// Tells accounts and reserved names, in the order of their registration, as many as
    /// [`ACCOUNTS_PAGE`].
    ListAccounts {
        /// Where to begin.
        from: AccountId,
    },
}

impl Call {
    /// The same message once more.
    pub(crate) fn again(&self) -> Option<Self> {
        let Self::Compose { sender, recipient, text, unknown, may_create } = self else {
            return None;
        };
        let (sender, unknown, may_create) = (*sender, *unknown, *may_create);
        let (recipient, text) = (recipient.clone(), text.clone());
        Some(Self::Compose { sender, recipient, text, unknown, may_create })
    }
}

/// An account, by its number or by its name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AccountRef {
    /// One that the store has opened.
    Id(AccountId),
    /// The account of this name, if there is one.
    Name(Name),
}

/// Accounts that [`Call::ListAccounts`] tells at a time.
pub const ACCOUNTS_PAGE: usize = 1_000;

/// Whose password a [`Call::SetPassword`] sets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PasswordOf {
    /// That of an account, or of a new one.
    Anyone,
    /// That of a new account.
    New,
    /// That of an account.
    Known,
}

/// Whom a [`Call::Open`] lets in who has proved no password.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Admits {
    /// Unknown names: they are registered.
    pub unknown: bool,
    /// Accounts without a password.
    pub without_password: bool,
}

impl Admits {
    /// Anyone.
    pub const ALL: Self = Self { unknown: true, without_password: true };
    /// Accounts with a password alone, which must be proved.
    pub const NONE: Self = Self { unknown: false, without_password: false };
}

/// What is known about the password of an account that is to be opened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Key {
    /// Nothing.
    None,
    /// An unknown name gets this password. Of a known one it proves nothing.
    New(PasswordHash),
    /// Knowledge of the password behind this hash.
    Verified(PasswordHash),
    /// Knowledge of a password that another place than the store decides on.
    Trusted,
}

impl Key {
    /// Whether it opens an account with this password.
    #[must_use]
    pub fn fits(&self, password: &PasswordHash) -> bool {
        match self {
            Self::None | Self::New(_) => faulty(Fault::PasswordIgnored),
            Self::Verified(verified) => verified == password,
            Self::Trusted => true,
        }
    }
}

/// The presence of an account: its holder must release it.
#[derive(Debug, Eq, PartialEq)]
#[must_use = "a presence that is not released keeps its account present"]
pub struct Presence {
    account: AccountId,
}

impl Presence {
    /// For store implementations alone: one more presence of this account.
    pub fn new(account: AccountId) -> Self {
        Self { account }
    }

    /// Whose presence.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.account
    }
}

/// What a [`Call`] came to.
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
        /// Accounts that are present now.
        active: u32,
    },
    /// `Claim`: the account is present already.
    PresentAlready,
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
        /// Hashtags that it made.
        created: u32,
    },
    /// `Post`: nothing was stored.
    NotPosted(PostRefusal),
    /// `Latest`: the entry, if there is any.
    Latest(Option<Entry>),
    /// `Timeline`: the entries.
    Timeline(Page),
    /// `Compose`: the message is stored.
    Composed {
        /// Whose mailbox it is in.
        recipient: AccountId,
        /// The name of that account as first registered.
        name: Name,
        /// Whether the recipient was registered by it.
        registered: bool,
    },
    /// `Compose`: no one knows the recipient, which was not to be registered.
    UnknownRecipient,
    /// `Compose`: the mailbox holds as much as it may.
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
    /// `Block`: the account, or the store, has as many as it may.
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
        /// Whether the name is reserved.
        is_reserved: bool,
    },
    /// `Delete`, `Rename`, `RemovePassword`, `SetPassword`, `Block`, `ListBlocked`: there is
    /// no such account. `ReleaseName`: the name is not reserved.
    NoSuchAccount,
    /// `SetPassword`, `Rename`: there is an account of this name.
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
    /// `ReleaseName`: done.
    NameReleased,
    /// `ListAccounts`: these.
    Accounts {
        /// The accounts.
        accounts: Vec<AccountSummary>,
        /// Where the next ones begin, if there may be any.
        next: Option<AccountId>,
    },
    /// The disk has less room than the reserve; nothing was stored.
    DiskFull,
    /// There are as many accounts as there may be; nothing was stored.
    TooManyAccounts,
    /// `Open`, `Compose`: the name is unknown, and the call may not register it;
    /// nothing was stored.
    MayNotCreate,
    /// `Open`, `Compose`, `SetPassword`: the name is that of a deleted account and not
    /// released; nothing was stored.
    NameReserved,
    /// `Open`, `Compose`: the name is unknown, has other characters than ASCII, and looks
    /// like that of another account; nothing was stored.
    LooksAlike,
}

impl Outcome {
    /// Accounts that the call has registered, or hashtags that it has made.
    #[must_use]
    pub fn created(&self) -> u32 {
        match self {
            Self::Opened { registered, .. } | Self::Composed { registered, .. } => {
                u32::from(*registered)
            }
            Self::Posted { created, .. } => *created,
            _ => 0,
        }
    }
}

/// The right to one message: its holder must confirm or return it.
#[derive(Debug, Eq, PartialEq)]
#[must_use = "a lease that is neither confirmed nor returned keeps its message from everyone"]
pub struct Lease {
    account: AccountId,
    sequence: u64,
}

impl Lease {
    /// For store implementations alone: the right to the message with this
    /// sequence number, which from now on no one else is given.
    pub fn new(account: AccountId, sequence: u64) -> Self {
        Self { account, sequence }
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
}

/// A password hash in the PHC string format.
#[derive(Clone, Eq, PartialEq)]
pub struct PasswordHash(pub Box<str>);

impl PasswordHash {
    /// For stores: a hash as it was stored, if these bytes can be one.
    #[must_use]
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        let is_hash = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_graphic);
        is_hash.then(|| Self(String::from_utf8_lossy(bytes).into()))
    }

    /// For stores: stands for a hash that is damaged. No password fits it, so its
    /// account stays locked.
    #[must_use]
    pub fn unusable() -> Self {
        Self("*".into())
    }
}

/// Shows nothing of the hash.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordHash(..)")
    }
}

/// One line of the list of accounts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccountSummary {
    /// The name as first registered.
    pub name: Name,
    /// Messages in its mailbox.
    pub unread: u32,
    /// Who can log in to it.
    pub standing: Standing,
}

/// Who can log in to an account.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It has no password.
    Open,
    /// It has a password.
    Password,
    /// Nobody: the account was deleted or renamed, and its name is reserved.
    Reserved,
}
