//! The thread that writes the report.
//!
//! Every line is one write to a file opened for appending, so that lines of the server
//! and of clients never mix.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use postroom_protocol::Category;

use super::line;

/// A job for the report's thread.
#[derive(Debug)]
pub(super) enum Work {
    /// Truncate the file.
    Empty,
    /// Append this line, with its line end.
    Line(String),
}

/// A report file. After an error it logs a warning and writes nothing more: the file
/// may end in half a line.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    bytes_max: u64,
    file: Option<File>,
}

impl Writer {
    pub(super) fn open(path: PathBuf, bytes_max: u64) -> Self {
        let mut writer = Self { path, bytes_max, file: None };
        match open(&writer.path) {
            Ok(file) => writer.file = Some(file),
            Err(error) => writer.give_up(&error),
        }
        writer
    }

    /// Works until the sender is dropped.
    pub(super) fn run(
        mut self,
        queue: &Receiver<Work>,
        left_out: &AtomicU64,
        tell_emptied: &Sender<()>,
    ) {
        for work in queue {
            match work {
                Work::Empty => {
                    self.attempt(Self::empty);
                    // At a stop the receiver may be gone.
                    let _ = tell_emptied.send(());
                }
                Work::Line(line) => self.attempt(|this| this.append(&line)),
            }
            let left_out = left_out.swap(0, Ordering::Relaxed);
            if left_out > 0 {
                let what = format!("{left_out} lines are left out: writing is too slow");
                self.attempt(|this| this.append(&line(Category::Error, &what)));
            }
        }
    }

    fn attempt(&mut self, act: impl FnOnce(&mut Self) -> io::Result<()>) {
        if self.file.is_some()
            && let Err(error) = act(self)
        {
            self.give_up(&error);
        }
    }

    fn give_up(&mut self, error: &io::Error) {
        tracing::warn!(
            file = %self.path.display(),
            %error,
            "cannot write the report file; nothing more is reported there"
        );
        self.file = None;
    }

    fn empty(&mut self) -> io::Result<()> {
        match &self.file {
            // A pipe or a device cannot be truncated.
            Some(file) if file.metadata()?.is_file() => file.set_len(0),
            _ => Ok(()),
        }
    }

    fn append(&mut self, line: &str) -> io::Result<()> {
        if let Some(file) = &self.file {
            // Other processes append too, so only the file system knows its size.
            let metadata = file.metadata()?;
            let bytes = metadata.len() + line.len() as u64;
            let is_too_large = self.bytes_max > 0 && bytes > self.bytes_max;
            if metadata.is_file() && metadata.len() > 0 && is_too_large {
                self.begin_anew(&metadata)?;
            }
        }
        match &mut self.file {
            Some(file) => file.write_all(line.as_bytes()),
            None => Ok(()),
        }
    }

    /// Renames the file, replacing the one renamed before, and starts a new one.
    fn begin_anew(&mut self, ours: &Metadata) -> io::Result<()> {
        let is_ours = |found: Metadata| (found.dev(), found.ino()) == (ours.dev(), ours.ino());
        // Another program may have renamed it already.
        if fs::metadata(&self.path).is_ok_and(is_ours) {
            let path = fs::canonicalize(&self.path)?;
            let mut earlier = path.clone().into_os_string();
            earlier.push(".1");
            fs::rename(path, earlier)?;
        }
        self.file = Some(open(&self.path)?);
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    // Without O_NONBLOCK a write to a pipe without a reader would block for ever.
    OpenOptions::new().append(true).create(true).custom_flags(libc::O_NONBLOCK).open(path)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    /// The content of a file after these jobs.
    fn written(path: &Path, work: Vec<Work>, left_out: u64) -> String {
        let ((sender, queue), (tell_emptied, _emptied)) = (channel(), channel());
        for work in work {
            sender.send(work).unwrap();
        }
        drop(sender);
        Writer::open(path.to_owned(), 20).run(&queue, &AtomicU64::new(left_out), &tell_emptied);
        fs::read_to_string(path).unwrap_or_default()
    }

    fn work(line: &str) -> Work {
        Work::Line(line.to_owned())
    }

    #[test]
    fn lines_are_appended_until_the_file_is_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        fs::write(&path, "old\n").unwrap();
        assert_eq!(written(&path, vec![work("one\n"), work("two\n")], 0), "old\none\ntwo\n");
        assert_eq!(written(&path, vec![Work::Empty, work("new\n")], 0), "new\n");
    }

    #[test]
    fn a_file_that_is_too_large_is_renamed_and_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, earlier) = (folder.path().join("report"), folder.path().join("report.1"));
        let lines = |number: usize| (0..number).map(|_| work("12345678\n")).collect();
        assert_eq!(written(&path, lines(2), 0).lines().count(), 2);
        assert!(!earlier.exists());
        assert_eq!(written(&path, lines(3), 0).lines().count(), 1);
        assert_eq!(fs::read_to_string(&earlier).unwrap().lines().count(), 2);
        // If the file cannot be renamed, nothing more is written.
        fs::remove_file(&earlier).unwrap();
        fs::create_dir(&earlier).unwrap();
        assert_eq!(written(&path, lines(3), 0).lines().count(), 2);
    }

    #[test]
    fn lines_left_out_are_counted_in_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        let content = written(&path, vec![work("one\n"), work("two\n")], 7);
        // The line that counts them is too long for the first file.
        assert_eq!(
            fs::read_to_string(folder.path().join("report.1")).unwrap(),
            "SERVER [ERROR] 7 lines are left out: writing is too slow\n"
        );
        assert_eq!(content, "two\n");
    }
}
