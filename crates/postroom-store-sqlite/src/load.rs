//! Rebuilding at start what waits where.
//!
//! A row that is damaged costs what it held: it is noted, and the rest is loaded.
//!
//! Numbers may have gaps. A number that no row has, and that another record names, was
//! that of a lost account or channel, which is damaged.

use std::path::Path;

use postroom_model::Name;
use postroom_store::{AccountId, EARLIEST, Limits, PasswordHash, Sender, Timestamp};
use rusqlite::{Connection, Row, params};

use crate::bans::BanRow;
use crate::channels::{By, Channels, Private};
use crate::damage::{self, Damages, is_unreadable, unreadable};
use crate::error::OpenError;
use crate::expiry::{Expiry, Kind};
use crate::idle::ChannelId;
use crate::index::Index;
use crate::kept::{KeptMail, Noted};
use crate::keys::KeyRow;
use crate::record::{self, Read};
use crate::scan::{Table, scan};
use crate::senders::Senders;
use crate::state::State;
use crate::sweep::{ROUND_REMOVALS, Sweep};

/// What is wrong where a record names it.
const MISSING: &str = "its row is missing";

const ACCOUNTS: Table = Table { name: "account", key: "id", columns: "name, password, deleted" };
const MESSAGES: Table =
    Table { name: "message", key: "sequence", columns: "recipient, sender, stored_ms, kept" };
const REMOVALS: Table = Table { name: "removal", key: "position", columns: "message, kept" };
const CHANNELS: Table = Table { name: "channel", key: "id", columns: "name, creator, key" };
const INVITATIONS: Table = Table { name: "invitation", key: "number", columns: "channel, account" };
const BLOCKS: Table = Table { name: "block", key: "number", columns: "account, sender" };
const BANS: Table = Table { name: "ban", key: "number", columns: "subject, since_ms, until_ms" };
const KEYS: Table =
    Table { name: "once", key: "number", columns: "account, key, content, first, used_ms" };
const POSTS: Table = Table { name: "post", key: "number", columns: "channel, author, stored_ms" };

/// Reads the whole file once: accounts, removals, of each message whose it is,
/// and of each post where it was said.
pub(crate) fn load(
    connection: &Connection,
    path: &Path,
    limits: Limits,
) -> Result<(Index, Sweep), OpenError> {
    // A hint.
    let accounts = connection.query_row("SELECT count(*) FROM account", [], |row| row.get(0));
    let mut index = Index::new(accounts.unwrap_or(0));
    index.senders = limits.mailbox_share().map(|_| Senders::default());
    index.expiry = Expiry::new(limits.retention, limits.keep_read.and_then(|keep| keep.age_ms));
    index.kept = KeptMail::new(limits.keep_read);
    let mut load = || {
        load_accounts(connection, &mut index)?;
        let removed = removed(connection, &mut index.damages)?;
        let last_sequence = given_out(connection, "last_sequence", &mut index.damages)?;
        index.given_out(last_sequence);
        let last_post = given_out(connection, "last_post", &mut index.damages)?;
        index.channels.given_out(last_post);
        for message in &removed {
            let key = damage::key(message.sequence());
            let number = record::sequence(key, index.last_sequence(), "message");
            if let Ok(number) = number {
                index.given_out(number);
            }
        }
        let LoadedMailboxes { mut unswept, ownerless, erases, latest } =
            load_mailboxes(connection, &mut index, &removed)?;
        forget_swept(connection, removed.len(), &unswept)?;
        unswept.extend(ownerless.into_iter().map(|sequence| Noted::new(sequence, false)));
        load_blocks(connection, &mut index)?;
        load_bans(connection, &mut index)?;
        load_keys(connection, &mut index)?;
        load_channels(connection, &mut index)?;
        load_invitations(connection, &mut index)?;
        let latest_post = load_posts(connection, &mut index, limits.channel_posts)?;
        let kept_clock = kept_clock(connection, &mut index.damages)?;
        index.expiry.loaded(kept_clock, latest.max(latest_post));
        index.kept.loaded();
        index.loaded();
        let mut sweep = Sweep::new(unswept);
        if erases {
            sweep.erase();
        }
        Ok(sweep)
    };
    let sweep = load().map_err(|cause| OpenError::database(path, cause))?;
    Ok((index, sweep))
}

