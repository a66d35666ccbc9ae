//! Private channels: what their creators do with them, and why they may not.
//!
//! Those who may enter a private channel are its creator, those whom the creator has invited,
//! and those who have proved that they know its key, as long as they have passwords: anyone
//! could be an account without one. For all others it is a channel that does not exist, as far
//! as its name lets it be.

use crate::{ChannelKey, Name};

/// What an account does with a private channel: but for the last, with one of its own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ChannelCommand {
    /// Make it: a channel that has never been posted in, as far as is known, becomes private.
    MakePrivate,
    /// Invite an account, or no longer.
    Invite {
        /// Whom.
        name: Name,
        /// Whether it may enter from now on.
        is_invited: bool,
    },
    /// List those who are invited.
    ListInvited,
    /// Give it a key, another one, or none. Who has entered with another one stays invited.
    SetKey(Option<ChannelKey>),
    /// Delete it, with its posts. Its name is free.
    Delete,
    /// Be invited, by this key.
    UseKey(ChannelKey),
}

/// What has come of a [`ChannelCommand`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Managed {
    /// The channel is private, and the account its creator.
    MadePrivate,
    /// The account is invited, or no longer.
    Invitation {
        /// Its name as first registered.
        name: Name,
        /// Whether it may enter.
        is_invited: bool,
        /// Whether it was not so before.
        is_new: bool,
    },
    /// Those who are invited.
    Invited {
        /// In the order in which they were.
        names: Vec<Name>,
        /// Whether it has a key, too.
        has_key: bool,
    },
    /// It has this key.
    KeySet {
        /// Or none.
        has_key: bool,
    },
    /// The key fits: the account is invited.
    Admitted,
    /// The channel is deleted.
    Deleted {
        /// How many posts are gone.
        posts: u32,
    },
}

/// Why nothing has come of a [`ChannelCommand`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ManageRefusal {
    /// The account has no password.
    HasNoPassword,
    /// The channel exists.
    Exists,
    /// The account has made as many private channels as it may.
    TooManyOfAccount,
    /// There are as many private channels, or channels, as there may be.
    TooManyChannels,
    /// The account has created as many channels as it may for now.
    MayNotCreate,
    /// The account has made no such private channel.
    NotCreator,
    /// There is no private channel with this key.
    WrongKey,
    /// There is no account of this name with a password.
    MayNotBeInvited,
    /// As many accounts are invited as may be.
    TooManyInvited,
    /// The disk has less free space than the reserve.
    DiskFull,
}
