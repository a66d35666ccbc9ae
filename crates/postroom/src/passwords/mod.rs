//! The password file: one `username password` a line.
//!
//! It is read at start, and later on a thread of the server, which requests a read at
//! each login. An unchanged file is not read again.

mod lines;

use std::fs::{self, File, Metadata, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use postroom_model::Name;
use postroom_office::{FilePasswords, PasswordRead, PasswordTables, PasswordsRead};
use postroom_server::{PasswordSource, Passwords};
use thiserror::Error;

use lines::{Lines, Mistake, parse};

/// Maximum bytes of a password file.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// The permission bits that let users other than the owner read a file.
const READABLE_BY_OTHERS: u32 = 0o044;

/// Maximum reads of a file that keeps changing; together they take less than the wait
/// of a login.
const TRIES_MAX: u32 = 10;

/// A file that changed more recently than this may be half written: programs truncate a
/// file and then write it. It is examined again after this time.
const QUIET_FOR: Duration = Duration::from_millis(50);

/// A file that changed more recently than this may change again without a new time
/// stamp: some file systems have a resolution of two seconds.
const STAMP_STEP: Duration = Duration::from_secs(3);

/// A password file and its content at the last read.
#[derive(Debug)]
pub(crate) struct PasswordFile {
    path: PathBuf,
    last: Option<Seen>,
    tables: PasswordTables,
    hasher: RandomState,
    /// The error already logged, until a read succeeds.
    complaint: Option<String>,
    is_readable_by_others: bool,
}

/// The version of the file that was read.
#[derive(Debug)]
struct Seen {
    stamp: Stamp,
    /// A further change would have another stamp.
    is_final: bool,
    content_hash: u64,
}

/// The metadata that distinguishes two versions of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Stamp {
    device: u64,
    inode: u64,
    links: u64,
    bytes: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
}

/// The password file cannot be read.
#[derive(Debug, Error)]
#[error("cannot read the password file {}: {cause}", path.display())]
pub(crate) struct PasswordFileError {
    path: PathBuf,
    cause: io::Error,
}

/// Reads the password file at `path` for the first time; `None` if the path is empty.
pub(crate) fn open(path: &Path) -> Result<Option<Passwords>, PasswordFileError> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let mut file = PasswordFile::new(path);
    let content = file.look()?.unwrap_or_default();
    let first = file.take_over(&content);
    Ok(Some(Passwords { first, source: Box::new(file) }))
}

/// Whether the file at `path` has a password for this name.
pub(crate) fn names(path: &Path, name: &Name) -> Result<bool, PasswordFileError> {
    let content = PasswordFile::new(path).look()?.unwrap_or_default();
    Ok(parse(&content).passwords.iter().any(|(named, _)| named == name))
}

impl PasswordSource for PasswordFile {
    fn read(&mut self, PasswordRead { is_asked }: PasswordRead) -> PasswordsRead {
        // The office has the previous reading.
        self.tables.free_replaced();
        match self.look() {
            Ok(Some(content)) => {
                self.complaint = None;
                PasswordsRead::Changed(self.take_over(&content))
            }
            Ok(None) => {
                if self.complaint.take().is_some() || is_asked {
                    tracing::info!(file = %self.path.display(), "password file unchanged");
                }
                PasswordsRead::Unchanged
            }
            Err(error) => {
                let complaint = error.to_string();
                if is_asked || self.complaint.as_ref() != Some(&complaint) {
                    tracing::error!("{complaint}; the passwords read before still count");
                }
                self.complaint = Some(complaint);
                PasswordsRead::Unreadable
            }
        }
    }
}

