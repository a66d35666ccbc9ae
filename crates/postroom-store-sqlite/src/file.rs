//! The files of a store before SQLite opens them: whose they are, whether they
//! are whole, and that nobody else can read them.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::error::OpenError;

/// What the files of a store may be used for, and by whom.
const OWNER_ALONE: u32 = 0o600;

/// The file of a store within its data folder.
pub(crate) fn database(folder: &Path) -> PathBuf {
    folder.join("postroom.db")
}

/// A file that SQLite keeps beside the table file: `-wal`, `-shm` or `-journal`.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Refuses the database of another program, by the header of its file: nothing of
/// it is changed, and SQLite has not opened it. One in the midst of being made has no mark
/// yet; that of one whose log has its first page may be there alone.
pub(crate) fn refuse_foreign(database: &Path, application_id: i32) -> Result<(), OpenError> {
    let path = || database.to_path_buf();
    let header = match File::open(database).and_then(header) {
        Ok(header) if header.len() == HEADER_BYTES => header,
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(OpenError::Read { path: path(), cause: error });
        }
        _ => return Ok(()),
    };
    let (mark, version, schema) = (number(&header, 68), number(&header, 60), number(&header, 40));
    let is_ours = mark == application_id.cast_unsigned() || (mark, version, schema) == (0, 0, 0);
    if is_ours || log_has_mark(&beside(database, "-wal"), application_id) {
        return Ok(());
    }
    Err(OpenError::Foreign { path: path() })
}

/// Creates the table file if there is none, and makes all files of the store
/// private; SQLite gives those it creates the mode of the table file.
///
/// To be called before SQLite opens the file: closing any descriptor of it gives
/// up all locks that this process has on it.
pub(crate) fn prepare(database: &Path) -> Result<(), OpenError> {
    match inspect(database) {
        // The power was cut while the store was made: SQLite undoes what is there.
        Err(OpenError::Truncated { .. }) if has_journal(database) => {}
        inspected => inspected?,
    }
    open_private(OpenOptions::new().write(true), database)?;
    for path in ["-wal", "-shm", "-journal"].map(|suffix| beside(database, suffix)) {
        let private = |cause| OpenError::Private { path: path.clone(), cause };
        if let Some(file) = open_own(OpenOptions::new().read(true), &path, private)? {
            make_private(&file).map_err(private)?;
        }
    }
    Ok(())
}

/// Opens a file of the store, creating it for its owner alone, whatever the umask.
pub(crate) fn open_private(options: &mut OpenOptions, path: &Path) -> Result<File, OpenError> {
    let refused = |cause| OpenError::Folder { path: path.to_path_buf(), cause };
    let options = options.create(true).truncate(false).mode(OWNER_ALONE);
    let file = open_own(options, path, refused)?
        .ok_or_else(|| refused(io::Error::from(ErrorKind::NotFound)))?;
    make_private(&file).map_err(refused)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        give_to_owner(&file, folder).map_err(refused)?;
    }
    Ok(file)
}

/// Opens a file if it is there, and the store's own.
///
/// Whoever owns the folder may have put a link to a file of somebody else there, for an
/// operator to change as root. So links are not followed, and a file with other names
/// (hard links) is refused. All else is done to the open file, never by its path.
fn open_own(
    options: &mut OpenOptions,
    path: &Path,
    refused: impl Fn(io::Error) -> OpenError,
) -> Result<Option<File>, OpenError> {
    let linked = || OpenError::Linked { path: path.to_path_buf() };
    // A pipe there must not be waited for.
    match options.custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK)).open(path) {
        Ok(file) if is_own(&file).map_err(&refused)? => Ok(Some(file)),
        Ok(_) => Err(linked()),
        Err(error) if is_link(&error) => Err(linked()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(refused(error)),
    }
}

fn is_own(file: &File) -> io::Result<bool> {
    let metadata = file.metadata()?;
    Ok(metadata.is_file() && metadata.nlink() <= 1)
}

/// Opens a folder within the data folder, and no link to one elsewhere.
pub(crate) fn open_folder(path: &Path) -> io::Result<File> {
    let flags = flags(OFlags::NOFOLLOW | OFlags::DIRECTORY);
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Opens a folder, or a file in it, to lock it for a reader. A pipe there is not waited for.
pub(crate) fn open_to_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(flags(OFlags::NONBLOCK)).open(path)
}

fn flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}

/// Whether a file was not opened because it is a link, or a pipe or socket without a reader.
fn is_link(error: &io::Error) -> bool {
    [Errno::LOOP, Errno::NXIO].map(Errno::raw_os_error).map(Some).contains(&error.raw_os_error())
}

/// Gives a file or a folder of root to the owner of the folder that it is in, as SQLite does
/// with its own files: what an operator does as root must not shut out the user of the
/// server. A file with other names stays root's.
pub(crate) fn give_to_owner(file: &File, folder: &Path) -> io::Result<()> {
    let (metadata, folder) = (file.metadata()?, fs::metadata(folder)?);
    let is_alone = metadata.is_dir() || (metadata.is_file() && metadata.nlink() <= 1);
    if is_alone && metadata.uid() == 0 && folder.uid() != 0 {
        fchown(file, Some(folder.uid()), Some(folder.gid()))?;
    }
    Ok(())
}