/// What there is beside the messages in mailboxes.
#[derive(Default)]
struct LoadedMailboxes {
    /// Messages whose removal is noted.
    unswept: Vec<Noted>,
    /// Those that were handed out when their account was deleted: a restart has brought
    /// them back.
    ownerless: Vec<u64>,
    /// Whether messages of deleted accounts are among them.
    erases: bool,
    /// When the latest message was stored.
    latest: Option<Timestamp>,
}

/// The latest number that was given out before the last sweep; later ones are those of rows.
fn given_out(connection: &Connection, name: &str, damages: &mut Damages) -> rusqlite::Result<u64> {
    let read = counter(connection, name)?;
    let number = read.and_then(|read| read.map_or(Ok(0), |at| record::sequence(at, 0, "value")));
    Ok(number.unwrap_or_else(|what| {
        damages.note("counter", 0, what);
        0
    }))
}

/// What the clock of the retention said when it was kept, if it was. If that cannot be read,
/// the clock begins at the earliest time, so that it makes nothing older than it is.
fn kept_clock(
    connection: &Connection,
    damages: &mut Damages,
) -> rusqlite::Result<Option<Timestamp>> {
    let time = |at| u64::try_from(at).map(Timestamp).map_err(|_| record::out_of_range("value"));
    let read = counter(connection, "retention_ms")?;
    Ok(read.and_then(|read| read.map(time).transpose()).unwrap_or_else(|what| {
        damages.note("counter", 1, what);
        Some(EARLIEST)
    }))
}

/// A value of the table of counters, if it has one of this name.
fn counter(connection: &Connection, name: &str) -> rusqlite::Result<Read<Option<i64>>> {
    let value = "SELECT value FROM counter WHERE name = ?1";
    match connection.query_row(value, [name], |row| Ok(record::integer(row, 0, "value"))) {
        Ok(value) => Ok(value.map(Some)),
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok(Ok(None)),
        Err(error) if is_unreadable(&error) => Ok(Err(unreadable(&error))),
        Err(error) => Err(error),
    }
}

/// Takes up the accounts. One that is damaged keeps its number, so that messages
/// keep theirs.
fn load_accounts(connection: &Connection, index: &mut Index) -> rusqlite::Result<()> {
    let mut damages = std::mem::take(&mut index.damages);
    let mut nameless = Vec::new();
    scan(connection, ACCOUNTS, &mut damages, |id, row, _| {
        let id = record::in_sequence(id, index.len()).inspect_err(|_| {
            if let Ok(far) = u32::try_from(id) {
                index.reserve(AccountId(far));
            }
        })?;
        while index.len() < id {
            index.add_gap();
        }
        load_account(row, index, &mut nameless)
    })?;
    for id in nameless {
        index.name_damaged(id);
    }
    index.damages = damages;
    Ok(())
}

/// Takes up an account. A damaged password locks it, and so does a damaged name or state
/// without a password; with its password it opens, under a stand-in name if need be.
fn load_account(row: Read<&Row<'_>>, index: &mut Index, nameless: &mut Vec<AccountId>) -> Read<()> {
    let row = row.inspect_err(|_| nameless.push(index.register_damaged()))?;
    let state = record::state(row, 2);
    if let Ok(state @ (State::Reserved | State::Released)) = state {
        return load_deleted(row, state, index, nameless);
    }
    let password = record::password(row, 1);
    let (id, found) = match record::name(row, 0).and_then(|name| free(name, index)) {
        Ok(name) => (index.register(name), Ok(())),
        Err(what) => {
            let id = index.register_damaged();
            nameless.push(id);
            (id, Err(what))
        }
    };
    match password {
        Ok(None) if state.is_err() => {
            index.account_mut(id).password = Some(PasswordHash::unusable());
            found.and(state.map(drop))
        }
        Ok(None) => found,
        Ok(password) => {
            index.account_mut(id).password = password;
            found.and(state.map(drop))
        }
        Err(what) => {
            index.account_mut(id).password = Some(PasswordHash::unusable());
            found.and(Err(what))
        }
    }
}

