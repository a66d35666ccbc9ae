//! One group as one transaction: its operations as SQL, in their order.

use postroom_model::{Fault, HASHTAGS_MAX, Position, faulty};
use postroom_store::{
    AccountId, Damaged, Fingerprint, ImportedMessage, PAGE_BYTES, PAGE_ENTRIES_MAX, Sender,
};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params, Row, params};

use crate::bans::BanRow;
use crate::damage::{self, is_unreadable, unreadable};
use crate::expiry::{Block, Kind};
use crate::found::{ErasedRow, Found, FoundPage};
use crate::group::Group;
use crate::idle::ChannelId;
use crate::kept::Keepers;
use crate::keys::KeyRow;
use crate::operation::{MessageChange, Numbers, Operation};
use crate::record::{self, Read};
use crate::statements::{Statement, Statements};

/// A transaction under way.
#[derive(Debug)]
pub(crate) struct Transaction<'c> {
    connection: &'c Connection,
}

impl<'c> Transaction<'c> {
    pub(crate) fn begin(connection: &'c Connection) -> rusqlite::Result<Self> {
        if faulty(Fault::AcknowledgedTooEarly) && !connection.is_autocommit() {
            execute(connection, "COMMIT")?;
        }
        // Deferred: a group that only reads takes no lock and syncs nothing.
        execute(connection, "BEGIN")?;
        Ok(Self { connection })
    }

    /// Carries out the operations of a group. Records that cannot be read are noted
    /// in what is `found`; then the transaction must be rolled back.
    pub(crate) fn carry_out(&self, group: &Group, found: &mut Found) -> rusqlite::Result<()> {
        let statements = Statements::new(self.connection);
        let mut worker = Worker { connection: self.connection, statements, group, found };
        group.operations.iter().try_for_each(|operation| worker.carry_out(operation))
    }

    /// Commits it; where that fails, it may still have to be rolled back.
    pub(crate) fn commit(&self) -> rusqlite::Result<()> {
        if faulty(Fault::AcknowledgedTooEarly) {
            return Ok(());
        }
        execute(self.connection, "COMMIT")
    }

    /// Rolls it back, unless SQLite has done so when an operation failed.
    pub(crate) fn roll_back(self) -> rusqlite::Result<()> {
        if self.connection.is_autocommit() {
            return Ok(());
        }
        execute(self.connection, "ROLLBACK")
    }
}

fn execute(connection: &Connection, statement: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute([]).map(drop)
}

/// Carries out one operation after the other.
struct Worker<'a> {
    connection: &'a Connection,
    statements: Statements<'a>,
    group: &'a Group,
    found: &'a mut Found,
}

