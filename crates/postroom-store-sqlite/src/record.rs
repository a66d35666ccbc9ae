//! The records in the rows of the tables.
//!
//! A row may hold anything, for disks and people change files: each column is
//! read as what it should be, or it is said what is wrong with it.

use postroom_model::{
    Channel, ChannelKey, Content, HASHTAGS_MAX, Name, PostId, Prefix, Stamp, Text, Timestamp,
};
use postroom_store::{AccountId, BanSubject, Fingerprint, PasswordHash, Sender};
use rusqlite::Row;
use rusqlite::types::ValueRef;

use crate::expiry::Aged;
use crate::kept::Keepers;
use crate::state::State;

/// A part of a record, or what is wrong with it.
pub(crate) type Read<T> = Result<T, String>;

/// A message as it is stored.
#[derive(Debug)]
pub(crate) struct StoredMessage {
    pub(crate) sender: Sender,
    pub(crate) stored: Timestamp,
    pub(crate) text: Text,
}

/// A post as it is stored. No author: the board.
#[derive(Debug)]
pub(crate) struct StoredPost {
    pub(crate) author: Option<Sender>,
    pub(crate) stamp: Stamp,
    pub(crate) content: Content,
}

pub(crate) fn message(row: &Row<'_>) -> Read<StoredMessage> {
    Ok(StoredMessage {
        sender: sender(row, 0, "sender")?,
        text: text(row, 1)?,
        stored: time(row, 2),
    })
}

pub(crate) fn post(row: &Row<'_>) -> Read<StoredPost> {
    let stamp = Stamp { id: id(row, 3, 4)?, stored: time(row, 2) };
    // Whatever its text is: what is deleted is never shown.
    let content = match value(row, 5)? {
        ValueRef::Null => Content::Text(text(row, 1)?),
        _ => Content::Deleted,
    };
    Ok(StoredPost { author: author(row, 0)?, content, stamp })
}

/// The id of the post in a row, of which the first of its rows and its number are given. The
/// rows of a post are numbered in a run.
fn id(row: &Row<'_>, first: usize, number: usize) -> Read<PostId> {
    const OTHERS_MAX: u64 = HASHTAGS_MAX as u64;
    let positive =
        |column| u64::try_from(integer(row, column, "number")?).map_err(|_| out_of_range("number"));
    let number = positive(number)?;
    if value(row, first)? == ValueRef::Null {
        return Ok(PostId(number));
    }
    let first = positive(first)?;
    let is_of_its_run = first < number && number - first <= OTHERS_MAX;
    is_of_its_run.then_some(PostId(first)).ok_or_else(|| "it names no row of its post".to_owned())
}

pub(crate) fn account(row: &Row<'_>, column: usize, what: &str) -> Read<AccountId> {
    number(row, column, what).map(AccountId)
}

/// In place of the number of an account: clients of HTTP that have not logged in.
const WEB: i64 = -1;

/// A sender as it is stored.
pub(crate) fn stored_sender(sender: Sender) -> i64 {
    match sender {
        Sender::Account(account) => account.0.into(),
        Sender::Web => WEB,
    }
}

/// Who has written a message or a post.
pub(crate) fn sender(row: &Row<'_>, column: usize, what: &str) -> Read<Sender> {
    match value(row, column)? {
        ValueRef::Integer(WEB) => Ok(Sender::Web),
        _ => account(row, column, what).map(Sender::Account),
    }
}

/// The author of a post: none for the board.
pub(crate) fn author(row: &Row<'_>, column: usize) -> Read<Option<Sender>> {
    match value(row, column)? {
        ValueRef::Null => Ok(None),
        _ => sender(row, column, "author").map(Some),
    }
}

/// When a post was stored. A time that cannot be is long ago: it costs no post.
pub(crate) fn time(row: &Row<'_>, column: usize) -> Timestamp {
    let time = integer(row, column, "time").ok().and_then(|time| u64::try_from(time).ok());
    Timestamp(time.unwrap_or(0))
}

