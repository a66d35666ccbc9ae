//! Reading everything in a store without changing anything, a page at a time.
//!
//! While a server runs, each page is read at another moment. So a record is called damaged
//! only for what one moment shows: accounts and channels are never deleted from their
//! tables, so that what names one is compared with the table of that moment; and two records
//! of one name are read again together.

mod ids;
mod names;
mod rules;

use std::cell::RefCell;
use std::fmt;
use std::path::Path;

use postroom_store::{Damaged, PasswordHash};
use rusqlite::Connection;

use crate::damage::{is_unreadable, unreadable};
use crate::error::OpenError;
use crate::reader::{Pace, PageLimit, Place, Reader};
use crate::scan;
use names::{Suspects, doubles};
use rules::{Rules, Subject};

/// Something in a store that is not as it should be.
#[derive(Debug)]
pub enum Finding {
    /// A record cannot be read.
    Record(Damaged),
    /// The file's structure is damaged, in SQLite's words.
    Structure(String),
}

/// A line for people and scripts: the table, the key, and what is wrong.
impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(damaged) => damaged.fmt(formatter),
            Self::Structure(what) => write!(formatter, "file: {what}"),
        }
    }
}

/// What a check has read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checked {
    /// Accounts.
    pub accounts: u64,
    /// Messages, those that were read and not yet swept out included.
    pub messages: u64,
    /// Removals of messages.
    pub removals: u64,
    /// Channels.
    pub channels: u64,
    /// Posts, one for each of their channels.
    pub posts: u64,
    /// Senders whom accounts have blocked.
    pub blocks: u64,
    /// Bans, those that have ended and are not yet deleted included.
    pub bans: u64,
    /// Keys by which requests are repeated, those that have ended and are not yet deleted
    /// included.
    pub keys: u64,
    /// Invitations to private channels.
    pub invitations: u64,
    /// Whether the structure of the file was read, too. That takes one long look,
    /// which would keep the log of a running server from beginning anew.
    pub structure: bool,
}

/// A check that is under way.
pub struct Check {
    reader: Reader,
    rules: Rules,
    stage: Stage,
    checked: Checked,
    /// Rows of a page.
    pub(crate) page_rows: usize,
}

/// What comes next.
enum Stage {
    /// The structure of the file.
    Structure,
    /// A table, from a key on.
    Table(Subject, i64),
    /// Records of this table that may have the same name.
    Names(Subject, Suspects),
    End,
}

/// Reads everything in the store of a folder, and tells what is damaged.
///
/// `is_hash` knows what a password hash looks like. Works while a server runs, and neither
/// changes nor creates anything.
pub fn check(
    folder: &Path,
    is_hash: impl Fn(&PasswordHash) -> bool + Send + 'static,
    mut tell: impl FnMut(Finding),
) -> Result<Checked, OpenError> {
    let mut check = Check::open(Place::Folder(folder), is_hash)?;
    loop {
        if let Some(checked) = check.page(&mut tell)? {
            return Ok(checked);
        }
    }
}

impl Check {
    /// Begins a check. `is_hash` knows what a password hash looks like.
    pub fn open(
        place: Place<'_>,
        is_hash: impl Fn(&PasswordHash) -> bool + Send + 'static,
    ) -> Result<Self, OpenError> {
        let reader = Reader::open(place)?;
        let structure = !reader.is_beside_server();
        let rules = Rules::new(reader.version(), is_hash);
        let checked = Checked { structure, ..Checked::default() };
        let stage =
            if structure { Stage::Structure } else { Stage::Table(Subject::FIRST, i64::MIN) };
        Ok(Self { reader, rules, stage, checked, page_rows: PageLimit::ROWS })
    }

    /// What to heed between two pages.
    #[must_use]
    pub fn pace(&self) -> Pace {
        self.reader.pace()
    }

