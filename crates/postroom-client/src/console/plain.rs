//! A pipe or a file: lines without prompts or editing.

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use super::{Console, Prompt, is_ready, show};
use crate::colour::Colours;
use crate::line_splitter::{LineSplitter, NextLine};
use crate::signals::is_transient;
use crate::typed::Typed;
use crate::{ClientError, LINE_BYTES_MAX};

/// Bytes that one read takes.
const READ_BYTES: usize = 4_096;

/// Lines from `source` and to `output`.
#[derive(Debug)]
pub(crate) struct PlainConsole<R, W> {
    source: R,
    output: W,
    lines: LineSplitter,
    /// `lines` has no whole line left, so more may be read.
    is_drained: bool,
    state: InputState,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum InputState {
    /// There may be more to read.
    Open,
    /// The end was read, ...
    Read,
    /// ... and returned as [`Typed::End`].
    Told,
}

impl<R: Read + AsFd, W: Write> PlainConsole<R, W> {
    /// Reads `source`, which must not be buffered.
    pub(crate) fn new(source: R, output: W) -> Self {
        // One more byte, for the carriage return of a foreign line end.
        let lines = LineSplitter::new(LINE_BYTES_MAX + 1);
        Self { source, output, lines, is_drained: true, state: InputState::Open }
    }

    /// Drops the lines that were read and not taken.
    pub(super) fn forget_typed(&mut self) {
        self.lines = LineSplitter::new(LINE_BYTES_MAX + 1);
        self.is_drained = true;
    }
}

impl<R: Read + AsFd, W: Write> Console for PlainConsole<R, W> {
    fn is_interactive(&self) -> bool {
        false
    }

    fn colours(&self) -> Colours {
        Colours::None
    }

    fn watched(&self) -> Vec<BorrowedFd<'_>> {
        // Nothing more is read while a line waits to be taken.
        if self.is_drained && self.state == InputState::Open {
            vec![self.source.as_fd()]
        } else {
            Vec::new()
        }
    }

    fn pump(&mut self) -> Result<(), ClientError> {
        if self.watched().is_empty() || !is_ready(self.source.as_fd())? {
            return Ok(());
        }
        let mut bytes = [0; READ_BYTES];
        match self.source.read(&mut bytes) {
            Ok(0) => self.state = InputState::Read,
            Ok(count) => self.lines.push(&bytes[..count]),
            Err(error) if is_transient(&error) => return Ok(()),
            Err(error) => return Err(ClientError::Input(error)),
        }
        self.is_drained = false;
        Ok(())
    }

    fn typed(&mut self) -> Option<Typed> {
        match self.lines.take() {
            NextLine::Line(line) => return Some(Typed::line(line)),
            NextLine::TooLong => return Some(Typed::Unusable(ClientError::LineTooLong)),
            NextLine::Nothing => self.is_drained = true,
        }
        if self.state != InputState::Read {
            return None;
        }
        let rest = self.lines.take_rest().map(Typed::line);
        if rest.is_none() {
            self.state = InputState::Told;
        }
        Some(rest.unwrap_or(Typed::End))
    }

    fn take_interrupt(&mut self) -> bool {
        false
    }

    fn ask(&mut self, _prompt: Option<Prompt>) -> Result<(), ClientError> {
        Ok(())
    }

    fn say(&mut self, line: &str) -> Result<(), ClientError> {
        show(&mut self.output, &format!("{line}\n"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, pipe};

    use super::*;

    fn console(input: &str) -> PlainConsole<PipeReader, Vec<u8>> {
        let (reader, mut writer) = pipe().unwrap();
        writer.write_all(input.as_bytes()).unwrap();
        PlainConsole::new(reader, Vec::new())
    }

    fn all(console: &mut dyn Console) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            match console.typed() {
                Some(Typed::Line(line)) => all.push(line),
                Some(Typed::Unusable(error)) => all.push(error.to_string()),
                Some(Typed::End) => return all,
                None => console.pump().unwrap(),
            }
        }
    }

    #[test]
    fn lines_are_whole_and_the_end_is_returned_once() {
        let mut console = console("one\r\n\nrest");
        assert_eq!(all(&mut console), ["one", "", "rest"]);
        assert!(console.typed().is_none());
        assert!(console.watched().is_empty());
    }

    #[test]
    fn nothing_more_is_read_while_a_line_waits() {
        let mut console = console("one\ntwo\n");
        assert_eq!(console.watched().len(), 1);
        console.pump().unwrap();
        assert!(console.watched().is_empty());
        assert!(matches!(console.typed(), Some(Typed::Line(_))));
        assert!(console.watched().is_empty());
        assert!(matches!(console.typed(), Some(Typed::Line(_))));
        assert!(console.typed().is_none());
        assert_eq!(console.watched().len(), 1);
    }

    #[test]
    fn a_line_that_is_too_long_is_reported_and_dropped() {
        let mut console = console(&format!("{}\nnext\n", "x".repeat(9_000)));
        let lines = all(&mut console);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("the line is too long"), "{lines:?}");
        assert_eq!(lines[1], "next");
    }
}
