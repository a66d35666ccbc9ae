//! The store, as operators read it: beside the event loop of this process, or in a folder.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use postroom_model::Name;
use postroom_office::password;
use postroom_store::{History, HistoryFailure};
use postroom_store_sqlite::{
    Check, Checked, Export, ExportError, Exported, Finding, HistorySource, OpenError, Pace, Place,
};
use postroom_web::{
    AdminClient, Archive, CheckLine, ClientError, Counts, EXPORT_VERSION, ExportCounts, ExportLine,
    ReadFailure, Reading, Time,
};
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::desk::now;

/// The store of a folder.
#[derive(Clone, Debug)]
pub(crate) struct StoreArchive {
    folder: PathBuf,
    is_own_servers: bool,
}

impl StoreArchive {
    /// That of the server of this process.
    pub(crate) fn of_own_server(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf(), is_own_servers: true }
    }

    /// That of a folder, where another process may be the server.
    pub(crate) fn of_folder(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf(), is_own_servers: false }
    }

    fn place(&self) -> Place<'_> {
        if self.is_own_servers {
            Place::OwnServer(&self.folder)
        } else {
            Place::Folder(&self.folder)
        }
    }
}

impl Archive for StoreArchive {
    fn check(&self) -> Result<Box<dyn Reading<CheckLine>>, ReadFailure> {
        let check = Check::open(self.place(), password::is_well_formed)
            .map_err(|error| unreadable(&error))?;
        Ok(Box::new(Checking(check)))
    }

    fn export(&self, name: &Name) -> Result<Box<dyn Reading<ExportLine>>, ReadFailure> {
        let export = Export::open(self.place(), name).map_err(|error| unreadable(&error))?;
        let counts = ExportCounts::default();
        Ok(Box::new(Exporting { export, name: name.clone(), begun: now().into(), counts }))
    }
}

/// Opens readers of the history of channels of this process's server.
pub(crate) struct Histories(pub(crate) HistorySource);

impl postroom_web::HistorySource for Histories {
    fn open(&self) -> Result<Box<dyn History + Send>, HistoryFailure> {
        let opened = self.0.open().map_err(|error| HistoryFailure { cause: error.into() });
        Ok(Box::new(opened?))
    }
}