impl PasswordFile {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            last: None,
            tables: PasswordTables::default(),
            hasher: RandomState::new(),
            complaint: None,
            is_readable_by_others: false,
        }
    }

    /// The content of the file, unless it is unchanged.
    fn look(&mut self) -> Result<Option<Vec<u8>>, PasswordFileError> {
        self.look_at_file().map_err(|cause| PasswordFileError { path: self.path.clone(), cause })
    }

    fn look_at_file(&mut self) -> io::Result<Option<Vec<u8>>> {
        for _ in 0..TRIES_MAX {
            let (file, stamp) = self.open_file()?;
            if self.last.as_ref().is_some_and(|last| last.is_final && last.stamp == stamp) {
                return Ok(None);
            }
            let now = SystemTime::now();
            let content = read_bounded(&file)?;
            if !stamp.is_older_than(QUIET_FOR, now) {
                thread::sleep(QUIET_FOR);
            }
            // The metadata of the file that was read: if another file has replaced it,
            // the next read gets that.
            if stamp.has_content_of(Stamp::of(&file.metadata()?)) {
                return Ok(self.compare(stamp, now, content));
            }
        }
        Err(io::Error::other("it changed each time while it was read"))
    }

    fn open_file(&mut self) -> io::Result<(File, Stamp)> {
        check_kind(&fs::metadata(&self.path)?)?;
        // Without O_NONBLOCK the open would block if a FIFO has replaced the file
        // meanwhile.
        let mut options = OpenOptions::new();
        let file = options.read(true).custom_flags(libc::O_NONBLOCK).open(&self.path)?;
        let metadata = file.metadata()?;
        check_kind(&metadata)?;
        self.check_mode(metadata.mode());
        Ok((file, Stamp::of(&metadata)))
    }

    fn check_mode(&mut self, mode: u32) {
        let is_readable_by_others = mode & READABLE_BY_OTHERS != 0;
        if is_readable_by_others && !self.is_readable_by_others {
            tracing::warn!(
                file = %self.path.display(),
                "others may read the password file; chmod 600 keeps it to its owner"
            );
        }
        self.is_readable_by_others = is_readable_by_others;
    }

    /// Stores the version that was read; returns its content if it is new.
    fn compare(&mut self, stamp: Stamp, now: SystemTime, content: Vec<u8>) -> Option<Vec<u8>> {
        let content_hash = self.hasher.hash_one(&content);
        let is_final = stamp.is_older_than(STAMP_STEP, now);
        let last = self.last.replace(Seen { stamp, is_final, content_hash });
        last.is_none_or(|last| last.content_hash != content_hash).then_some(content)
    }

    fn take_over(&mut self, content: &[u8]) -> FilePasswords {
        let file = self.path.display();
        let Lines { passwords, without, mistakes } = parse(content);
        for Mistake { line, what } in mistakes.first {
            tracing::warn!(%file, line, "{what}");
        }
        if mistakes.more > 0 {
            tracing::warn!(%file, lines = mistakes.more, "more lines are left out");
        }
        let accounts = passwords.len();
        let made_ready = self.tables.next(passwords, &without);
        tracing::info!(%file, accounts, "password file read");
        made_ready
    }
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            links: metadata.nlink(),
            bytes: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether the file was not written since. Replacing a file removes a link to it,
    /// which changes its ctime but not its content.
    fn has_content_of(self, later: Self) -> bool {
        let changed = if self.links == later.links { later.changed } else { self.changed };
        self == Self { links: self.links, changed, ..later }
    }

    /// Whether the last change of the file is at least `age` ago. A file with times in
    /// the future is never old.
    fn is_older_than(&self, age: Duration, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (seconds, nanoseconds) = self.modified.max(self.changed);
        let since = Duration::new(
            u64::try_from(seconds).unwrap_or(0),
            u32::try_from(nanoseconds).unwrap_or(0),
        );
        now.checked_sub(since).is_some_and(|since| since >= age)
    }
}

/// Refuses kinds of files whose read may block or never end.
fn check_kind(metadata: &Metadata) -> io::Result<()> {
    let kind = metadata.file_type();
    let found = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a named pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    };
    Err(io::Error::other(format!("it is {found}; give the path of a regular file")))
}

fn read_bounded(file: &File) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut content)?;
    if content.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it has more than 64 MiB"));
    }
    Ok(content)
}