/// Takes up a deleted account, which messages and posts may still name.
fn load_deleted(
    row: &Row<'_>,
    state: State,
    index: &mut Index,
    nameless: &mut Vec<AccountId>,
) -> Read<()> {
    let name = record::name(row, 0);
    let name =
        if state == State::Reserved { name.and_then(|name| free(name, index)) } else { name };
    let name = name.inspect_err(|_| nameless.push(index.register_damaged()))?;
    index.register_deleted(name, state);
    Ok(())
}

fn free(name: Name, index: &Index) -> Read<Name> {
    match index.find(&name).or_else(|| index.reserved_for(&name)) {
        Some(other) => Err(format!("its name is that of account {}", other.0)),
        None => Ok(name),
    }
}

/// Whether there is, or was, an account that a record names. If not, no new account
/// may get its number.
fn is_account(id: AccountId, index: &mut Index, damages: &mut Damages) -> bool {
    if index.end_gap(id) {
        damages.note(ACCOUNTS.name, i64::from(id.0), MISSING);
    }
    let is_account = index.get(id).is_some();
    if !is_account {
        index.reserve(id);
    }
    is_account
}

/// The same of a sender, who need not be an account.
fn is_sender(sender: Sender, index: &mut Index, damages: &mut Damages) -> bool {
    sender.account().is_none_or(|account| is_account(account, index, damages))
}

/// The same of a channel.
fn is_channel(id: ChannelId, channels: &mut Channels, damages: &mut Damages) -> bool {
    if channels.end_gap(id) {
        damages.note(CHANNELS.name, i64::from(id.0), MISSING);
    }
    let is_channel = id.0 < channels.len();
    if !is_channel {
        channels.reserve(id);
    }
    is_channel
}

/// The messages that were read, in ascending order.
fn removed(connection: &Connection, damages: &mut Damages) -> rusqlite::Result<Vec<Noted>> {
    let mut removed = Vec::new();
    scan(connection, REMOVALS, damages, |_, row, _| {
        let row = row?;
        let message = record::integer(row, 0, "message")?;
        let message = u64::try_from(message).map_err(|_| record::out_of_range("message"))?;
        // That a message was read is the more important.
        let is_kept = record::is_kept(row, 1);
        removed.push(Noted::new(message, is_kept == Ok(true)));
        is_kept.map(drop)
    })?;
    removed.sort_unstable();
    Ok(removed)
}

/// Fills the mailboxes; returns which messages are to be swept out.
fn load_mailboxes(
    connection: &Connection,
    index: &mut Index,
    removed: &[Noted],
) -> rusqlite::Result<LoadedMailboxes> {
    let mut damages = std::mem::take(&mut index.damages);
    let mut removed = removed.iter().copied().peekable();
    let (mut found, mut latest) = (LoadedMailboxes::default(), None);
    scan(connection, MESSAGES, &mut damages, |key, row, damages| {
        let sequence = record::sequence(key, index.last_sequence(), "number")?;
        index.given_out(sequence);
        latest = row.as_ref().ok().and_then(|row| age(record::time(row, 2))).or(latest);
        while removed.next_if(|earlier| earlier.sequence() < sequence).is_some() {}
        if let Some(noted) = removed.next_if(|noted| noted.sequence() == sequence) {
            found.unswept.push(index.load_removed(noted, row.as_ref().ok().copied()));
            let of =
                |column| row.as_ref().ok().and_then(|row| record::account(row, column, "").ok());
            let is_deleted =
                |account| index.get(account).is_some_and(|of| of.state != State::Known);
            found.erases |= of(0).is_some_and(is_deleted);
            let sender = row.as_ref().ok().and_then(|row| record::sender(row, 1, "").ok());
            for account in [of(0), sender.and_then(Sender::account)].into_iter().flatten() {
                if index.get(account).is_some() {
                    index.name_in_record(account);
                }
            }
            return Ok(());
        }
        let row = row?;
        let recipient = record::account(row, 0, "recipient");
        let sender = record::sender(row, 1, "sender");
        let has_recipient = recipient.as_ref().is_ok_and(|id| is_account(*id, index, damages));
        let has_sender = sender.as_ref().is_ok_and(|of| is_sender(*of, index, damages));
        let (recipient, sender) = (recipient?, sender?);
        if !has_recipient || !has_sender {
            return Err("its recipient or its sender is not an account".to_owned());
        }
        let keepers = record::keepers(row, 3)?;
        index.load_kept(sequence, row, keepers);
        if !keepers.is_unread() {
            index.name_in_record(recipient);
            if let Some(sender) = sender.account() {
                index.name_in_record(sender);
            }
            return Ok(());
        }
        if index.account(recipient).state != State::Known {
            found.ownerless.push(sequence);
            found.erases = true;
            return Ok(());
        }
        index.account_mut(recipient).mailbox.append(sequence);
        index.expiry.note(Kind::Message, sequence, record::time(row, 2));
        index.name_in_record(recipient);
        if let Some(sender) = sender.account() {
            index.name_in_record(sender);
        }
        if let Some(senders) = &mut index.senders {
            senders.add(sequence, recipient, sender);
        }
        Ok(())
    })?;
    index.damages = damages;
    found.latest = latest;
    Ok(found)
}

