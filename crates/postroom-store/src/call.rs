//! The calls of a store.

use std::sync::Arc;
use std::time::Duration;

use postroom_model::{
    Channel, ChannelCommand, Fault, MessageId, Name, Position, Post, PostId, PresenceKind,
    Recipients, Text, Unknown, faulty,
};

use crate::Timestamp;
use crate::account::{AccountId, PasswordHash, Sender};
use crate::ban::BanSubject;
use crate::once::Fingerprint;
use crate::outcome::{Lease, Presence};

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
    /// Makes an account present. Refused where it is present in a session of another kind
    /// than [`PresenceKind::Device`] and this is none, or where it is present and has no
    /// password.
    Claim {
        /// Which.
        account: AccountId,
        /// How the presence is shared.
        kind: PresenceKind,
    },
    /// Tells whether a [`Claim`](Self::Claim) would be granted now.
    MayClaim {
        /// Of which account.
        account: AccountId,
        /// How the presence would be shared.
        kind: PresenceKind,
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
        sender: Sender,
        /// Whose mailbox.
        recipient: Name,
        /// What is written.
        text: Text,
        /// What becomes of an unknown recipient.
        unknown: Unknown,
        /// Accounts that it may register.
        may_create: u32,
    },
    /// Adds a message to several mailboxes, or to none: in each it is a message of its own.
    ComposeAll {
        /// Who writes.
        sender: Sender,
        /// Whose mailboxes.
        recipients: Recipients,
        /// What is written.
        text: Text,
        /// What becomes of unknown recipients.
        unknown: Unknown,
        /// Accounts that it may register.
        may_create: u32,
    },
    /// Carries out a `Compose`, a `ComposeAll` or a `Post`, unless the account has used the key in
    /// the last 24 hours.
    Once {
        /// Who has sent the request.
        account: AccountId,
        /// Its key and its content.
        fingerprint: Fingerprint,
        /// What is to be carried out.
        call: Box<Call>,
    },
    /// Tells the oldest messages in a mailbox, leased ones included, and hands none of them
    /// out: as many as a page holds.
    Peek {
        /// Whose mailbox.
        account: AccountId,
        /// The message before the first one.
        after: Option<MessageId>,
        /// How many at most, of [`PEEK_MAX`](postroom_model::PEEK_MAX).
        count: usize,
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
    /// Adds a post to each of its channels, making those that are new. Private ones that the
    /// author may not enter are left out: if none is left, the post is refused.
    Post {
        /// Who says it; no one for the board.
        author: Option<Sender>,
        /// The post, its author's name as the account has it.
        post: Arc<Post>,
        /// Hashtags that it may make: if more of its channels are new, it is refused.
        may_create: u32,
    },
    /// Deletes a post of an account from all its channels: its text is gone, and a mark
    /// stays, which is kept and removed like a post. To be done again, it is done already.
    DeletePost {
        /// Whose. It must have a password.
        author: AccountId,
        /// The post.
        id: PostId,
    },
    /// The latest entry of a channel. One that the reader may not enter has none.
    Latest {
        /// The channel.
        channel: Channel,
        /// Who asks; no one for the board.
        reader: Option<AccountId>,
    },
    /// Some entries of a channel, the oldest first: as many as a page holds. One that the
    /// reader may not enter has none.
    Timeline {
        /// The channel.
        channel: Channel,
        /// Who asks; no one for the board.
        reader: Option<AccountId>,
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
    /// Deletes an account: what is unread in its mailbox, its password, whom it has
    /// blocked, and its posts. Messages that it has written and that are unread stay, and
    /// name it: they are their recipients' mail. If it had a password, its name is
    /// reserved: no one can register it until it is released.
    Delete {
        /// Whose.
        name: Name,
    },
    /// Adds an account with messages that it had elsewhere, all or nothing. A sender that is
    /// unknown stays so: anyone may register the name.
    Import {
        /// Its name, which must be unknown.
        name: Name,
        /// What it is to have.
        import: Arc<Import>,
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
    /// Deletes the posts of a channel, and the channel. Its members stay in it, and with
    /// its next post it begins anew.
    DeleteChannel {
        /// The channel.
        channel: Channel,
    },
    /// Does something with a private channel of an account.
    ManageChannel {
        /// Whose.
        account: AccountId,
        /// The channel.
        channel: Channel,
        /// What.
        command: ChannelCommand,
        /// Channels that it may make.
        may_create: u32,
    },
    /// Tells channels that have posts or members, in the order of their names, as many as
    /// [`CHANNELS_PAGE`].
    ListChannels {
        /// The last one of the page before.
        after: Option<Channel>,
    },
    /// Bans a name or addresses. Where it is banned, this says anew how long.
    Ban {
        /// Who.
        subject: BanSubject,
        /// How long from the time of the commit; `None` for until it is lifted.
        lasts: Option<Duration>,
    },
    /// Lifts a ban.
    Unban {
        /// Whose.
        subject: BanSubject,
    },

    /// Removes from the disk some of what was deleted, and some of what is too old: at most
    /// [`SWEPT_MAX`] records of a kind, so that no commit grows with what there is. See
    /// [`Store::sweep_due`](crate::Store::sweep_due).
    Sweep {
        /// Milliseconds since the last sweep, by a clock that nobody sets.
        passed_ms: u64,
    },
}

impl Call {
    /// The call itself, where it has a key.
    #[must_use]
    pub fn without_key(&self) -> &Self {
        match self {
            Self::Once { call, .. } => call,
            call => call,
        }
    }

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

/// What an account is to have from the beginning.
#[derive(Debug, Eq, PartialEq)]
pub struct Import {
    /// Its password.
    pub password: PasswordHash,
    /// The senders that it blocks.
    pub blocked: Vec<Name>,
    /// What is unread in its mailbox, at most [`IMPORT_MESSAGES_MAX`] with
    /// [`IMPORT_TEXT_BYTES_MAX`] in all, the earliest first.
    pub messages: Vec<ImportedMessage>,
}

/// A message of an [`Import`].
#[derive(Debug, Eq, PartialEq)]
pub struct ImportedMessage {
    /// Who has written it.
    pub sender: Name,
    /// When it was stored there. A time to come is now.
    pub stored: Timestamp,
    /// What it says.
    pub text: Text,
}

impl Import {
    /// Bytes of the texts.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        self.messages.iter().map(|message| message.text.as_str().len()).sum()
    }
}

/// Messages of an [`Import`]: it is stored at once, and others wait for it.
pub const IMPORT_MESSAGES_MAX: usize = 10_000;

/// Bytes of the texts of an [`Import`].
pub const IMPORT_TEXT_BYTES_MAX: usize = 4 << 20;

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

/// Channels that [`Call::ListChannels`] tells at a time.
pub const CHANNELS_PAGE: usize = 1_000;

/// Records of a kind that a [`Call::Sweep`] removes.
pub const SWEPT_MAX: usize = 256;

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
