//! The lines typed before, those of earlier runs included.

use std::collections::VecDeque;

use super::history_file::{BYTES_MAX, HistoryFile, LINES_MAX};
use crate::LINE_BYTES_MAX;

/// Lines from the earliest to the latest.
#[derive(Debug, Default)]
pub(crate) struct History {
    lines: VecDeque<String>,
    bytes: usize,
    /// Where the lines are kept for later runs.
    file: Option<HistoryFile>,
    /// Why they are not any more, until it was told.
    complaint: Option<String>,
}

impl History {
    /// The history of earlier runs, which this one continues.
    pub(crate) fn of_file(file: HistoryFile) -> Self {
        let mut history = Self::default();
        match file.load() {
            Ok(lines) => {
                for line in lines {
                    history.push(line);
                }
                history.file = Some(file);
            }
            Err(error) => history.complaint = Some(file.complaint(&error)),
        }
        history
    }

    /// How many lines there are.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The line at this place, from the earliest on.
    pub(crate) fn line(&self, index: usize) -> Option<&str> {
        self.lines.get(index).map(String::as_str)
    }

    /// Adds a line that was typed, unless it repeats the latest or may hold a password. A
    /// line that is too long to be sent is there to be shortened, and is not kept.
    pub(crate) fn remember(&mut self, line: &str) {
        let is_kept = !line.is_empty()
            && self.lines.back().is_none_or(|latest| latest != line)
            && !may_hold_password(line);
        if !is_kept {
            return;
        }
        if let Some(file) = &self.file
            && line.len() <= LINE_BYTES_MAX
            && let Err(error) = file.append(line)
        {
            self.complaint = Some(file.complaint(&error));
            self.file = None;
        }
        self.push(line.to_owned());
    }

    /// Why lines are not kept for later runs, once.
    pub(crate) fn take_complaint(&mut self) -> Option<String> {
        self.complaint.take()
    }

    fn push(&mut self, line: String) {
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.lines.len() > LINES_MAX || self.bytes > BYTES_MAX {
            let Some(dropped) = self.lines.pop_front() else { break };
            self.bytes -= dropped.len();
        }
    }
}

/// Whether a line may be a command with a password of any of the protocols, spelled
/// wrongly perhaps: a message that only looks like one costs nothing but its place here.
pub(crate) fn may_hold_password(line: &str) -> bool {
    let word = line.split_whitespace().next().unwrap_or_default();
    let word = word.trim_start_matches(['/', '\\', '-']).to_lowercase();
    ["pass", "psw", "pwd", "login"].iter().any(|beginning| word.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(history: &History) -> Vec<&str> {
        (0..history.len()).filter_map(|index| history.line(index)).collect()
    }

    #[test]
    fn a_line_with_a_password_is_not_kept() {
        let mut history = History::default();
        for line in [
            "/passwd old new",
            "/PASSWD old new",
            "  /passwd old new",
            "//passwd old new",
            "/pass secret",
            "/passw old new",
            "/password secret",
            "PASS secret",
            "PASSWD old new",
            "passwd old new",
            "/login jacky 12345",
            "LOGIN jacky",
            "",
        ] {
            history.remember(line);
            assert!(all(&history).is_empty(), "{line}");
        }
        history.remember("/to bob the word was passed on");
        assert_eq!(all(&history), ["/to bob the word was passed on"]);
    }

    #[test]
    fn lines_and_bytes_are_bounded_and_the_earliest_go_first() {
        let mut history = History::default();
        for number in 0..LINES_MAX + 5 {
            history.remember(&number.to_string());
            history.remember(&number.to_string());
        }
        assert_eq!((history.len(), history.line(0)), (LINES_MAX, Some("5")));
        for number in 0..200 {
            history.remember(&format!("{number:08}{}", "x".repeat(LINE_BYTES_MAX - 8)));
        }
        assert_eq!(history.len(), BYTES_MAX / LINE_BYTES_MAX);
        assert_eq!(history.bytes, BYTES_MAX);
    }
}
