//! The tables, and how older files are brought to them.

use postroom_model::{Fault, faulty};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::error::OpenError;
use crate::platform::Platform;
use crate::statements::Statements;

/// Bytes of the log that stay its own when it begins anew: what a burst, or another
/// program's read transaction, made it grow beyond goes back to the disk.
pub(crate) const LOG_BYTES_KEPT: u32 = 16 << 20;

/// Marks a file as a store of Postroom: the ASCII letters `Post`.
pub(crate) const APPLICATION_ID: i32 = 0x506f_7374;

/// One step a version: step `n` makes version `n + 1` of version `n`. A step
/// that was released is never changed.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE account (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        password TEXT
    ) STRICT;

    -- A log: rows are only appended, and deleted long after they were read.
    CREATE TABLE message (
        sequence INTEGER PRIMARY KEY,
        recipient INTEGER NOT NULL,
        sender INTEGER NOT NULL,
        stored_ms INTEGER NOT NULL,
        text TEXT NOT NULL
    ) STRICT;

    -- What was read and confirmed, until its message row is swept out.
    CREATE TABLE removal (
        position INTEGER PRIMARY KEY,
        message INTEGER NOT NULL
    ) STRICT;

    -- 'last_sequence': no later message has a lower one, though its row be gone.
    CREATE TABLE counter (
        name TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE VIEW unread AS
        SELECT message.sequence, recipient.name AS recipient, sender.name AS sender,
               datetime(message.stored_ms / 1000, 'unixepoch') AS stored, message.text
        FROM message
        JOIN account AS recipient ON recipient.id = message.recipient
        JOIN account AS sender ON sender.id = message.sender
        WHERE message.sequence NOT IN (SELECT message FROM removal);
",
    "
    CREATE TABLE channel (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL
    ) STRICT;

    -- A row for each channel that a post was said in. Rows are only appended, and
    -- deleted once their channel keeps later ones instead. No author: the board.
    CREATE TABLE post (
        number INTEGER PRIMARY KEY,
        channel INTEGER NOT NULL,
        author INTEGER,
        stored_ms INTEGER NOT NULL,
        text TEXT NOT NULL
    ) STRICT;

    CREATE VIEW said AS
        SELECT post.number, channel.name AS channel, coalesce(account.name, '@board') AS author,
               datetime(post.stored_ms / 1000, 'unixepoch') AS stored, post.text
        FROM post
        JOIN channel ON channel.id = post.channel
        LEFT JOIN account ON account.id = post.author;
",
    "
    -- A channel that was evicted has an empty name. Its number is that of another channel
    -- once its posts are deleted.
    DROP VIEW said;
    CREATE VIEW said AS
        SELECT post.number, channel.name AS channel, coalesce(account.name, '@board') AS author,
               datetime(post.stored_ms / 1000, 'unixepoch') AS stored, post.text
        FROM post
        JOIN channel ON channel.id = post.channel AND channel.name <> ''
        LEFT JOIN account ON account.id = post.author;
",
    "
    -- Whose messages an account refuses. The sender need not be an account.
    CREATE TABLE block (
        number INTEGER PRIMARY KEY,
        account INTEGER NOT NULL,
        sender TEXT NOT NULL
    ) STRICT;
",
    "
    -- Of an account that was deleted: 'reserved' while nobody may register its name, then
    -- 'released'. Its row stays as long as messages and posts name it.
    ALTER TABLE account ADD COLUMN deleted TEXT;
",
    "
    -- Who is banned: a name, or a prefix of addresses, which has a slash. No end: until the
    -- ban is lifted. One that has ended is deleted later.
    CREATE TABLE ban (
        number INTEGER PRIMARY KEY,
        subject TEXT NOT NULL,
        since_ms INTEGER NOT NULL,
        until_ms INTEGER
    ) STRICT;
",
    "
    -- The number of a post's first row, in the rows of its other channels: its id in all of
    -- them. Its rows have consecutive numbers. A row that has none is the first, or was
    -- added before this column.
    ALTER TABLE post ADD COLUMN first INTEGER;

    -- In 'counter', 'last_post': no later post has a lower number, though its row be gone.
",
    "
    -- A sender or an author of -1: clients of HTTP that had not logged in, all as one.
    DROP VIEW unread;
    CREATE VIEW unread AS
        SELECT message.sequence, recipient.name AS recipient,
               iif(message.sender = -1, '@web', sender.name) AS sender,
               datetime(message.stored_ms / 1000, 'unixepoch') AS stored, message.text
        FROM message
        JOIN account AS recipient ON recipient.id = message.recipient
        LEFT JOIN account AS sender ON sender.id = message.sender
        WHERE message.sequence NOT IN (SELECT message FROM removal)
          AND (message.sender = -1 OR sender.id IS NOT NULL);

    DROP VIEW said;
    CREATE VIEW said AS
        SELECT post.number, channel.name AS channel,
               coalesce(account.name, iif(post.author = -1, '@web', '@board')) AS author,
               datetime(post.stored_ms / 1000, 'unixepoch') AS stored, post.text
        FROM post
        JOIN channel ON channel.id = post.channel AND channel.name <> ''
        LEFT JOIN account ON account.id = post.author;
",
    "
    -- Set where the author of the post has deleted it. Its text is gone, and its row is the
    -- mark that stays.
    ALTER TABLE post ADD COLUMN deleted INTEGER;
",
    "
    -- The keys by which accounts may repeat their requests, for 24 hours: fingerprints of the key
    -- and of what was asked for, and the number of the post, or of the first message, that was
    -- stored for it.
    CREATE TABLE once (
        number INTEGER PRIMARY KEY,
        account INTEGER NOT NULL,
        key INTEGER NOT NULL,
        content INTEGER NOT NULL,
        first INTEGER NOT NULL,
        used_ms INTEGER NOT NULL
    ) STRICT;
",
    "
    -- Who has made a private channel. None: it is public.
    ALTER TABLE channel ADD COLUMN creator INTEGER;

    -- The hash of its key, if it has one.
    ALTER TABLE channel ADD COLUMN key BLOB;

    -- Who may enter a private channel beside its creator.
    CREATE TABLE invitation (
        number INTEGER PRIMARY KEY,
        channel INTEGER NOT NULL,
        account INTEGER NOT NULL
    ) STRICT;
",
    "
    -- Who keeps a message beside the mailbox in which it is unread. None: nobody. 1: its
    -- recipient, who has read it; 2: its sender, while it is unread; 3: its recipient, who has
    -- read it, and its sender; 4: its sender, and its recipient has it no longer.
    ALTER TABLE message ADD COLUMN kept INTEGER;

    -- Set where the recipient keeps what it has read, until that is noted in the message.
    ALTER TABLE removal ADD COLUMN kept INTEGER;

    DROP VIEW unread;
    CREATE VIEW unread AS
        SELECT message.sequence, recipient.name AS recipient,
               iif(message.sender = -1, '@web', sender.name) AS sender,
               datetime(message.stored_ms / 1000, 'unixepoch') AS stored, message.text
        FROM message
        JOIN account AS recipient ON recipient.id = message.recipient
        LEFT JOIN account AS sender ON sender.id = message.sender
        WHERE message.sequence NOT IN (SELECT message FROM removal)
          AND coalesce(message.kept, 2) = 2
          AND (message.sender = -1 OR sender.id IS NOT NULL);
",
];

