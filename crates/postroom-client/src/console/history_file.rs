//! The history of a client between its runs: a file with a line for each line typed, for
//! its owner alone.
//!
//! Several clients may share it. Each adds whole lines at its end, and opens it anew for
//! each, since another may have replaced it by a shorter one.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::PathBuf;

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::LINE_BYTES_MAX;

/// The modes of the file and of its folder.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// Lines that are read: the latest.
pub(super) const LINES_MAX: usize = 1_000;

/// Bytes that are read: the last.
pub(super) const BYTES_MAX: usize = 1 << 20;

/// A file with more than so many times the lines or the bytes is replaced by what is read.
const SPARE: usize = 2;

/// A file of lines.
#[derive(Debug)]
pub(crate) struct HistoryFile {
    path: PathBuf,
}

impl HistoryFile {
    /// The file at `path`, which need not exist.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The latest lines, as far as a terminal may be shown them.
    pub(super) fn load(&self) -> io::Result<Vec<String>> {
        if let Some(folder) = self.path.parent() {
            DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
        }
        self.read(&self.open()?)
    }

    /// Adds a line.
    pub(super) fn append(&self, line: &str) -> io::Result<()> {
        let mut file = self.open()?;
        if file.metadata()?.len() > (SPARE * BYTES_MAX) as u64 {
            self.read(&file)?;
            file = self.open()?;
        }
        file.write_all(format!("{line}\n").as_bytes())
    }

    /// What to tell a person who expects a history.
    pub(super) fn complaint(&self, error: &io::Error) -> String {
        format!(
            "Lines are not kept for the next time: {} {}.",
            self.path.display(),
            match Errno::from_io_error(error) {
                Some(Errno::LOOP) => "is a symbolic link".to_owned(),
                _ => format!("cannot be used: {error}"),
            }
        )
    }

    /// The file, made if it is missing; afterwards nobody else may read it. A link, a pipe
    /// or the file of another user is refused, so that lines go nowhere else.
    fn open(&self) -> io::Result<File> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(FILE_MODE)
            .custom_flags(flags.bits().cast_signed())
            .open(&self.path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        if metadata.uid() != geteuid().as_raw() {
            return Err(io::Error::other("it belongs to another user"));
        }
        if metadata.mode() & 0o777 != FILE_MODE {
            file.set_permissions(Permissions::from_mode(FILE_MODE))?;
        }
        Ok(file)
    }

    /// Reads the latest lines, and makes the file shorter if it is long.
    fn read(&self, mut file: &File) -> io::Result<Vec<String>> {
        let bytes_max = (SPARE * BYTES_MAX) as u64;
        let skipped = file.metadata()?.len().saturating_sub(bytes_max);
        file.seek(SeekFrom::Start(skipped))?;
        let mut bytes = Vec::new();
        file.take(bytes_max).read_to_end(&mut bytes)?;
        let lines = bytes.split(|byte| *byte == b'\n');
        // The first one is a part of a line where some were skipped.
        let lines: Vec<&[u8]> = lines.skip(usize::from(skipped > 0)).collect();
        let mut left = BYTES_MAX;
        let latest = lines.iter().rev().filter_map(|line| usable(line)).take(LINES_MAX);
        let latest = latest.take_while(|line| {
            let fits = line.len() <= left;
            left = left.saturating_sub(line.len());
            fits
        });
        let mut latest: Vec<_> = latest.map(str::to_owned).collect();
        latest.reverse();
        if skipped > 0 || lines.len() > SPARE * LINES_MAX {
            self.replace(&latest)?;
        }
        Ok(latest)
    }

    /// Puts a file with these lines in its place, in one step.
    fn replace(&self, lines: &[String]) -> io::Result<()> {
        let new = self.path.with_extension(format!("{}.new", std::process::id()));
        let file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&new);
        let text: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
        let replaced = file
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .and_then(|()| fs::rename(&new, &self.path));
        if replaced.is_err() {
            // What is left of it would be in the way the next time.
            let _ = fs::remove_file(&new);
        }
        replaced
    }
}

