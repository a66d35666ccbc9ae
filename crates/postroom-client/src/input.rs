//! What is typed, or comes through a pipe, line by line.
//!
//! Only a person at a terminal is prompted, edits lines and has a history;
//! Ctrl-C and the end of the input are the same to the dialogue: leave.

use std::io::{self, Read};
use std::os::fd::AsFd;

use postroom_model::TextError;
use rustix::event::PollFlags;
use rustyline::DefaultEditor;
use rustyline::error::{ReadlineError, Signal};

use crate::interrupt::Interrupt;
use crate::lines::{LineBuffer, Taken};
use crate::{ClientError, LINE_BYTES_MAX};

/// What an [`Input`] gave.
#[derive(Debug)]
pub(crate) enum Typed {
    /// A line, its end left out.
    Line(String),
    /// A line that cannot be used, and why.
    Unusable(ClientError),
    /// There will be no more.
    End,
}

/// Where lines come from.
pub(crate) trait Input {
    /// Whether a person sees the prompts, and can be asked again.
    fn is_interactive(&self) -> bool;

    /// The next line.
    fn line(&mut self, prompt: &str) -> Result<Typed, ClientError>;

    /// The next line, not shown while it is typed.
    fn secret(&mut self, prompt: &str) -> Result<Typed, ClientError>;
}

/// A person at a terminal.
#[derive(Debug)]
pub(crate) struct TerminalInput {
    editor: DefaultEditor,
}

impl TerminalInput {
    /// Takes the terminal at the standard input and output.
    pub(crate) fn new() -> Result<Self, ClientError> {
        let editor = DefaultEditor::new().map_err(readline_failure)?;
        Ok(Self { editor })
    }
}

impl Input for TerminalInput {
    fn is_interactive(&self) -> bool {
        true
    }

    fn line(&mut self, prompt: &str) -> Result<Typed, ClientError> {
        match self.editor.readline(prompt) {
            Ok(line) => {
                // A history that cannot keep the line is no reason to refuse it.
                let _ = self.editor.add_history_entry(line.as_str());
                Ok(usable(line.into_bytes()))
            }
            Err(
                ReadlineError::Eof
                | ReadlineError::Interrupted
                | ReadlineError::Signal(Signal::Interrupt),
            ) => Ok(Typed::End),
            Err(error) => Err(readline_failure(error)),
        }
    }

    fn secret(&mut self, prompt: &str) -> Result<Typed, ClientError> {
        match rpassword::prompt_password(prompt) {
            Ok(secret) => Ok(usable(secret.into_bytes())),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::Interrupted | io::ErrorKind::UnexpectedEof
                ) =>
            {
                Ok(Typed::End)
            }
            Err(error) => Err(ClientError::Input(error)),
        }
    }
}

fn readline_failure(error: ReadlineError) -> ClientError {
    ClientError::Input(match error {
        ReadlineError::Io(error) => error,
        other => io::Error::other(other),
    })
}

/// A pipe or a file.
#[derive(Debug)]
pub(crate) struct PlainInput<R> {
    source: R,
    lines: LineBuffer,
    interrupt: Interrupt,
}

impl<R: Read + AsFd> PlainInput<R> {
    /// Reads `source`, which must not be buffered, until it ends or
    /// `interrupt` comes.
    pub(crate) fn new(source: R, interrupt: Interrupt) -> Self {
        // The carriage return of a foreign line end is not yet left out.
        let lines = LineBuffer::new(LINE_BYTES_MAX + 1);
        Self { source, lines, interrupt }
    }

    /// Reads more; `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let mut bytes = [0; 4_096];
        loop {
            match self.interrupt.wait(self.source.as_fd(), PollFlags::IN, None) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
                waited => waited?,
            }
            match self.source.read(&mut bytes) {
                Ok(count) => {
                    self.lines.push(&bytes[..count]);
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl<R: Read + AsFd> Input for PlainInput<R> {
    fn is_interactive(&self) -> bool {
        false
    }

    fn line(&mut self, _prompt: &str) -> Result<Typed, ClientError> {
        loop {
            match self.lines.take() {
                Taken::Line(line) => return Ok(usable(line)),
                Taken::TooLong => return Ok(Typed::Unusable(ClientError::LineTooLong)),
                Taken::Nothing if self.fill().map_err(ClientError::Input)? => {}
                Taken::Nothing => return Ok(self.lines.take_rest().map_or(Typed::End, usable)),
            }
        }
    }

    fn secret(&mut self, prompt: &str) -> Result<Typed, ClientError> {
        self.line(prompt)
    }
}

fn usable(mut line: Vec<u8>) -> Typed {
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    if line.len() > LINE_BYTES_MAX {
        return Typed::Unusable(ClientError::LineTooLong);
    }
    String::from_utf8(line).map_or(Typed::Unusable(TextError::InvalidUtf8.into()), Typed::Line)
}