/// When a ban began or ends.
fn ban_time(row: &Row<'_>, column: usize, what: &str) -> Read<Timestamp> {
    u64::try_from(integer(row, column, what)?).map(Timestamp).map_err(|_| out_of_range(what))
}

/// A ban: its subject, its beginning and its end, if it has one.
pub(crate) fn ban(row: &Row<'_>) -> Read<(BanSubject, Timestamp, Option<Timestamp>)> {
    let subject = bytes(row, 0, "subject")?;
    let subject = if subject.contains(&b'/') {
        let prefix: Option<Prefix> = str::from_utf8(subject).ok().and_then(|of| of.parse().ok());
        BanSubject::Addresses(prefix.ok_or("its subject is not a prefix of addresses")?)
    } else {
        BanSubject::Name(name(row, 0)?)
    };
    let until = match value(row, 2)? {
        ValueRef::Null => None,
        _ => Some(ban_time(row, 2, "end")?),
    };
    Ok((subject, ban_time(row, 1, "beginning")?, until))
}

/// What the row of a removal says where the recipient keeps the message.
pub(crate) const KEPT: i64 = 1;

/// Whether the recipient keeps a message that is removed.
pub(crate) fn is_kept(row: &Row<'_>, column: usize) -> Read<bool> {
    match value(row, column)? {
        ValueRef::Null => Ok(false),
        ValueRef::Integer(KEPT) => Ok(true),
        _ => Err("it is unclear whether its message is kept".to_owned()),
    }
}

/// Who keeps a message.
pub(crate) fn keepers(row: &Row<'_>, column: usize) -> Read<Keepers> {
    let stored = match value(row, column)? {
        ValueRef::Null => Some(None),
        ValueRef::Integer(stored) => Some(Some(stored)),
        _ => None,
    };
    let keepers = stored.and_then(Keepers::from_stored);
    keepers.ok_or_else(|| "it is unclear who keeps it".to_owned())
}

/// A record that grows old, with whose it is; the number comes last.
pub(crate) fn aged(row: &Row<'_>) -> Read<Aged> {
    let sequence = u64::try_from(integer(row, 2, "number")?).map_err(|_| out_of_range("number"))?;
    Ok(Aged { number: sequence, of: number(row, 0, "owner")?, at: time(row, 1) })
}

pub(crate) fn number(row: &Row<'_>, column: usize, what: &str) -> Read<u32> {
    u32::try_from(integer(row, column, what)?).map_err(|_| out_of_range(what))
}

pub(crate) fn integer(row: &Row<'_>, column: usize, what: &str) -> Read<i64> {
    match value(row, column)? {
        ValueRef::Integer(number) => Ok(number),
        _ => Err(format!("its {what} is not a number")),
    }
}

pub(crate) fn text(row: &Row<'_>, column: usize) -> Read<Text> {
    Text::from_stored(bytes(row, column, "text")?).map_err(|error| error.to_string())
}

pub(crate) fn name(row: &Row<'_>, column: usize) -> Read<Name> {
    Name::from_bytes(bytes(row, column, "name")?).map_err(|error| format!("its name: {error}"))
}

/// The name of a sender, who need not be an account.
pub(crate) fn sender_name(row: &Row<'_>, column: usize) -> Read<Name> {
    let name = Name::of_sender_from_bytes(bytes(row, column, "sender")?);
    name.map_err(|error| format!("its sender: {error}"))
}

/// The name in the row of a channel that was evicted.
pub(crate) const EVICTED: &str = "";

/// The name of a channel, unless it was evicted.
pub(crate) fn channel(row: &Row<'_>, column: usize) -> Read<Option<Channel>> {
    let name = bytes(row, column, "name")?;
    if name == EVICTED.as_bytes() {
        return Ok(None);
    }
    std::str::from_utf8(name)
        .ok()
        .and_then(Channel::from_stored)
        .map(Some)
        .ok_or_else(|| "its name is not that of a channel".to_owned())
}