    /// Reads a page in one read transaction, and tells what is damaged in it; returns what
    /// was read once that is everything.
    pub fn page(&mut self, mut tell: impl FnMut(Finding)) -> Result<Option<Checked>, OpenError> {
        self.stage = match std::mem::replace(&mut self.stage, Stage::End) {
            Stage::Structure => {
                let found = self.reader.read(structure)?;
                found.into_iter().map(Finding::Structure).for_each(tell);
                Stage::Table(Subject::FIRST, i64::MIN)
            }
            Stage::Table(subject, from) => match self.table(subject, from, &mut tell)? {
                Some(next) => Stage::Table(subject, next),
                None => match self.rules.suspects(subject) {
                    Some(suspects) => Stage::Names(subject, suspects),
                    None => self.behind(subject),
                },
            },
            Stage::Names(subject, mut suspects) => {
                if self.names(subject, &mut suspects, &mut tell)? {
                    self.behind(subject)
                } else {
                    Stage::Names(subject, suspects)
                }
            }
            Stage::End => Stage::End,
        };
        Ok(matches!(self.stage, Stage::End).then_some(self.checked))
    }

    /// The table of the next page.
    #[cfg(test)]
    pub(crate) fn next_table(&self) -> Option<&'static str> {
        match self.stage {
            Stage::Table(subject, _) => Some(subject.table(self.reader.version()).name),
            Stage::Structure | Stage::Names(..) | Stage::End => None,
        }
    }

    /// What comes behind a table.
    fn behind(&mut self, subject: Subject) -> Stage {
        *subject.count(&mut self.checked) = self.rules.take_count();
        match subject.next(self.reader.version()) {
            Some(next) => Stage::Table(next, i64::MIN),
            None => Stage::End,
        }
    }

    /// Reads a page of a table; returns where the next one begins.
    fn table(
        &mut self,
        subject: Subject,
        from: i64,
        tell: &mut impl FnMut(Finding),
    ) -> Result<Option<i64>, OpenError> {
        /// More than the words of a finding have.
        const FINDING_BYTES: usize = 128;
        let Self { reader, rules, page_rows, .. } = self;
        let table = subject.table(reader.version());
        let mut found = Vec::new();
        let limit = RefCell::new(PageLimit::begin(*page_rows));
        let next = reader.read(|connection| {
            let is_full = |rows| limit.borrow().is_reached(rows);
            let read = scan::page(connection, table, from, is_full, |key, row| {
                if let Err(what) = rules.row(connection, subject, key, row) {
                    limit.borrow_mut().tell(FINDING_BYTES);
                    found.push(Finding::Record(Damaged { table: table.name, key, what }));
                }
            });
            match read {
                Err(error) if is_unreadable(&error) => {
                    let what =
                        format!("the end of the table {} cannot be read: {error}", table.name);
                    found.push(Finding::Structure(what));
                    Ok(None)
                }
                read => read,
            }
        });
        found.into_iter().for_each(tell);
        next
    }

    /// Looks at suspects, each group at one moment; returns whether none is left.
    fn names(
        &mut self,
        subject: Subject,
        suspects: &mut Suspects,
        tell: &mut impl FnMut(Finding),
    ) -> Result<bool, OpenError> {
        let table = subject.table(self.reader.version()).name;
        let limit = PageLimit::begin(self.page_rows);
        let mut rows = 0;
        while !limit.is_reached(rows) {
            let Some(ids) = suspects.next() else {
                return Ok(true);
            };
            rows += ids.len();
            let named = self.reader.read(|connection| {
                let version = self.reader.version();
                let name = |id: u32| Some((id, rules::name(connection, subject, version, id)?));
                Ok(ids.into_iter().filter_map(name).collect::<Vec<_>>())
            })?;
            for (id, first) in doubles(named) {
                if self.rules.is_double(id) {
                    let what = format!("its name is that of {table} {first}");
                    tell(Finding::Record(Damaged { table, key: i64::from(id), what }));
                }
            }
        }
        Ok(false)
    }
}

/// What is wrong with the structure of the file.
fn structure(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    const FINDINGS_MAX: u32 = 1_000;
    let read = || -> rusqlite::Result<Vec<String>> {
        let mut select = connection.prepare(&format!("PRAGMA integrity_check({FINDINGS_MAX})"))?;
        select.query_map([], |row| row.get(0))?.collect()
    };
    match read() {
        Ok(lines) => Ok(lines
            .iter()
            .flat_map(|lines| lines.lines())
            .filter(|line| *line != "ok" && !line.starts_with("***"))
            .map(str::to_owned)
            .collect()),
        Err(error) if is_unreadable(&error) => Ok(vec![unreadable(&error)]),
        Err(error) => Err(error),
    }
}