/// A line as it was typed, unless someone else has written it.
fn usable(line: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(line).ok()?;
    let is_usable =
        !line.is_empty() && line.len() <= LINE_BYTES_MAX && !line.chars().any(char::is_control);
    is_usable.then_some(line)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    fn in_folder() -> (TempDir, HistoryFile) {
        let folder = TempDir::new().unwrap();
        let file = HistoryFile::new(folder.path().join("state/postroom/chat_history"));
        (folder, file)
    }

    fn mode(path: &std::path::Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn lines_come_back_and_are_their_owners_alone() {
        let (_folder, file) = in_folder();
        assert!(file.load().unwrap().is_empty());
        file.append("one").unwrap();
        file.append("zwei — 二").unwrap();
        assert_eq!(file.load().unwrap(), ["one", "zwei — 二"]);
        assert_eq!((mode(&file.path), mode(file.path.parent().unwrap())), (0o600, 0o700));

        fs::set_permissions(&file.path, Permissions::from_mode(0o644)).unwrap();
        file.append("three").unwrap();
        assert_eq!(mode(&file.path), 0o600);
    }

    #[test]
    fn a_file_is_made_shorter_and_keeps_the_latest_lines() {
        let (folder, file) = in_folder();
        file.load().unwrap();
        let lines = |count: usize, length: usize| {
            let line = |number| format!("{number:0>length$}\n");
            (0..count).map(line).collect::<String>()
        };
        for (count, length) in [(SPARE * LINES_MAX + 1, 8), (SPARE * BYTES_MAX / 8_000 + 5, 8_000)]
        {
            fs::write(&file.path, lines(count, length)).unwrap();
            let read = file.load().unwrap();
            assert_eq!(read.len(), LINES_MAX.min(BYTES_MAX / length), "{length}");
            assert_eq!(*read.last().unwrap(), format!("{:0>length$}", count - 1));
            assert_eq!(fs::read_to_string(&file.path).unwrap().lines().count(), read.len());
            assert_eq!(mode(&file.path), 0o600);
        }
        // While a client runs, too.
        fs::write(&file.path, lines(SPARE * BYTES_MAX / 8_000 + 5, 8_000)).unwrap();
        file.append("last").unwrap();
        assert!(fs::metadata(&file.path).unwrap().len() <= (BYTES_MAX + 1_000) as u64);
        assert_eq!(file.load().unwrap().last().unwrap(), "last");
        let folder = fs::read_dir(folder.path().join("state/postroom")).unwrap();
        assert_eq!(folder.count(), 1);
    }

    #[test]
    fn what_a_terminal_must_not_be_shown_is_skipped() {
        let (_folder, file) = in_folder();
        file.load().unwrap();
        let long = "x".repeat(LINE_BYTES_MAX + 1);
        let mut bytes = format!("one\n\u{1b}[2J\n\u{9b}\n\r\n{long}\n\n").into_bytes();
        bytes.extend(b"\xff\ntwo\nhalf a li");
        fs::write(&file.path, bytes).unwrap();
        assert_eq!(file.load().unwrap(), ["one", "two", "half a li"]);
    }

    #[test]
    fn lines_go_to_no_link_no_pipe_and_no_folder() {
        let (folder, file) = in_folder();
        file.load().unwrap();
        let target = folder.path().join("target");
        fs::write(&target, "kept\n").unwrap();
        fs::remove_file(&file.path).unwrap();
        symlink(&target, &file.path).unwrap();
        let error = file.append("line").unwrap_err();
        assert!(file.complaint(&error).ends_with("chat_history is a symbolic link."));
        assert_eq!(fs::read_to_string(&target).unwrap(), "kept\n");

        fs::remove_file(&file.path).unwrap();
        fs::create_dir(&file.path).unwrap();
        assert!(file.load().is_err());
        let nowhere = HistoryFile::new("/dev/null/history".into());
        assert!(nowhere.load().is_err());
        let device = HistoryFile::new("/dev/null".into());
        assert_eq!(device.append("x").unwrap_err().to_string(), "it is not a regular file");
    }
}
