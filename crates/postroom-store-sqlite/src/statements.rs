//! The statements of a transaction.

use rusqlite::{CachedStatement, Connection};

/// One of the statements that operations run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Statement {
    InsertAccount,
    RenameAccount,
    SetPassword,
    RemovePassword,
    ReserveName,
    DeleteAccount,
    InsertStranger,
    InsertBlock,
    DeleteBlock,
    PutBan,
    DeleteBan,
    InsertMessage,
    ReadMessage,
    InsertRemoval,
    InsertChannel,
    NameChannel,
    SetCreator,
    SetKey,
    InsertInvitation,
    DeleteInvitation,
    InsertPost,
    ReadPost,
    SetLastSequence,
    SetLastPost,
    KeepRetentionClock,
    LastRemoval,
    DeleteMessage,
    LeaveToSender,
    KeepMessage,
    GiveUpReceived,
    LeaveReadToSender,
    GiveUpSent,
    LeaveToRecipient,
    DeleteRemovals,
    DeletePost,
    InsertKey,
    DeleteKey,
    MessageAges,
    PostAges,
    KeptAges,
    RowsOfPost,
    EraseText,
}

impl Statement {
    const COUNT: usize = Self::EraseText as usize + 1;

    const ALL: [Self; Self::COUNT] = [
        Self::InsertAccount,
        Self::RenameAccount,
        Self::SetPassword,
        Self::RemovePassword,
        Self::ReserveName,
        Self::DeleteAccount,
        Self::InsertStranger,
        Self::InsertBlock,
        Self::DeleteBlock,
        Self::PutBan,
        Self::DeleteBan,
        Self::InsertMessage,
        Self::ReadMessage,
        Self::InsertRemoval,
        Self::InsertChannel,
        Self::NameChannel,
        Self::SetCreator,
        Self::SetKey,
        Self::InsertInvitation,
        Self::DeleteInvitation,
        Self::InsertPost,
        Self::ReadPost,
        Self::SetLastSequence,
        Self::SetLastPost,
        Self::KeepRetentionClock,
        Self::LastRemoval,
        Self::DeleteMessage,
        Self::LeaveToSender,
        Self::KeepMessage,
        Self::GiveUpReceived,
        Self::LeaveReadToSender,
        Self::GiveUpSent,
        Self::LeaveToRecipient,
        Self::DeleteRemovals,
        Self::DeletePost,
        Self::InsertKey,
        Self::DeleteKey,
        Self::MessageAges,
        Self::PostAges,
        Self::KeptAges,
        Self::RowsOfPost,
        Self::EraseText,
    ];