/// A time at which something can have been stored.
fn age(at: Timestamp) -> Option<Timestamp> {
    (at >= EARLIEST).then_some(at)
}

/// Takes up whom accounts have blocked.
fn load_blocks(connection: &Connection, index: &mut Index) -> rusqlite::Result<()> {
    let mut damages = std::mem::take(&mut index.damages);
    scan(connection, BLOCKS, &mut damages, |key, row, damages| {
        let number = record::sequence(key, index.blocks().next_number(), "number")?;
        index.block_given_out(number);
        let row = row?;
        let (account, sender) = (record::account(row, 0, "account")?, record::sender_name(row, 1)?);
        if !is_account(account, index, damages) {
            return Err("its account is missing".to_owned());
        }
        if index.block(account, sender, number) {
            return Ok(());
        }
        Err("its account has blocked this sender in an earlier row".to_owned())
    })?;
    index.damages = damages;
    Ok(())
}

/// Takes up who is banned. What has ended since is deleted with a later ban.
fn load_bans(connection: &Connection, index: &mut Index) -> rusqlite::Result<()> {
    let Index { bans, damages, .. } = index;
    scan(connection, BANS, damages, |key, row, _| {
        let number = record::sequence(key, bans.last(), "number")?;
        bans.given_out(number);
        let (subject, since, until) = record::ban(row?)?;
        if bans.get(&subject).is_some() {
            return Err("its subject is banned in an earlier row".to_owned());
        }
        bans.insert(subject, BanRow { number, since, until });
        Ok(())
    })
}

/// Takes up the keys of requests. Those that are no longer kept are deleted later.
fn load_keys(connection: &Connection, index: &mut Index) -> rusqlite::Result<()> {
    let mut damages = std::mem::take(&mut index.damages);
    scan(connection, KEYS, &mut damages, |key, row, damages| {
        let number = record::sequence(key, index.keys.last(), "number")?;
        index.keys.given_out(number);
        let (account, fingerprint, first, used) = record::key(row?)?;
        if !is_account(account, index, damages) {
            return Err("its account is missing".to_owned());
        }
        if index.keys.find(account, fingerprint.key).is_some() {
            return Err("its account has used this key in an earlier row".to_owned());
        }
        index.keys.add(KeyRow { number, fingerprint, first, used, account });
        Ok(())
    })?;
    index.keys.committed();
    index.damages = damages;
    Ok(())
}

/// Takes up the channels. One that is damaged keeps its number.
fn load_channels(connection: &Connection, index: &mut Index) -> rusqlite::Result<()> {
    let mut channels = std::mem::take(&mut index.channels);
    let mut damages = std::mem::take(&mut index.damages);
    scan(connection, CHANNELS, &mut damages, |id, row, damages| {
        let id = record::in_sequence(id, channels.len()).inspect_err(|_| {
            if let Ok(far) = u32::try_from(id) {
                channels.reserve(ChannelId(far));
            }
        })?;
        while channels.len() < id {
            channels.add_gap();
        }
        let name = row.as_ref().map_err(Clone::clone).and_then(|row| record::channel(row, 0));
        let Some(channel) = name.inspect_err(|_| channels.add_damaged())? else {
            channels.add_evicted();
            return Ok(());
        };
        if let Some(other) = channels.find(&channel) {
            channels.add_damaged();
            return Err(format!("its name is that of channel {}", other.0));
        }
        let id = channels.add(channel);
        let creator = row.as_ref().map_err(Clone::clone).and_then(|row| record::creator(row, 1));
        if creator == Ok(None) {
            return Ok(());
        }
        let creator = creator.and_then(|creator| match creator {
            Some(creator) if is_account(creator, index, damages) => Ok(creator),
            _ => Err("its creator is not an account".to_owned()),
        });
        let key = row.and_then(|row| record::channel_key(row, 2));
        // Whoever has made it: it stays private.
        let private = Private::new(creator.clone().ok(), key.clone().unwrap_or_default());
        channels.make_private(id, private);
        index.name_in_record(creator?);
        key.map(drop)
    })?;
    (index.channels, index.damages) = (channels, damages);
    Ok(())
}