fn make_private(file: &File) -> io::Result<()> {
    if file.metadata()?.permissions().mode() & 0o777 != OWNER_ALONE {
        file.set_permissions(Permissions::from_mode(OWNER_ALONE))?;
    }
    Ok(())
}

/// Sees whether the table file can be that of a store, and is all there. SQLite
/// would throw away the log beside an empty one, and fill a shortened one up with
/// nothing.
pub(crate) fn inspect(database: &Path) -> Result<(), OpenError> {
    let path = || database.to_path_buf();
    let read = || -> io::Result<_> {
        let log_bytes = bytes(&beside(database, "-wal"))?;
        match File::open(database) {
            Ok(file) => Ok((file.metadata()?.len(), log_bytes, header(file)?)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok((0, log_bytes, Vec::new())),
            Err(error) => Err(error),
        }
    };
    let (found, log_bytes, header) =
        read().map_err(|cause| OpenError::Read { path: path(), cause })?;
    if found == 0 {
        return if log_bytes == 0 {
            Ok(())
        } else {
            Err(OpenError::EmptyBesideLog { path: path() })
        };
    }
    if !MAGIC.starts_with(&header[..header.len().min(MAGIC.len())]) {
        return Err(OpenError::Foreign { path: path() });
    }
    let truncated = |expected| Err(OpenError::Truncated { path: path(), found, expected });
    let Some(Header { page_bytes, pages }) = Header::parse(&header) else {
        return truncated(HEADER_BYTES as u64);
    };
    let present = found / page_bytes;
    if present >= pages || log_holds(&beside(database, "-wal"), present + 1, pages) {
        return Ok(());
    }
    truncated(pages.saturating_mul(page_bytes))
}

/// Whether a rollback journal is beside the table file. SQLite keeps one until there is a
/// log (sqlite.org/fileformat2.html, 3).
fn has_journal(database: &Path) -> bool {
    const MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    let journal = File::open(beside(database, "-journal")).and_then(header);
    journal.is_ok_and(|header| header.starts_with(&MAGIC))
}

/// The length of a file: 0 where there is none.
pub(crate) fn bytes(path: &Path) -> io::Result<u64> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.len()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// The beginning of an SQLite file (sqlite.org/fileformat2.html, 1.3).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const HEADER_BYTES: usize = 100;

fn header(file: File) -> io::Result<Vec<u8>> {
    let mut header = Vec::new();
    file.take(HEADER_BYTES as u64).read_to_end(&mut header)?;
    Ok(header)
}

/// How long an SQLite file says that it is.
struct Header {
    page_bytes: u64,
    pages: u64,
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER_BYTES] = bytes.try_into().ok()?;
        // 1 stands for the one size that two bytes cannot hold.
        let page_bytes = match u16::from_be_bytes([bytes[16], bytes[17]]) {
            1 => 65_536,
            size => u64::from(size.max(512)),
        };
        Some(Self { page_bytes, pages: u64::from(number(bytes, 28)) })
    }
}

/// Whether the log holds all of these pages: a checkpoint that was broken off
/// leaves a table file behind that is shorter than it says, and the rest in the log
/// (sqlite.org/fileformat2.html, 4.1).
fn log_holds(log: &Path, first: u64, last: u64) -> bool {
    let pages: HashSet<u64> = frames(log).into_iter().map(|frame| frame.page).collect();
    (first..=last).all(|page| pages.contains(&page))
}

/// Whether the log holds a first page with this mark: a checkpoint that was broken off may
/// have written that page to the table file in part.
fn log_has_mark(log: &Path, application_id: i32) -> bool {
    let is_marked = |frame: &Frame| -> io::Result<bool> {
        let mut file = File::open(log)?;
        file.seek(SeekFrom::Start(frame.content))?;
        let header = header(file)?;
        Ok(header.len() == HEADER_BYTES && number(&header, 68) == application_id.cast_unsigned())
    };
    frames(log)
        .iter()
        .filter(|frame| frame.page == 1)
        .any(|frame| is_marked(frame).unwrap_or(false))
}

/// A page in the log.
struct Frame {
    page: u64,
    /// Where the content of the page begins.
    content: u64,
}

/// The pages in the log, as far as it can be read; none where there is no log.
fn frames(log: &Path) -> Vec<Frame> {
    const LOG_HEADER: usize = 32;
    const FRAME_HEADER: usize = 24;
    let mut frames = Vec::new();
    let mut read = || -> io::Result<()> {
        let mut file = BufReader::with_capacity(FRAME_HEADER, File::open(log)?);
        let mut header = [0; LOG_HEADER];
        file.read_exact(&mut header)?;
        let mut frame = [0; FRAME_HEADER];
        loop {
            file.read_exact(&mut frame)?;
            if frame[8..16] != header[16..24] {
                return Ok(());
            }
            let content = file.stream_position()?;
            frames.push(Frame { page: u64::from(number(&frame, 0)), content });
            file.seek(SeekFrom::Current(i64::from(number(&header, 8))))?;
        }
    };
    // What cannot be read is not there.
    let _ = read();
    frames
}

/// The big-endian number at a place.
fn number(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}
