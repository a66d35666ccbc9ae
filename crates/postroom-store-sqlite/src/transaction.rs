//! One group of calls as one transaction.

use postroom_model::{Batch, CommittedBatch, Name, Text, Unknown};
use postroom_store::{
    AccountId, Call, Key, Lease, Limits, Outcome, PasswordHash, Presence, Timestamp,
};
use rusqlite::{Connection, params};

use crate::channels::ChannelId;
use crate::damage;
use crate::index::{Index, Undo};
use crate::post::PostRow;
use crate::record::{self, Read};
use crate::sweep::{Step, Sweep};

/// What a group may write: less once the disk has no room for all of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Allowed {
    Everything,
    /// Removals, new accounts and the sweep, from the reserve.
    NoMessages,
    /// Removals and new accounts.
    NoSweep,
    /// Nothing: the disk has not even room for a removal.
    Nothing,
}

impl Allowed {
    pub(crate) fn less(self) -> Self {
        match self {
            Self::Everything => Self::NoMessages,
            Self::NoMessages => Self::NoSweep,
            Self::NoSweep | Self::Nothing => Self::Nothing,
        }
    }
}

/// A group under way. Its changes of the index are undone unless it commits.
#[derive(Debug)]
pub(crate) struct Transaction<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) index: &'a mut Index,
    pub(crate) limits: Limits,
    pub(crate) now: Timestamp,
    pub(crate) allowed: Allowed,
    pub(crate) undo: Vec<Undo>,
    /// Messages that are in the index and not yet in the table.
    rows: Vec<Row<'a>>,
    removed: Vec<u64>,
    /// Posts that are in the index and not yet in the table.
    pub(crate) posts: Vec<PostRow<'a>>,
    /// The channels posted in.
    pub(crate) posted: Vec<ChannelId>,
}

/// A message to be written.
#[derive(Debug)]
struct Row<'a> {
    sequence: u64,
    recipient: AccountId,
    sender: AccountId,
    text: &'a Text,
}

/// What was cleaned up beside the calls.
#[derive(Debug, Default)]
struct Swept {
    step: Option<Step>,
    /// Posts deleted.
    trimmed: usize,
}

impl<'a> Transaction<'a> {
    pub(crate) fn begin(
        connection: &'a Connection,
        index: &'a mut Index,
        limits: Limits,
        now: Timestamp,
        allowed: Allowed,
    ) -> rusqlite::Result<Self> {
        // Deferred: a group that only reads takes no lock and syncs nothing.
        execute(connection, "BEGIN")?;
        Ok(Self {
            connection,
            index,
            limits,
            now,
            allowed,
            undo: Vec::new(),
            rows: Vec::new(),
            removed: Vec::new(),
            posts: Vec::new(),
            posted: Vec::new(),
        })
    }