/// Takes up who is invited to private channels.
fn load_invitations(connection: &Connection, index: &mut Index) -> rusqlite::Result<()> {
    let mut damages = std::mem::take(&mut index.damages);
    scan(connection, INVITATIONS, &mut damages, |key, row, damages| {
        let last = index.channels.private().next_number();
        let number = record::sequence(key, last, "number")?;
        index.channels.private_mut().given_out(number);
        let row = row?;
        let channel = record::number(row, 0, "channel").map(ChannelId)?;
        let account = record::account(row, 1, "account")?;
        if !is_account(account, index, damages) {
            return Err("its account is missing".to_owned());
        }
        if !index.channels.invite(channel, number, account) {
            return Err("its channel is not private, or has invited the account before".to_owned());
        }
        index.name_in_record(account);
        Ok(())
    })?;
    index.damages = damages;
    Ok(())
}

/// Takes up the numbers of the posts, `posts_max` of each channel; returns when the latest
/// was stored.
fn load_posts(
    connection: &Connection,
    index: &mut Index,
    posts_max: u32,
) -> rusqlite::Result<Option<Timestamp>> {
    let mut latest = None;
    let mut damages = std::mem::take(&mut index.damages);
    scan(connection, POSTS, &mut damages, |key, row, damages| {
        let number = record::sequence(key, index.channels.last_post(), "number")?;
        index.channels.given_out(number);
        let row = row?;
        let channel = record::number(row, 0, "channel").map(ChannelId);
        let author = record::author(row, 1);
        let has_author = match &author {
            Ok(Some(author)) => is_sender(*author, index, damages),
            _ => true,
        };
        let has_channel = match &channel {
            Ok(channel) => is_channel(*channel, &mut index.channels, damages),
            Err(_) => true,
        };
        let (channel, author) = (channel?, author?);
        if !has_author || !has_channel {
            return Err("its channel or its author is missing".to_owned());
        }
        if let Some(author) = author.and_then(Sender::account) {
            index.name_in_record(author);
            if index.account(author).state != State::Known {
                // The sweep of its posts was broken off.
                index.channels.load_erased(channel, number);
                return Ok(());
            }
        }
        let by = By { author, at: record::time(row, 2) };
        index.channels.load(channel, number, by, posts_max);
        index.expiry.note(Kind::Post, number, by.at);
        latest = age(by.at).or(latest);
        Ok(())
    })?;
    index.channels.loaded();
    index.damages = damages;
    Ok(latest)
}

/// Drops the removals of a round that a stop broke off, once they are many: its
/// rows are gone, and a server that is stopped often would keep them for ever.
fn forget_swept(
    connection: &Connection,
    removals: usize,
    unswept: &[Noted],
) -> rusqlite::Result<()> {
    if removals - unswept.len() < ROUND_REMOVALS {
        return Ok(());
    }
    let transaction = connection.unchecked_transaction()?;
    let forget = || {
        transaction.execute("DELETE FROM removal", [])?;
        let mut insert = transaction.prepare("INSERT INTO removal VALUES (NULL, ?1, ?2)")?;
        for noted in unswept {
            let kept = noted.is_kept().then_some(record::KEPT);
            insert.execute(params![noted.sequence(), kept])?;
        }
        Ok(())
    };
    match forget() {
        Ok(()) => transaction.commit(),
        // They are kept; what is damaged in them was noted as they were read.
        Err(error) if is_unreadable(&error) => transaction.rollback(),
        Err(error) => Err(error),
    }
}
