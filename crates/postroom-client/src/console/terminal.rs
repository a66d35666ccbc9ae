//! A person at a terminal.
//!
//! While the client controls the terminal, it is in raw mode: keys arrive one by
//! one, and only the client echoes them. Every orderly end of the client restores
//! the mode.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{self, InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use signal_hook::consts::{SIGCONT, SIGWINCH};
use unicode_width::UnicodeWidthChar as _;

use super::drawing::Drawing;
use super::editor::{LineEditor, Pressed};
use super::history::History;
use super::history_file::HistoryFile;
use super::keys::{BRACKET_PASTES, Key, KeyDecoder, LEAVE_PASTES};
use super::{Completer, Console, Prompt, is_ready, show};
use crate::ClientError;
use crate::colour::Colours;
use crate::echo::{forget_typed, without_echo};
use crate::signals::{Signals, is_transient};
use crate::typed::Typed;

/// Finished lines that may wait; at the limit no more keys are read.
const LINES_WAITING_MAX: usize = 16;

/// Bytes that one read takes.
const READ_BYTES: usize = 1_024;

/// Columns and rows of a terminal whose size is unknown.
const COLUMNS_DEFAULT: usize = 80;
const ROWS_DEFAULT: usize = 24;

/// Completions that Tab lists.
const LISTED_MAX: usize = 100;

/// A terminal with a line editor.
#[derive(Debug)]
pub(crate) struct TerminalConsole {
    input: File,
    output: File,
    decoder: KeyDecoder,
    editor: LineEditor,
    drawing: Drawing,
    prompt: Option<Prompt>,
    lines: VecDeque<Typed>,
    is_interrupted: bool,
    has_ended: bool,
    /// What is typed may be the password once more, until the next question.
    is_after_secret: bool,
    /// The window was resized, or the process continues after a stop.
    terminal_signals: Signals,
    usual: Termios,
}

