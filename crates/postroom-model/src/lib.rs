//! The data types that all layers of Postroom share.
//!
//! All types are values: valid by construction, without I/O, clock or randomness. All
//! other layers depend on this one; it depends on none of them.

mod access;
mod channel;
mod channel_key;
mod committed;
mod event;
mod fault;
mod histogram;
mod id;
mod lease_key;
mod name;
mod once;
mod password;
mod peer;
mod prefix;
mod private;
mod recipients;
mod reply;
mod request;
mod safe;
mod skeleton;
mod text;
mod timestamp;

pub use access::{Access, Anonymous, Forbidden, Guest, Passwords, Registration};
pub use channel::{
    Author, CHANNEL_BYTES_MAX, Channel, Content, Entry, HASHTAGS_MAX, Page, Position, Post,
};
pub use channel_key::{ChannelKey, ChannelKeyError};
pub use committed::{Batch, Committed, CommittedBatch};
pub use event::{Announcement, Attendee, Event, Mark, NameList, Posted, SessionKey, Told};
#[cfg(feature = "faults")]
pub use fault::set_fault;
pub use fault::{Fault, faulty};
pub use histogram::Histogram;
pub use id::{IdError, MessageId, PostId, Stamp};
pub use lease_key::{LeaseKey, LeaseKeyError};
pub use name::{Name, NameError};
pub use once::{IdempotencyKey, IdempotencyKeyError, KeyRefusal};
pub use password::{Password, PasswordError};
pub use peer::{Network, Peer, SITE_NETWORKS, Site};
pub use prefix::{Prefix, PrefixError};
pub use private::{ChannelCommand, ManageRefusal, Managed};
pub use recipients::{Recipients, RecipientsError};
pub use reply::{
    BlockRefusal, Blocked, ComposeRefusal, Composed, Delivery, Full, LogInRefusal, NotTold,
    PasswordRefusal, Peeked, PeekedMessage, PostDeletionRefusal, PostRefusal, Repeated, Reply,
};
pub use request::{Notice, Once, PresenceKind, PresenceTerms, Request, Terms, Unknown};
pub use safe::{Safe, push_safe};
pub use skeleton::Skeleton;
pub use text::{Shown, TEXT_BYTES_MAX, TEXT_LINES_MAX, Text, TextError, push_joined, push_lines};
pub use timestamp::Timestamp;

/// Names are shown as first registered and take at most this many bytes.
pub const NAME_BYTES_MAX: usize = 64;

/// An announcement names at most this many of the accounts that joined, and of those that
/// left.
pub const NAMES_ANNOUNCED_MAX: usize = 5;

/// A client is told at most this many messages at a time without their being handed out.
pub const PEEK_MAX: usize = 64;

/// Default capacity of a mailbox, in unread messages. Seed 000, the mail system for
/// people, has this number.
pub const MAILBOX_CAPACITY_DEFAULT: u32 = 100;

/// Maximum characters (Unicode scalar values) of a text on the board. Seed 003, the
/// small Twitter, has this number.
pub const BOARD_TEXT_CHARACTERS_MAX: usize = 150;
