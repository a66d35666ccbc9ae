//! The operator's report: a line in a file for each thing that happens on the board
//! (seed 003). The line is in the log too, but without the text of a message.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use postroom_model::Safe;
use postroom_protocol::{Category, Report};
use postroom_server::Reporter;

/// The report file of a server, if it has one.
#[derive(Debug)]
pub(crate) struct ReportFile {
    path: PathBuf,
    file: Option<File>,
}

impl ReportFile {
    /// Empties the file at `path`, or makes it; an empty path is no file. A file
    /// that cannot be written is warned about, and stops nothing.
    pub(crate) fn begin(path: &Path) -> Self {
        let mut report = Self { path: path.to_owned(), file: None };
        if !path.as_os_str().is_empty() {
            // Without O_NONBLOCK a pipe that no one reads would stop the server.
            let opened = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .custom_flags(libc::O_NONBLOCK)
                .open(path);
            match opened {
                Ok(file) => report.file = Some(file),
                Err(error) => report.complain(&error),
            }
        }
        report
    }

    /// Adds a line for what whoever started the server is told anyway.
    pub(crate) fn could_not_start(&mut self, error: &impl fmt::Display) {
        self.write(Category::Error, &format!("server could not start: {error}"));
    }

    fn write(&mut self, category: Category, what: &str) {
        let line = format!("SERVER [{}] {}\n", category.as_str(), Safe(what));
        let written = self.file.as_mut().map(|file| file.write_all(line.as_bytes()));
        if let Some(Err(error)) = written {
            self.complain(&error);
            // Half a line may be there; no more is added to it.
            self.file = None;
        }
    }

    fn complain(&self, error: &std::io::Error) {
        tracing::warn!(file = %self.path.display(), %error, "cannot write the report file");
    }
}

impl Reporter for ReportFile {
    fn report(&mut self, Report { category, what, text }: &Report) {
        let characters = text.as_ref().map(|text| text.as_str().chars().count());
        match category {
            Category::Error => tracing::warn!(what, characters, "board"),
            Category::General | Category::Connection => tracing::info!(what, characters, "board"),
        }
        match text {
            Some(text) => self.write(*category, &format!("{what}: {}", text.as_str())),
            None => self.write(*category, what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(what: &str) -> Report {
        Report::new(Category::General, what)
    }

    #[test]
    fn the_file_is_emptied_first_and_then_grows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        std::fs::write(&path, "old\n").unwrap();
        let mut report = ReportFile::begin(&path);
        report.report(&line("one"));
        report.report(&line("two"));
        let content = std::fs::read_to_string(&path).unwrap();
        assert_eq!(content, "SERVER [GENERAL] one\nSERVER [GENERAL] two\n");
    }

    #[test]
    fn a_file_that_cannot_be_written_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut report = ReportFile::begin(folder.path());
        report.report(&line("one"));
        let mut report = ReportFile::begin(Path::new("/dev/full"));
        report.report(&line("one"));
        assert!(report.file.is_none());
    }
}