/// Passes what an archive tells to `take`, until that breaks it off: through the server that
/// runs in a folder, or from its store.
pub(crate) fn lines<L: DeserializeOwned>(
    data: &Path,
    path: &str,
    begin: impl FnOnce(&StoreArchive) -> Result<Box<dyn Reading<L>>, ReadFailure>,
    mut take: impl FnMut(L) -> ControlFlow<()>,
) -> Result<(), LinesError> {
    if let Some(mut server) = AdminClient::connect(data)? {
        return Ok(server.lines(path, take)?);
    }
    let mut reading = begin(&StoreArchive::of_folder(data))?;
    let (mut lines, mut has_more) = (Vec::new(), true);
    while has_more {
        has_more = reading.page(&mut lines)?;
        for line in lines.drain(..) {
            if take(line).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Why an archive does not tell everything.
#[derive(Debug, Error)]
pub(crate) enum LinesError {
    #[error(transparent)]
    Read(#[from] ReadFailure),
    #[error(transparent)]
    Server(#[from] ClientError),
}

fn unreadable(error: &OpenError) -> ReadFailure {
    ReadFailure::Store(error.to_string())
}

/// Reads a page, beside a server at a pace that lets its log begin anew: it waits first while
/// the log is long, and then for as long as the page took, so that pages take at most half
/// of the time, and of a processor.
fn paced<T>(pace: &Pace, read: impl FnOnce() -> T) -> T {
    const PAUSE_MIN: Duration = Duration::from_millis(1);
    const LOOK: Duration = Duration::from_millis(5);
    /// The log may be long for another reason.
    const WAIT_MAX: Duration = Duration::from_millis(500);
    if !pace.is_beside_server() {
        return read();
    }
    let waits_since = Instant::now();
    while pace.is_log_long() && waits_since.elapsed() < WAIT_MAX {
        thread::sleep(LOOK);
    }
    let begun = Instant::now();
    let told = read();
    thread::sleep(begun.elapsed().max(PAUSE_MIN));
    told
}

struct Checking(Check);

impl Reading<CheckLine> for Checking {
    fn page(&mut self, lines: &mut Vec<CheckLine>) -> Result<bool, ReadFailure> {
        let Self(check) = self;
        let tell = |finding: Finding| {
            lines.push(match finding {
                Finding::Record(damaged) => CheckLine::Record {
                    table: damaged.table.to_owned(),
                    key: damaged.key,
                    what: damaged.what,
                },
                Finding::Structure(what) => CheckLine::File { what },
            });
        };
        let read = paced(&check.pace(), || check.page(tell));
        let checked = read.map_err(|error| unreadable(&error))?;
        lines.extend(checked.map(|checked| CheckLine::End(counts(checked))));
        Ok(checked.is_none())
    }
}

fn counts(checked: Checked) -> Counts {
    let Checked { accounts, messages, removals, channels, posts, .. } = checked;
    // Nobody but its own account has any use of a key by which a request is repeated.
    let Checked { blocks, bans, keys: _, invitations, structure, .. } = checked;
    Counts { accounts, messages, removals, channels, posts, blocks, bans, invitations, structure }
}

struct Exporting {
    export: Export,
    name: Name,
    begun: Time,
    counts: ExportCounts,
}

impl Reading<ExportLine> for Exporting {
    fn page(&mut self, lines: &mut Vec<ExportLine>) -> Result<bool, ReadFailure> {
        let Self { export, name, begun, counts } = self;
        let tell = |exported| lines.extend(export_line(exported, *begun, counts));
        let read = paced(&export.pace(), || export.page(tell));
        let has_more = read.map_err(|error| match error {
            ExportError::NoSuchAccount => ReadFailure::NoSuchAccount(name.clone()),
            ExportError::Gone => ReadFailure::Gone(name.clone()),
            ExportError::Open(error) => unreadable(&error),
        })?;
        if !has_more {
            lines.push(ExportLine::End(*counts));
        }
        Ok(has_more)
    }
}

/// The line of what is exported; none where it is damaged.
fn export_line(exported: Exported, begun: Time, counts: &mut ExportCounts) -> Option<ExportLine> {
    let (line, count) = match exported {
        Exported::Account { name, has_password } => {
            let (version, account) = (EXPORT_VERSION, name.to_string());
            return Some(ExportLine::Account { version, account, has_password, time: begun });
        }
        Exported::Block { sender } => {
            (ExportLine::Block { sender: sender.to_string() }, &mut counts.blocks)
        }
        Exported::Message { sender, stored, text } => {
            let (sender, text) = (sender.to_string(), text.as_str().to_owned());
            (ExportLine::Message { sender, time: stored.into(), text }, &mut counts.messages)
        }
        Exported::Read { sender, stored, text } => {
            let (sender, text) = (sender.to_string(), text.as_str().to_owned());
            (ExportLine::Read { sender, time: stored.into(), text }, &mut counts.read)
        }
        Exported::Sent { recipient, stored, text } => {
            let (recipient, text) = (recipient.to_string(), text.as_str().to_owned());
            (ExportLine::Sent { recipient, time: stored.into(), text }, &mut counts.sent)
        }
        Exported::Post { channel, stored, text } => {
            let (channel, text) = (channel.to_string(), text.as_str().to_owned());
            (ExportLine::Post { channel, time: stored.into(), text }, &mut counts.posts)
        }
        Exported::Damaged => {
            counts.damaged += 1;
            return None;
        }
    };
    *count += 1;
    Some(line)
}