impl Worker<'_> {
    fn carry_out(&mut self, operation: Operation) -> rusqlite::Result<()> {
        let group = self.group;
        let now = group.now.0;
        match operation {
            Operation::InsertMessage { sequence, recipient, sender, is_kept, call } => {
                let keepers = if is_kept { Keepers::SenderUnread } else { Keepers::Nobody };
                let (sender, keepers) = (record::stored_sender(sender), keepers.stored());
                let row = params![sequence, recipient.0, sender, now, group.text(call), keepers];
                self.execute(Statement::InsertMessage, row)
            }
            Operation::ReadMessage { sequence } => self.read_message(sequence).map(drop),
            Operation::ReadMessages(numbers) => self.read_messages(numbers),
            Operation::InsertRemoval { message, is_kept } => {
                let kept = is_kept.then_some(record::KEPT);
                self.execute(Statement::InsertRemoval, params![message, kept])
            }
            Operation::InsertPost { number, channel, author, first, call } => {
                let author = author.map(record::stored_sender);
                let row = params![number, channel.0, author, now, group.text(call), first];
                self.execute(Statement::InsertPost, row)
            }
            Operation::ErasePost { id, author } => self.erase_post(id, author),
            Operation::ReadPost { number } => self.read_post(number).map(drop),
            Operation::ReadPage(numbers) => self.read_page(numbers),
            Operation::InsertAccount { account, call, place } => {
                let row = params![account.0, group.name(call, place).as_str()];
                self.execute(Statement::InsertAccount, row)
            }
            Operation::RenameAccount { account, call, place } => {
                let row = params![account.0, group.name(call, place).as_str()];
                self.execute(Statement::RenameAccount, row)
            }
            Operation::SetPassword { account, call } => {
                self.execute(Statement::SetPassword, params![account.0, group.password(call)])
            }
            Operation::RemovePassword { account } => {
                self.execute(Statement::RemovePassword, [account.0])
            }
            Operation::ReserveName { reserved, of } => {
                self.execute(Statement::ReserveName, [reserved.0, of.0])
            }
            Operation::DeleteAccount { account, state } => {
                self.execute(Statement::DeleteAccount, params![account.0, state.stored()])
            }
            Operation::InsertBlock { number, account, call } => self.execute(
                Statement::InsertBlock,
                params![number, account.0, group.name(call, 0).as_str()],
            ),
            Operation::InsertStranger { account, call, place } => {
                let name = group.imported(call, place).sender.as_str();
                self.execute(Statement::InsertStranger, params![account.0, name])
            }
            Operation::ImportBlock { number, account, call, place } => {
                let sender = group.import(call).blocked[place as usize].as_str();
                self.execute(Statement::InsertBlock, params![number, account.0, sender])
            }
            Operation::ImportMessage { sequence, recipient, sender, call, place } => {
                let ImportedMessage { stored, text, .. } = group.imported(call, place);
                let (stored, text) = (stored.0.min(now), text.as_str());
                let sender = record::stored_sender(sender);
                let keepers = Keepers::Nobody.stored();
                let row = params![sequence, recipient.0, sender, stored, text, keepers];
                self.execute(Statement::InsertMessage, row)
            }
            Operation::DeleteBlock { number } => self.execute(Statement::DeleteBlock, [number]),
            Operation::PutBan { row, call } => self.put_ban(row, call),
            Operation::DeleteBan { number } => self.execute(Statement::DeleteBan, [number]),
            Operation::InsertChannel { .. }
            | Operation::NameChannel { .. }
            | Operation::EvictChannel { .. }
            | Operation::SetCreator { .. }
            | Operation::SetKey { .. }
            | Operation::InsertInvitation { .. }
            | Operation::DeleteInvitation { .. } => self.change_channel(operation),
            Operation::BeginSweep { last_sequence, removals } => {
                self.begin_sweep(last_sequence, removals)
            }
            Operation::ChangeMessages(change, numbers) => self.change_messages(change, numbers),
            Operation::DeleteRemovals { through } => {
                let deleted = self.execute(Statement::DeleteRemovals, [through]);
                self.noting_unreadable("removal", through, deleted)
            }
            Operation::InsertKey { place } => self.insert_key(group.operations.key(place)),
            Operation::DeleteKeys(numbers) => self.delete("once", Statement::DeleteKey, numbers),
            Operation::DeletePosts(numbers) => self.delete("post", Statement::DeletePost, numbers),
            Operation::SetLastSequence { last_sequence } => {
                self.execute(Statement::SetLastSequence, [last_sequence])
            }
            Operation::SetLastPost { last_post } => {
                self.execute(Statement::SetLastPost, [last_post])
            }
            Operation::KeepRetentionClock { time } => {
                self.execute(Statement::KeepRetentionClock, [time.0])
            }
            Operation::Look { block } => self.look(block),
        }
    }

    fn insert_key(&mut self, row: &KeyRow) -> rusqlite::Result<()> {
        let KeyRow { number, fingerprint: Fingerprint { key, content }, first, used, account } =
            *row;
        let (key, content) = (key.cast_signed(), content.cast_signed());
        self.execute(Statement::InsertKey, params![number, account.0, key, content, first, used.0])
    }

    fn put_ban(&mut self, row: BanRow, call: u32) -> rusqlite::Result<()> {
        let BanRow { number, since, until } = row;
        let until = until.map(|until| until.0);
        let row = params![number, self.group.banned(call), since.0, until];
        self.execute(Statement::PutBan, row)
    }

    /// Changes what there is of channels beside their posts.
    fn change_channel(&mut self, operation: Operation) -> rusqlite::Result<()> {
        let group = self.group;
        match operation {
            Operation::InsertChannel { channel, call, place } => {
                let row = params![channel.0, group.channel(call, place)];
                self.execute(Statement::InsertChannel, row)
            }
            Operation::NameChannel { channel, call, place } => {
                self.execute(Statement::NameChannel, params![channel.0, group.channel(call, place)])
            }
            Operation::EvictChannel { channel } => {
                self.execute(Statement::NameChannel, params![channel.0, record::EVICTED])
            }
            Operation::SetCreator { channel, creator } => {
                self.execute(Statement::SetCreator, [channel.0, creator.0])
            }
            Operation::SetKey { channel, call } => {
                let key = group.channel_key(call).map(|key| &key.as_bytes()[..]);
                self.execute(Statement::SetKey, params![channel.0, key])
            }
            Operation::InsertInvitation { number, channel, account } => {
                self.execute(Statement::InsertInvitation, params![number, channel.0, account.0])
            }
            Operation::DeleteInvitation { number } => {
                self.execute(Statement::DeleteInvitation, [number])
            }
            operation => unreachable!("{operation:?} changes no channel"),
        }
    }

    fn execute(&mut self, statement: Statement, row: impl Params) -> rusqlite::Result<()> {
        self.statements.get(statement)?.execute(row).map(drop)
    }

    /// Reads a message; returns how many bytes its text has.
    fn read_message(&mut self, sequence: u64) -> rusqlite::Result<Option<usize>> {
        let accounts = self.group.accounts;
        let message = self.read("message", Statement::ReadMessage, sequence, |row| {
            let message = record::message(row)?;
            if !is_known(message.sender, accounts) {
                return Err("its sender is not an account".to_owned());
            }
            Ok(message)
        })?;
        let bytes = message.as_ref().map(|message| message.text.as_str().len());
        self.found.messages.extend(message);
        Ok(bytes)
    }

    /// Reads as many of the messages as a page holds.
    fn read_messages(&mut self, numbers: Numbers) -> rusqlite::Result<()> {
        let (mut sequences, mut bytes) = (Vec::new(), 0);
        for &sequence in self.group.operations.numbers(numbers) {
            if bytes >= PAGE_BYTES {
                break;
            }
            if let Some(read) = self.read_message(sequence)? {
                bytes += read;
                sequences.push(sequence);
            }
        }
        self.found.peeked.push(sequences);
        Ok(())
    }

    /// Reads a post; returns how many bytes its text has.
    fn read_post(&mut self, number: u64) -> rusqlite::Result<Option<usize>> {
        let accounts = self.group.accounts;
        let post = self.read("post", Statement::ReadPost, number, |row| {
            let post = record::post(row)?;
            if post.author.is_some_and(|author| !is_known(author, accounts)) {
                return Err("its author is not an account".to_owned());
            }
            Ok(post)
        })?;
        let bytes = post.as_ref().map(|post| post.content.text_bytes());
        self.found.posts.extend(post);
        Ok(bytes)
    }

    /// Reads as many of the posts as a page holds.
    fn read_page(&mut self, numbers: Numbers) -> rusqlite::Result<()> {
        let mut page = FoundPage { posts: 0, next: None };
        let mut bytes = 0;
        for &number in self.group.operations.numbers(numbers) {
            if page.posts == PAGE_ENTRIES_MAX || bytes >= PAGE_BYTES {
                page.next = Some(Position(number));
                break;
            }
            if let Some(read) = self.read_post(number)? {
                bytes += read;
                page.posts += 1;
            }
        }
        self.found.pages.push(page);
        Ok(())
    }

    /// Reads a record; `None` where it is damaged, which is then noted.
    ///
    /// SQLite ends a transaction when the disk cannot read; only then this fails.
    fn read<T>(
        &mut self,
        table: &'static str,
        select: Statement,
        key: u64,
        record: impl FnOnce(&Row<'_>) -> Read<T>,
    ) -> rusqlite::Result<Option<T>> {
        let read = self.statements.get(select)?.query_row([key], |row| Ok(record(row)));
        let what = match read {
            Ok(Ok(sound)) => return Ok(Some(sound)),
            Ok(Err(what)) => what,
            Err(rusqlite::Error::QueryReturnedNoRows) => "its row is missing".to_owned(),
            Err(error) if is_unreadable(&error) => {
                self.note(table, damage::key(key), unreadable(&error));
                return if self.connection.is_autocommit() { Err(error) } else { Ok(None) };
            }
            Err(error) => return Err(error),
        };
        self.note(table, damage::key(key), what);
        Ok(None)
    }

    /// Erases the text in all rows of a post by this author, which have numbers in a run.
    fn erase_post(&mut self, id: u64, author: AccountId) -> rusqlite::Result<()> {
        let mut erased = Vec::new();
        let mut read = || {
            let last = id.saturating_add(HASHTAGS_MAX as u64);
            let mut rows = self.statements.get(Statement::RowsOfPost)?.query(params![id, last])?;
            while let Some(row) = rows.next()? {
                if record::author(row, 0) == Ok(Some(Sender::Account(author))) {
                    let is_deleted = row.get_ref(3)? != ValueRef::Null;
                    let channel = record::number(row, 1, "channel").ok().map(ChannelId);
                    erased.push(ErasedRow { number: row.get(2)?, channel, is_deleted });
                }
            }
            Ok(())
        };
        match read() {
            Err(error) if is_unreadable(&error) => {
                self.note("post", damage::key(id), unreadable(&error));
                return if self.connection.is_autocommit() { Err(error) } else { Ok(()) };
            }
            read => read?,
        }
        for row in erased.iter().filter(|row| !row.is_deleted) {
            self.execute(Statement::EraseText, [row.number])?;
        }
        self.found.erased.push(erased);
        Ok(())
    }

    /// Reads when the records of a block were stored. One that cannot be read hides none of
    /// the others; if the block cannot, nothing was found.
    fn look(&mut self, block: Block) -> rusqlite::Result<()> {
        let select = match block.kind() {
            Kind::Message => Statement::MessageAges,
            Kind::Post => Statement::PostAges,
            Kind::Kept => Statement::KeptAges,
        };
        let aged = &mut self.found.aged;
        let mut read = || {
            let mut rows = self
                .statements
                .get(select)?
                .query(params![block.numbers().0, block.numbers().1])?;
            while let Some(row) = rows.next()? {
                aged.extend(record::aged(row));
            }
            Ok(())
        };
        match read() {
            Err(error) if is_unreadable(&error) => {
                self.found.aged.clear();
                self.found.look_failed = Some(error.to_string());
                if self.connection.is_autocommit() { Err(error) } else { Ok(()) }
            }
            read => read,
        }
    }

    fn begin_sweep(&mut self, last_sequence: u64, removals: u32) -> rusqlite::Result<()> {
        // Sequence numbers must not be given out again although the row with
        // the highest be gone, or a removal would hit another message.
        self.execute(Statement::SetLastSequence, [last_sequence])?;
        let last = self.statements.get(Statement::LastRemoval)?;
        let last: i64 = last.query_row([], |row| row.get(0))?;
        self.found.sweeps_through = Some(last - i64::from(removals));
        Ok(())
    }

    /// Deletes rows, or changes each of them.
    fn delete(
        &mut self,
        table: &'static str,
        delete: Statement,
        numbers: Numbers,
    ) -> rusqlite::Result<()> {
        for &number in self.group.operations.numbers(numbers) {
            let deleted = self.execute(delete, [number]);
            self.noting_unreadable(table, damage::key(number), deleted)?;
        }
        Ok(())
    }

    /// Deletes messages that nobody has any more, and notes in the rows of the others who has
    /// them still.
    fn change_messages(&mut self, change: MessageChange, numbers: Numbers) -> rusqlite::Result<()> {
        let (first, otherwise) = match change {
            MessageChange::Delete => (Statement::DeleteMessage, Statement::LeaveToSender),
            MessageChange::Keep => {
                return self.delete("message", Statement::KeepMessage, numbers);
            }
            MessageChange::GiveUpReceived => {
                (Statement::GiveUpReceived, Statement::LeaveReadToSender)
            }
            MessageChange::GiveUpSent => (Statement::GiveUpSent, Statement::LeaveToRecipient),
        };
        for &sequence in self.group.operations.numbers(numbers) {
            let mut change = || match self.statements.get(first)?.execute([sequence])? {
                0 => self.statements.get(otherwise)?.execute([sequence]).map(drop),
                _ => Ok(()),
            };
            let changed = change();
            self.noting_unreadable("message", damage::key(sequence), changed)?;
        }
        Ok(())
    }

    fn noting_unreadable(
        &mut self,
        table: &'static str,
        key: i64,
        changed: rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        changed.inspect_err(|error| {
            if is_unreadable(error) {
                self.note(table, key, unreadable(error));
            }
        })
    }

    fn note(&mut self, table: &'static str, key: i64, what: String) {
        self.found.damaged.push(Damaged { table, key, what });
    }
}

/// Whether a record is of someone: of an account, there must be one of its number.
fn is_known(sender: Sender, accounts: u32) -> bool {
    sender.account().is_none_or(|account| account.0 < accounts)
}