/// Who has made a channel, if it is private.
pub(crate) fn creator(row: &Row<'_>, column: usize) -> Read<Option<AccountId>> {
    match value(row, column)? {
        ValueRef::Null => Ok(None),
        _ => account(row, column, "creator").map(Some),
    }
}

/// The key of a private channel, if it has one.
pub(crate) fn channel_key(row: &Row<'_>, column: usize) -> Read<Option<ChannelKey>> {
    match value(row, column)? {
        ValueRef::Null => Ok(None),
        ValueRef::Blob(bytes) => ChannelKey::from_stored(bytes)
            .map(Some)
            .ok_or_else(|| format!("its key has {} bytes", bytes.len())),
        _ => Err("its key is not a hash".to_owned()),
    }
}

/// The password of an account, if it has one.
pub(crate) fn password(row: &Row<'_>, column: usize) -> Read<Option<PasswordHash>> {
    match value(row, column)? {
        ValueRef::Null => Some(None),
        ValueRef::Text(hash) => PasswordHash::from_stored(hash).map(Some),
        _ => None,
    }
    .ok_or_else(|| "its password is not a hash, and opens to nobody".to_owned())
}

/// Whether an account was deleted.
pub(crate) fn state(row: &Row<'_>, column: usize) -> Read<State> {
    let stored = match value(row, column)? {
        ValueRef::Null => return Ok(State::Known),
        ValueRef::Text(stored) => stored,
        _ => b"",
    };
    [State::Reserved, State::Released]
        .into_iter()
        .find(|state| state.stored().is_some_and(|word| word.as_bytes() == stored))
        .ok_or_else(|| "it is unclear whether it was deleted".to_owned())
}

/// The number of an account or a channel, those before it having been numbered below
/// `next`. Numbers may have gaps; one behind too many that are missing is damaged.
pub(crate) fn in_sequence(id: i64, next: u32) -> Read<u32> {
    /// They take memory.
    const MISSING_MAX: u32 = 1_000_000;
    u32::try_from(id)
        .ok()
        .filter(|id| *id >= next && id - next <= MISSING_MAX)
        .ok_or_else(|| out_of_range("number"))
}

/// A sequence number; `last` is the highest one known so far.
///
/// A number that no store ever counts to would leave none to give out after it, so
/// it is damaged, and numbers go on below it. But those given out after a high
/// number that was still accepted must be accepted, too; so the limit rises with
/// `last`. No store lives long enough to give out as many as lie between.
pub(crate) fn sequence(number: i64, last: u64, what: &str) -> Read<u64> {
    const UNREACHED: u64 = i64::MAX as u64 / 2;
    const HEADROOM: u64 = 1 << 48;
    u64::try_from(number)
        .ok()
        .filter(|number| *number <= last.max(UNREACHED) + HEADROOM)
        .ok_or_else(|| out_of_range(what))
}

pub(crate) fn out_of_range(what: &str) -> String {
    format!("its {what} is not of its range")
}

fn bytes<'a>(row: &'a Row<'_>, column: usize, what: &str) -> Read<&'a [u8]> {
    match value(row, column)? {
        ValueRef::Text(bytes) => Ok(bytes),
        _ => Err(format!("its {what} is not text")),
    }
}

fn value<'a>(row: &'a Row<'_>, column: usize) -> Read<ValueRef<'a>> {
    row.get_ref(column).map_err(|error| error.to_string())
}

/// The key of a request: whose, its fingerprints, what it has stored, and when.
pub(crate) fn key(row: &Row<'_>) -> Read<(AccountId, Fingerprint, u64, Timestamp)> {
    let key = integer(row, 1, "key")?.cast_unsigned();
    let content = integer(row, 2, "content")?.cast_unsigned();
    let first = integer(row, 3, "first")?;
    let first = u64::try_from(first).map_err(|_| out_of_range("first"))?;
    integer(row, 4, "time")?;
    Ok((account(row, 0, "account")?, Fingerprint { key, content }, first, time(row, 4)))
}