/// The tables that each version has beside those of the one before.
const TABLES: &[&[&str]] = &[
    &["account", "message", "removal", "counter"],
    &["channel", "post"],
    &[],
    &["block"],
    &[],
    &["ban"],
    &[],
    &[],
    &[],
    &["once"],
    &["invitation"],
    &[],
];

/// Opens the file as a log that syncs each commit.
pub(crate) fn connect(platform: &Platform, path: &Path) -> Result<Connection, OpenError> {
    let open = || -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = platform.connect(path, flags)?;
        // Someone may be looking at the file with sqlite3 or backing it up.
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        let synchronous = if faulty(Fault::SyncForgotten) { "OFF" } else { "FULL" };
        connection.pragma_update(None, "synchronous", synchronous)?;
        // Checkpoints are this crate's own business, see `checkpoint`.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)?;
        connection.pragma_update(None, "cache_size", -16_384)?;
        Ok(connection)
    };
    open().map_err(|cause| OpenError::database(path, cause))
}

/// Brings the file to the present version, each step in a transaction.
pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let database = |cause| OpenError::database(path, cause);
    loop {
        let transaction = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(database)?;
        let version = version(&transaction, path)?;
        let Some(step) = usize::try_from(version).ok().and_then(|step| MIGRATIONS.get(step)) else {
            return Ok(());
        };
        // A view of the name that a table is to have, for example.
        transaction.execute_batch(step).map_err(|cause| refused_statement(path, version, cause))?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(database)?;
        transaction.pragma_update(None, "user_version", version + 1).map_err(database)?;
        transaction.commit().map_err(database)?;
    }
}

/// Refuses a file whose tables have other columns than those of the present version.
pub(crate) fn check_statements(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    Statements::check(connection).map_err(|cause| OpenError::database(path, cause))
}

/// Where SQLite does not understand a statement, the tables are not what they
/// should be.
fn refused_statement(path: &Path, version: i32, cause: rusqlite::Error) -> OpenError {
    match cause.sqlite_error_code() {
        Some(ErrorCode::Unknown) => OpenError::Tables { path: path.to_path_buf(), version },
        _ => OpenError::database(path, cause),
    }
}

/// The version of the file, whose tables are those of that version: 0 where it is
/// empty.
pub(crate) fn version(connection: &Connection, path: &Path) -> Result<i32, OpenError> {
    let read = || -> rusqlite::Result<(i32, i32, u32)> {
        Ok((
            connection.pragma_query_value(None, "application_id", |row| row.get(0))?,
            connection.pragma_query_value(None, "user_version", |row| row.get(0))?,
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?,
        ))
    };
    let known = i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX);
    let path = path.to_path_buf();
    match read().map_err(|cause| OpenError::database(&path, cause))? {
        (0, 0, 0) => Ok(0),
        (APPLICATION_ID, version, _) if version > known => {
            Err(OpenError::Newer { path, version, known })
        }
        (APPLICATION_ID, version, _) if version < 1 || !has_tables(connection, version) => {
            Err(OpenError::Tables { path, version })
        }
        (APPLICATION_ID, version, _) => Ok(version),
        _ => Err(OpenError::Foreign { path }),
    }
}

/// Whether the file has the tables of this version, and none of later ones; and no trigger,
/// by which a backup from elsewhere would change more than the server does.
fn has_tables(connection: &Connection, version: i32) -> bool {
    let triggers = "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'";
    if connection.query_row(triggers, [], |row| row.get(0)) != Ok(0) {
        return false;
    }
    let has = |name: &str| {
        let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
        connection.query_row(sql, [name], |row| row.get(0)).unwrap_or(false)
    };
    (1..)
        .zip(TABLES)
        .all(|(since, tables)| tables.iter().all(|name| has(name) == (since <= version)))
}