    fn sql(self) -> &'static str {
        match self {
            Self::InsertAccount => "INSERT INTO account VALUES (?1, ?2, NULL, NULL)",
            Self::RenameAccount => "UPDATE account SET name = ?2, deleted = NULL WHERE id = ?1",
            Self::SetPassword => "UPDATE account SET password = ?2 WHERE id = ?1",
            Self::RemovePassword => "UPDATE account SET password = NULL WHERE id = ?1",
            Self::ReserveName => {
                "INSERT INTO account SELECT ?1, name, NULL, 'reserved' FROM account WHERE id = ?2"
            }
            Self::DeleteAccount => "UPDATE account SET password = NULL, deleted = ?2 WHERE id = ?1",
            Self::InsertStranger => "INSERT INTO account VALUES (?1, ?2, NULL, 'released')",
            Self::InsertBlock => "INSERT INTO block VALUES (?1, ?2, ?3)",
            Self::DeleteBlock => "DELETE FROM block WHERE number = ?1",
            Self::PutBan => "INSERT OR REPLACE INTO ban VALUES (?1, ?2, ?3, ?4)",
            Self::DeleteBan => "DELETE FROM ban WHERE number = ?1",
            Self::InsertMessage => "INSERT INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            Self::ReadMessage => "SELECT sender, text, stored_ms FROM message WHERE sequence = ?1",
            Self::InsertRemoval => "INSERT INTO removal VALUES (NULL, ?1, ?2)",
            Self::InsertChannel => "INSERT INTO channel VALUES (?1, ?2, NULL, NULL)",
            Self::NameChannel => {
                "UPDATE channel SET name = ?2, creator = NULL, key = NULL WHERE id = ?1"
            }
            Self::SetCreator => "UPDATE channel SET creator = ?2 WHERE id = ?1",
            Self::SetKey => "UPDATE channel SET key = ?2 WHERE id = ?1",
            Self::InsertInvitation => "INSERT INTO invitation VALUES (?1, ?2, ?3)",
            Self::DeleteInvitation => "DELETE FROM invitation WHERE number = ?1",
            Self::InsertPost => "INSERT INTO post VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL)",
            Self::ReadPost => {
                "SELECT author, text, stored_ms, first, number, deleted FROM post \
                 WHERE number = ?1"
            }
            Self::SetLastSequence => "INSERT OR REPLACE INTO counter VALUES ('last_sequence', ?1)",
            Self::SetLastPost => "INSERT OR REPLACE INTO counter VALUES ('last_post', ?1)",
            Self::KeepRetentionClock => {
                "INSERT OR REPLACE INTO counter VALUES ('retention_ms', ?1)"
            }
            Self::LastRemoval => "SELECT coalesce(max(position), 0) FROM removal",
            // What the numbers are, `Keepers` says.
            Self::DeleteMessage => "DELETE FROM message WHERE sequence = ?1 AND kept IS NULL",
            Self::LeaveToSender => "UPDATE message SET kept = 4 WHERE sequence = ?1 AND kept = 2",
            Self::KeepMessage => {
                "UPDATE message SET kept = iif(kept IS NULL, 1, 3) \
                 WHERE sequence = ?1 AND coalesce(kept, 2) = 2"
            }
            Self::GiveUpReceived => {
                "DELETE FROM message WHERE sequence = ?1 AND coalesce(kept, 1) = 1"
            }
            Self::LeaveReadToSender => {
                "UPDATE message SET kept = 4 WHERE sequence = ?1 AND kept IN (2, 3)"
            }
            Self::GiveUpSent => "DELETE FROM message WHERE sequence = ?1 AND kept = 4",
            Self::LeaveToRecipient => {
                "UPDATE message SET kept = iif(kept = 2, NULL, 1) \
                 WHERE sequence = ?1 AND kept IN (2, 3)"
            }
            Self::DeleteRemovals => "DELETE FROM removal WHERE position <= ?1",
            Self::DeletePost => "DELETE FROM post WHERE number = ?1",
            Self::InsertKey => "INSERT INTO once VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            Self::DeleteKey => "DELETE FROM once WHERE number = ?1",
            Self::MessageAges => {
                "SELECT recipient, stored_ms, sequence FROM message \
                 WHERE sequence BETWEEN ?1 AND ?2"
            }
            Self::PostAges => {
                "SELECT channel, stored_ms, number FROM post WHERE number BETWEEN ?1 AND ?2"
            }
            Self::KeptAges => {
                "SELECT recipient, stored_ms, sequence FROM message \
                 WHERE sequence BETWEEN ?1 AND ?2 \
                 UNION ALL \
                 SELECT sender, stored_ms, sequence FROM message \
                 WHERE sequence BETWEEN ?1 AND ?2 AND sender >= 0"
            }
            Self::RowsOfPost => {
                "SELECT author, channel, number, deleted FROM post \
                 WHERE number BETWEEN ?1 AND ?2 AND coalesce(first, number) = ?1"
            }
            Self::EraseText => "UPDATE post SET text = '', deleted = 1 WHERE number = ?1",
        }
    }
}

/// The statements that a transaction has used so far. Each is looked up once,
/// however many operations run it.
pub(crate) struct Statements<'c> {
    connection: &'c Connection,
    prepared: [Option<CachedStatement<'c>>; Statement::COUNT],
}

impl<'c> Statements<'c> {
    pub(crate) fn new(connection: &'c Connection) -> Self {
        Self { connection, prepared: [const { None }; Statement::COUNT] }
    }

    /// Fails where SQLite does not understand a statement: the tables have other columns.
    pub(crate) fn check(connection: &Connection) -> rusqlite::Result<()> {
        Statement::ALL.iter().try_for_each(|of| connection.prepare(of.sql()).map(drop))
    }

    pub(crate) fn get(
        &mut self,
        statement: Statement,
    ) -> rusqlite::Result<&mut CachedStatement<'c>> {
        let prepared = &mut self.prepared[statement as usize];
        match prepared {
            Some(prepared) => Ok(prepared),
            None => Ok(prepared.insert(self.connection.prepare_cached(statement.sql())?)),
        }
    }
}
