//! The store, as operators read it: beside the event loop of this process, or in a folder.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use postroom_office::password;
use postroom_store_sqlite::{Check, Checked, Finding, OpenError, Place};
use postroom_web::{Archive, CheckLine, Counts, ReadFailure, Reading};

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
}

fn unreadable(error: &OpenError) -> ReadFailure {
    ReadFailure::Store(error.to_string())
}

/// Reads a page, and then, beside a server, waits for as long as that took: so the log of
/// the server can begin anew at least half of the time, and at most half of a processor is
/// used.
fn paced<T>(is_beside_server: bool, read: impl FnOnce() -> T) -> T {
    const PAUSE_MIN: Duration = Duration::from_millis(1);
    let begun = Instant::now();
    let page = read();
    if is_beside_server {
        thread::sleep(begun.elapsed().max(PAUSE_MIN));
    }
    page
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
        let read = paced(check.is_beside_server(), || check.page(tell));
        let checked = read.map_err(|error| unreadable(&error))?;
        lines.extend(checked.map(|checked| CheckLine::End(counts(checked))));
        Ok(checked.is_none())
    }
}

fn counts(checked: Checked) -> Counts {
    let Checked { accounts, messages, removals, channels, posts, blocks, bans, structure } =
        checked;
    Counts { accounts, messages, removals, channels, posts, blocks, bans, structure }
}