    /// Runs the calls and, if it may, a step of the sweep, and commits them.
    ///
    /// Where it fails, nothing of the group is left, in memory or on disk.
    pub(crate) fn run<'o>(
        mut self,
        calls: impl Iterator<Item = &'a Call> + Clone,
        sweep: &mut Sweep,
        outcomes: &'o mut Batch<Outcome>,
    ) -> rusqlite::Result<CommittedBatch<'o, Outcome>> {
        let connection = self.connection;
        let done = self.run_calls(calls, outcomes).and_then(|()| self.sweep(sweep));
        let committed = done.and_then(|swept| {
            let receipts = outcomes.commit(|| execute(connection, "COMMIT"))?;
            Ok((receipts, swept))
        });
        match committed {
            Ok((receipts, Swept { step, trimmed })) => {
                sweep.committed(step, &self.removed);
                self.index.channels.deleted(trimmed);
                for channel in self.posted {
                    self.index.channels.trim(channel, self.limits.channel_posts);
                }
                Ok(receipts)
            }
            Err(error) => {
                self.index.undo(self.undo.into_iter());
                if !connection.is_autocommit() {
                    execute(connection, "ROLLBACK")?;
                }
                Err(error)
            }
        }
    }

    fn run_calls(
        &mut self,
        calls: impl Iterator<Item = &'a Call> + Clone,
        outcomes: &mut Batch<Outcome>,
    ) -> rusqlite::Result<()> {
        outcomes.clear();
        let known = self.find_recipients(calls.clone());
        for (call, known) in calls.zip(known) {
            outcomes.push(self.call(call, known)?);
        }
        self.write_rows()?;
        self.write_posts()
    }

    /// Looks all recipients up at once: most of that is waiting for memory, and
    /// the processor waits for several at the same time if nothing else is done
    /// in between.
    fn find_recipients(&self, calls: impl Iterator<Item = &'a Call>) -> Vec<Option<AccountId>> {
        calls
            .map(|call| match call {
                Call::Compose { recipient, .. } => self.index.find(recipient),
                _ => None,
            })
            .collect()
    }

    /// Writes the messages appended so far, one statement for all.
    fn write_rows(&mut self) -> rusqlite::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut insert =
            self.connection.prepare_cached("INSERT INTO message VALUES (?1, ?2, ?3, ?4, ?5)")?;
        for Row { sequence, recipient, sender, text } in self.rows.drain(..) {
            insert.execute(params![sequence, recipient.0, sender.0, self.now.0, text.as_str()])?;
        }
        Ok(())
    }

    fn sweep(&mut self, sweep: &Sweep) -> rusqlite::Result<Swept> {
        match self.allowed {
            Allowed::Everything | Allowed::NoMessages => {
                let last_sequence = self.index.last_sequence();
                let (removals, damages) = (self.removed.len(), &mut self.index.damages);
                let step = sweep.step(self.connection, removals, last_sequence, damages)?;
                Ok(Swept { step, trimmed: self.trim()? })
            }
            Allowed::NoSweep | Allowed::Nothing => Ok(Swept::default()),
        }
    }

    fn call(&mut self, call: &'a Call, known: Option<AccountId>) -> rusqlite::Result<Outcome> {
        match call {
            Call::Open { name, key, admits_strangers } => self.open(name, key, *admits_strangers),
            Call::Claim { account, alone } => Ok(self.claim(*account, *alone)),
            Call::Release { presence } => Ok(self.release(presence)),
            Call::ListPresent => Ok(Outcome::Present(self.index.present())),
            Call::CountUnread { account } => {
                Ok(Outcome::Unread(self.index.account(*account).mailbox.unread()))
            }
            Call::Post { author, post } => self.post(*author, post),
            Call::Latest { channel } => self.latest(channel),
            Call::Timeline { channel, from } => self.timeline(channel, *from),
            Call::Compose { sender, recipient, text, unknown } => {
                // Perhaps registered by this very group.
                let known = known.or_else(|| self.index.find(recipient));
                if known.is_none() && *unknown == Unknown::Refuse {
                    return Ok(Outcome::UnknownRecipient);
                }
                self.append(*sender, recipient, known, text)
            }
            Call::Read { account } => self.lease(*account),
            Call::Confirm { leases } => self.confirm(leases),
            Call::Return { leases } => Ok(self.give_back(leases)),
            Call::SetPassword { name, password } => self.set_password(name, password),
            Call::ListAccounts => Ok(Outcome::Accounts(self.index.summaries())),
        }
    }

    fn open(
        &mut self,
        name: &Name,
        key: &Key,
        admits_strangers: bool,
    ) -> rusqlite::Result<Outcome> {
        if !admits_strangers && *key != Key::Trusted {
            let known = self.index.find(name);
            let locked = known.is_some_and(|id| self.index.account(id).password.is_some());
            if !locked {
                return Ok(Outcome::NotAdmitted);
            }
        }
        let (account, registered) = match self.find_or_register(name)? {
            Ok(found) => found,
            Err(refusal) => return Ok(refusal),
        };
        let found = self.index.account(account);
        if let Some(password) = &found.password
            && !key.fits(password)
        {
            return Ok(Outcome::Locked { password: password.clone() });
        }
        let (name, unread) = (found.name.clone(), found.mailbox.unread());
        Ok(Outcome::Opened { account, name, registered, unread })
    }

    fn claim(&mut self, account: AccountId, alone: bool) -> Outcome {
        let presences = &mut self.index.presences;
        if alone && presences.is_present(account) {
            return Outcome::PresentAlready;
        }
        presences.claim(account);
        self.undo.push(Undo::Claim(account));
        Outcome::Claimed { presence: Presence::new(account), active: presences.active() }
    }

    fn release(&mut self, presence: &Presence) -> Outcome {
        let account = presence.account();
        let presences = &mut self.index.presences;
        let arrival = presences.release(account);
        self.undo.push(Undo::Release(account, arrival));
        let (remains, active) = (presences.is_present(account), presences.active());
        Outcome::Released { name: self.index.account(account).name.clone(), remains, active }
    }

    fn append(
        &mut self,
        sender: AccountId,
        recipient: &Name,
        known: Option<AccountId>,
        text: &'a Text,
    ) -> rusqlite::Result<Outcome> {
        if self.allowed != Allowed::Everything {
            return Ok(Outcome::DiskFull);
        }
        let (account, registered) = match known {
            Some(account) => (account, false),
            None => match self.find_or_register(recipient)? {
                Ok(found) => found,
                Err(refusal) => return Ok(refusal),
            },
        };
        let capacity = self.limits.mailbox_capacity;
        let found = self.index.account_mut(account);
        if found.mailbox.unread() >= capacity {
            return Ok(Outcome::MailboxFull { recipient: found.name.clone(), capacity });
        }
        let name = found.name.clone();
        let sequence = self.index.next_sequence();
        self.index.account_mut(account).mailbox.append(sequence);
        self.rows.push(Row { sequence, recipient: account, sender, text });
        self.undo.push(Undo::Append(account));
        Ok(Outcome::Composed { recipient: account, name, registered })
    }

    fn lease(&mut self, account: AccountId) -> rusqlite::Result<Outcome> {
        while let Some(sequence) = self.index.account(account).mailbox.earliest() {
            // The message may be of this very group.
            self.write_rows()?;
            let message = self.message(sequence)?;
            let mailbox = &mut self.index.account_mut(account).mailbox;
            let Some((sender, text)) = message else {
                mailbox.set_aside(sequence);
                self.undo.push(Undo::SetAside(account, sequence));
                continue;
            };
            mailbox.lease();
            let remaining = mailbox.waiting();
            self.undo.push(Undo::Lease(account, sequence));
            let lease = Lease::new(account, sequence);
            return Ok(Outcome::Read { lease, sender, text, remaining });
        }
        Ok(Outcome::NothingUnread)
    }

    /// The sender and the text of a message; `None` where it is damaged.
    fn message(&mut self, sequence: u64) -> rusqlite::Result<Option<(Name, Text)>> {
        let connection = self.connection;
        self.sound("message", damage::key(sequence), |index| {
            let mut select = connection
                .prepare_cached("SELECT sender, text FROM message WHERE sequence = ?1")?;
            let sender = |(sender, text)| {
                let sender = index.get(sender).ok_or("its sender is not an account")?;
                Ok((sender.name.clone(), text))
            };
            select.query_row([sequence], |row| Ok(record::message(row).and_then(sender)))
        })
    }

    /// Reads a record; `None` where it is damaged, which is then noted.
    ///
    /// SQLite takes a group back when the disk cannot read; the error then means
    /// that the group must be run again, without this record.
    pub(crate) fn sound<T>(
        &mut self,
        table: &'static str,
        key: i64,
        read: impl FnOnce(&Index) -> rusqlite::Result<Read<T>>,
    ) -> rusqlite::Result<Option<T>> {
        if self.index.damages.contains(table, key) {
            return Ok(None);
        }
        let what = match read(self.index) {
            Ok(Ok(sound)) => return Ok(Some(sound)),
            Ok(Err(what)) => what,
            Err(rusqlite::Error::QueryReturnedNoRows) => "its row is missing".to_owned(),
            Err(error) if damage::is_unreadable(&error) => {
                self.index.damages.note(table, key, damage::unreadable(&error));
                return if self.connection.is_autocommit() { Err(error) } else { Ok(None) };
            }
            Err(error) => return Err(error),
        };
        self.index.damages.note(table, key, what);
        Ok(None)
    }

    fn confirm(&mut self, leases: &[Lease]) -> rusqlite::Result<Outcome> {
        if self.allowed == Allowed::Nothing {
            return Ok(self.give_back(leases));
        }
        let mut insert = self.connection.prepare_cached("INSERT INTO removal VALUES (NULL, ?1)")?;
        for lease in leases {
            insert.execute([lease.sequence()])?;
            self.index.account_mut(lease.account()).mailbox.confirm();
            self.undo.push(Undo::Confirm(lease.account()));
            self.removed.push(lease.sequence());
        }
        Ok(Outcome::Confirmed)
    }

    fn give_back(&mut self, leases: &[Lease]) -> Outcome {
        for lease in leases {
            let (account, sequence) = (lease.account(), lease.sequence());
            self.index.account_mut(account).mailbox.give_back(sequence);
            self.undo.push(Undo::GiveBack(account, sequence));
        }
        Outcome::Returned { account: leases.first().map(Lease::account) }
    }

    fn set_password(&mut self, name: &Name, password: &PasswordHash) -> rusqlite::Result<Outcome> {
        if self.allowed == Allowed::Nothing {
            return Ok(Outcome::DiskFull);
        }
        let (id, registered) = match self.find_or_register(name)? {
            Ok(found) => found,
            Err(refusal) => return Ok(refusal),
        };
        self.connection
            .prepare_cached("UPDATE account SET password = ?2 WHERE id = ?1")?
            .execute(params![id.0, &*password.0])?;
        let account = self.index.account_mut(id);
        let earlier = account.password.replace(password.clone());
        self.undo.push(Undo::SetPassword(id, earlier));
        Ok(Outcome::PasswordSet { registered })
    }

    /// The account of a name and whether this call registered it, or why it
    /// could not.
    fn find_or_register(
        &mut self,
        name: &Name,
    ) -> rusqlite::Result<Result<(AccountId, bool), Outcome>> {
        if let Some(account) = self.index.find(name) {
            return Ok(Ok((account, false)));
        }
        if self.allowed == Allowed::Nothing {
            return Ok(Err(Outcome::DiskFull));
        }
        if self.index.len() >= self.limits.accounts_max {
            return Ok(Err(Outcome::TooManyAccounts));
        }
        self.index.skip_reserved();
        let account = self.index.register(name.clone());
        self.undo.push(Undo::Register);
        self.connection
            .prepare_cached("INSERT INTO account VALUES (?1, ?2, NULL)")?
            .execute(params![account.0, name.as_str()])?;
        Ok(Ok((account, true)))
    }
}

fn execute(connection: &Connection, statement: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute([]).map(drop)
}