impl TerminalConsole {
    /// The terminal at the standard input and output. Its mode does not change
    /// until [`take_over`](Self::take_over).
    pub(crate) fn of_process() -> Result<Self, ClientError> {
        let duplicate = |fd: BorrowedFd<'_>| {
            fd.try_clone_to_owned().map(File::from).map_err(ClientError::Terminal)
        };
        let input = duplicate(io::stdin().as_fd())?;
        let output = duplicate(io::stdout().as_fd())?;
        let usual =
            termios::tcgetattr(&input).map_err(|errno| ClientError::Terminal(errno.into()))?;
        Ok(Self {
            drawing: Drawing::new(columns(&output)),
            terminal_signals: Signals::on(&[SIGWINCH, SIGCONT]).map_err(ClientError::Terminal)?,
            input,
            output,
            decoder: KeyDecoder::default(),
            editor: LineEditor::default(),
            prompt: None,
            lines: VecDeque::new(),
            is_interrupted: false,
            has_ended: false,
            is_after_secret: false,
            usual,
        })
    }

    /// Keeps what is typed in a file, and begins with what was typed in earlier runs.
    pub(crate) fn keep_history(&mut self, path: Option<PathBuf>) -> Result<(), ClientError> {
        let Some(path) = path else { return Ok(()) };
        self.editor.history = History::of_file(HistoryFile::new(path));
        self.tell_history_complaint()
    }

    /// Says, once, why the lines are not kept.
    fn tell_history_complaint(&mut self) -> Result<(), ClientError> {
        match self.editor.history.take_complaint() {
            Some(complaint) => self.say(&complaint),
            None => Ok(()),
        }
    }

    /// Lets Ctrl-C clear a line that is not empty.
    pub(crate) fn clear_by_interrupt(&mut self) {
        self.editor.is_cleared_by_interrupt = true;
    }

    /// Sets raw mode, except that a line feed in the output still begins a row.
    pub(crate) fn take_over(&self) -> Result<(), ClientError> {
        show(&mut &self.output, BRACKET_PASTES)?;
        let mut raw = self.usual.clone();
        raw.input_modes -= InputModes::BRKINT
            | InputModes::ICRNL
            | InputModes::INPCK
            | InputModes::ISTRIP
            | InputModes::IXON;
        raw.local_modes -=
            LocalModes::ECHO | LocalModes::ICANON | LocalModes::IEXTEN | LocalModes::ISIG;
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        self.set(&raw)
    }

    /// Restores the mode of the terminal.
    pub(crate) fn give_back(&self) -> Result<(), ClientError> {
        // The terminal may have been closed: try both steps.
        let shown = show(&mut &self.output, LEAVE_PASTES);
        self.set(&self.usual)?;
        shown
    }

    /// Until the next prompt, leaves typed keys to the terminal, which echoes them
    /// unless they may be a password.
    pub(crate) fn rest(&self) -> Result<(), ClientError> {
        if !self.is_after_secret {
            return self.give_back();
        }
        show(&mut &self.output, LEAVE_PASTES)?;
        self.set(&without_echo(&self.usual))
    }

    /// Drops what was typed since the last password: it may be that password once
    /// more, typed without waiting for the answer.
    fn forget_typed(&mut self) -> Result<(), ClientError> {
        forget_typed(&self.input)?;
        self.decoder = KeyDecoder::default();
        self.editor.clear();
        self.lines.clear();
        if self.has_ended {
            self.lines.push_back(Typed::End);
        }
        Ok(())
    }

    fn set(&self, modes: &Termios) -> Result<(), ClientError> {
        termios::tcsetattr(&self.input, OptionalActions::Drain, modes)
            .map_err(|errno| ClientError::Terminal(errno.into()))
    }

    fn press_all(&mut self) -> Result<(), ClientError> {
        while let Some(key) = self.decoder.next_key() {
            if self.prompt.is_none() && key == Key::Interrupt {
                self.is_interrupted = true;
                continue;
            }
            match self.editor.press(key) {
                Pressed::Changed => {}
                Pressed::Candidates(words) => self.say(&listed(&words))?,
                Pressed::Line(line) => {
                    self.leave_line(&line)?;
                    self.tell_history_complaint()?;
                    self.lines.push_back(Typed::line(line.into_bytes()));
                }
                Pressed::Interrupt => self.is_interrupted = true,
                Pressed::End => self.end(),
                Pressed::Clear => self.update(Drawing::clear_screen)?,
                Pressed::Suspend => self.suspend()?,
            }
        }
        self.update(Drawing::erase)
    }

    fn end(&mut self) {
        self.has_ended = true;
        self.lines.push_back(Typed::End);
    }

    /// Keeps a finished line on the screen and continues below it. The prompt for
    /// a password goes after one line.
    fn leave_line(&mut self, line: &str) -> Result<(), ClientError> {
        let Some(prompt) = self.prompt.take() else { return Ok(()) };
        let shown = if prompt.is_secret { "" } else { line };
        let mut output = String::new();
        self.drawing.erase(&mut output);
        self.drawing.draw(&prompt.text, shown, shown.len(), &mut output);
        self.drawing.leave(&mut output);
        self.prompt = Some(prompt).filter(|prompt| !prompt.is_secret);
        show(&mut self.output, &output)
    }

    /// Stops the process as Ctrl-Z does, with the terminal in its usual mode, and
    /// takes the terminal over again once the process continues.
    fn suspend(&mut self) -> Result<(), ClientError> {
        let mut output = String::new();
        self.drawing.leave(&mut output);
        show(&mut self.output, &output)?;
        self.give_back()?;
        kill_process(getpid(), Signal::TSTP)
            .map_err(|errno| ClientError::Terminal(errno.into()))?;
        self.take_over()
    }

    /// Applies `before` to the drawing and draws the current line, in one write.
    fn update(
        &mut self,
        before: impl FnOnce(&mut Drawing, &mut String),
    ) -> Result<(), ClientError> {
        let mut output = String::new();
        before(&mut self.drawing, &mut output);
        if let Some(shown) = self.shown() {
            self.drawing.draw(&shown.prompt, &shown.line, shown.cursor, &mut output);
        }
        show(&mut self.output, &output)
    }

    fn recover(&mut self) -> Result<(), ClientError> {
        self.take_over()?;
        let columns = columns(&self.output);
        // The terminal has rewrapped the drawing; erase it and draw it again.
        match self.shown() {
            Some(shown) => self.drawing.resize(columns, &shown.prompt, &shown.line, shown.cursor),
            None => self.drawing.resize(columns, "", "", 0),
        }
        self.update(Drawing::erase)
    }

    /// The visible part of the prompt and the line.
    fn shown(&self) -> Option<Shown> {
        let prompt = self.prompt.as_ref()?;
        if prompt.is_secret {
            let (prompt, line) = (prompt.text.clone(), String::new());
            return Some(Shown { prompt, line, cursor: 0 });
        }
        let prompt = self.editor.search_prompt().unwrap_or_else(|| prompt.text.clone());
        let cells = self.drawing.columns() * rows(&self.output).saturating_sub(1).max(1);
        let room = cells.saturating_sub(width(&prompt) + 2).max(2);
        let (line, cursor) = window(self.editor.text(), self.editor.cursor(), room);
        Some(Shown { prompt, line, cursor })
    }
}

/// A prompt, and as much of the line as fits on the screen.
struct Shown {
    prompt: String,
    line: String,
    /// Bytes of the line before the cursor.
    cursor: usize,
}

