//! The status reports of a run, appended to a file.
//!
//! A report never stops the client: if it cannot be written, the client says so
//! once and writes no more of it.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use postroom_model::Safe;
use rustix::fs::OFlags;

/// The kind of an entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// The client started or ended.
    General,
    /// The client could not start, or a rule was broken.
    Error,
    /// A connection was lost.
    Connection,
}

/// The file to report to, if there is one.
pub(super) struct Report<'a> {
    file: Option<(&'a Path, File)>,
    complaints: &'a mut dyn Write,
}

impl<'a> Report<'a> {
    /// Opens the file for appending.
    pub(super) fn open(path: Option<&'a Path>, complaints: &'a mut dyn Write) -> Self {
        let mut report = Self { file: None, complaints };
        if let Some(path) = path {
            // A pipe that nobody reads must not stop the client.
            let flags = OFlags::NONBLOCK.bits().cast_signed();
            match File::options().append(true).create(true).custom_flags(flags).open(path) {
                Ok(file) => report.file = Some((path, file)),
                Err(error) => report.complain(path, &error),
            }
        }
        report
    }

    /// Adds an entry.
    pub(super) fn note(&mut self, kind: Kind, happened: &dyn Display) {
        let kind = match kind {
            Kind::General => "GENERAL",
            Kind::Error => "ERROR",
            Kind::Connection => "CONNECTION",
        };
        self.line(&format!("CLIENT [{kind}] {happened}"));
    }

    /// Adds a line, made safe to show, in one piece.
    pub(super) fn line(&mut self, line: &str) {
        let Some((path, mut file)) = self.file.take() else { return };
        match file.write_all(format!("{}\n", Safe(line)).as_bytes()) {
            Ok(()) => self.file = Some((path, file)),
            Err(error) => self.complain(path, &error),
        }
    }

    fn complain(&mut self, path: &Path, error: &io::Error) {
        // If this fails too, nobody can be told.
        let _ = writeln!(
            self.complaints,
            "postroom: cannot write the report to {}: {error}; continuing without it",
            path.display()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_added_and_safe_to_show() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "before\n").unwrap();
        let mut complaints = Vec::new();
        let mut report = Report::open(Some(file.path()), &mut complaints);
        report.note(Kind::Connection, &"lost \u{1b}[2J\nSERVER [GENERAL] forged");
        report.line("Received Message: \u{202e}hi");
        assert_eq!(
            std::fs::read_to_string(file.path()).unwrap(),
            "before\nCLIENT [CONNECTION] lost ^[[2J^JSERVER [GENERAL] forged\n\
             Received Message: hi\n"
        );
        assert!(complaints.is_empty());
    }

    #[test]
    fn a_report_that_cannot_be_written_is_told_once() {
        for path in ["/nonexistent/report", "/dev/full"] {
            let mut complaints = Vec::new();
            let mut report = Report::open(Some(Path::new(path)), &mut complaints);
            report.note(Kind::General, &"client started");
            report.note(Kind::General, &"client ended");
            let complaints = String::from_utf8(complaints).unwrap();
            assert_eq!(complaints.lines().count(), 1, "{complaints}");
            assert!(complaints.contains(path), "{complaints}");
        }
    }
}