/// As much of a line around its cursor as fits into `room` columns, with `<` and
/// `>` where it continues.
fn window(line: &str, cursor: usize, room: usize) -> (String, usize) {
    if width(line) <= room {
        return (line.to_owned(), cursor);
    }
    let (before, after) = line.split_at(cursor);
    let ahead = width_up_to(after.chars(), room / 4);
    let back = width_up_to(before.chars().rev(), room - ahead.1);
    let start = before.char_indices().rev().take(back.0).last().map_or(cursor, |(at, _)| at);
    let ahead = width_up_to(after.chars(), room - back.1);
    let end = after.char_indices().nth(ahead.0).map_or(line.len(), |(at, _)| cursor + at);
    let (left, right) = (if start > 0 { "<" } else { "" }, if end < line.len() { ">" } else { "" });
    (format!("{left}{}{right}", &line[start..end]), left.len() + cursor - start)
}

/// How many of the characters fit into `room` columns, and their width.
fn width_up_to(characters: impl Iterator<Item = char>, room: usize) -> (usize, usize) {
    let (mut count, mut columns) = (0, 0);
    for character in characters {
        let next = columns + character.width().unwrap_or(0);
        if next > room {
            break;
        }
        (count, columns) = (count + 1, next);
    }
    (count, columns)
}

fn width(text: &str) -> usize {
    text.chars().map(|character| character.width().unwrap_or(0)).sum()
}

/// Completions side by side.
fn listed(words: &[String]) -> String {
    let mut listed = words[..words.len().min(LISTED_MAX)].join("  ");
    if words.len() > LISTED_MAX {
        listed.push_str("  ...");
    }
    listed
}

fn rows(terminal: &File) -> usize {
    match termios::tcgetwinsize(terminal) {
        Ok(size) if size.ws_row > 0 => size.ws_row.into(),
        _ => ROWS_DEFAULT,
    }
}

fn columns(terminal: &File) -> usize {
    match termios::tcgetwinsize(terminal) {
        Ok(size) if size.ws_col > 0 => size.ws_col.into(),
        _ => COLUMNS_DEFAULT,
    }
}

impl Console for TerminalConsole {
    fn is_interactive(&self) -> bool {
        true
    }

    fn colours(&self) -> Colours {
        Colours::of_environment()
    }

    fn watched(&self) -> Vec<BorrowedFd<'_>> {
        let takes_keys = !self.has_ended && self.lines.len() < LINES_WAITING_MAX;
        let keys = takes_keys.then(|| self.input.as_fd());
        keys.into_iter().chain(self.terminal_signals.watched()).collect()
    }

    fn pump(&mut self) -> Result<(), ClientError> {
        if self.terminal_signals.take() {
            self.recover()?;
        }
        if self.has_ended || !is_ready(self.input.as_fd())? {
            return Ok(());
        }
        let mut bytes = [0; READ_BYTES];
        match self.input.read(&mut bytes) {
            Ok(count @ 1..) => self.decoder.push(&bytes[..count]),
            Err(error) if is_transient(&error) => {}
            // The terminal has been closed.
            Ok(0) | Err(_) => self.end(),
        }
        self.press_all()
    }

    fn typed(&mut self) -> Option<Typed> {
        self.lines.pop_front()
    }

    fn take_interrupt(&mut self) -> bool {
        std::mem::take(&mut self.is_interrupted)
    }

    fn ask(&mut self, prompt: Option<Prompt>) -> Result<(), ClientError> {
        if prompt == self.prompt {
            return Ok(());
        }
        if let Some(prompt) = &prompt {
            self.editor.is_secret = prompt.is_secret;
            if std::mem::replace(&mut self.is_after_secret, prompt.is_secret) && !prompt.is_secret {
                self.forget_typed()?;
            }
        }
        self.prompt = prompt;
        self.update(Drawing::erase)
    }

    fn say(&mut self, line: &str) -> Result<(), ClientError> {
        self.update(|drawing, output| {
            drawing.erase(output);
            output.push_str(line);
            output.push_str("\r\n");
        })
    }

    fn restore(&mut self, line: &str) -> Result<(), ClientError> {
        if self.editor.text().is_empty() {
            self.editor.restore(line);
        }
        self.update(Drawing::erase)
    }

    fn completer(&mut self) -> Option<&mut Completer> {
        Some(&mut self.editor.completer)
    }
}

impl Drop for TerminalConsole {
    fn drop(&mut self) {
        let mut output = String::new();
        if self.prompt.is_some() {
            self.drawing.leave(&mut output);
        }
        // A failure cannot be shown any more.
        let _ = show(&mut self.output, &output);
        let _ = self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_larger_than_the_screen_is_shown_around_its_cursor() {
        let line = "0123456789";
        assert_eq!(window(line, 10, 10), (line.to_owned(), 10));
        assert_eq!(window(line, 10, 4), ("<6789".to_owned(), 5));
        assert_eq!(window(line, 0, 4), ("0123>".to_owned(), 0));
        assert_eq!(window(line, 5, 4), ("<2345>".to_owned(), 4));
        assert_eq!(window("日本語日本語", 9, 4), ("<本語>".to_owned(), 7));
    }
}
