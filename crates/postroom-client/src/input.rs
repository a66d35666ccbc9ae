//! The input of a dialogue: lines from a person or from a pipe, one at a time.
//!
//! Only a person at a terminal gets prompts. Both Ctrl-C and the end of the input
//! end the dialogue.

use std::io::{self, Read, Write as _};
use std::os::fd::AsFd;
use std::path::PathBuf;

use rustix::event::PollFlags;

use crate::console::{Console as _, Prompt, TerminalConsole};
use crate::echo::Echo;
use crate::line_splitter::{LineSplitter, NextLine};
use crate::signals::{Signals, is_transient};
use crate::typed::Typed;
use crate::{ClientError, LINE_BYTES_MAX};

/// Where lines come from.
pub(crate) trait Input {
    /// Whether a person sees the prompts and can be asked again.
    fn is_interactive(&self) -> bool;

    /// The next line.
    fn line(&mut self, prompt: &str) -> Result<Typed, ClientError>;

    /// The next line, not shown while it is typed.
    fn secret(&mut self, prompt: &str) -> Result<Typed, ClientError>;
}

/// A person at a terminal, with a line editor and a history. The client controls
/// the terminal only while they type, so Ctrl-C interrupts the waits between.
#[derive(Debug)]
pub(crate) struct TerminalInput {
    console: TerminalConsole,
    signals: Signals,
}

impl TerminalInput {
    /// The terminal at the standard input and output.
    /// The lines typed are kept in the file `history`, if there is to be one.
    pub(crate) fn new(signals: Signals, history: Option<PathBuf>) -> Result<Self, ClientError> {
        let mut console = TerminalConsole::of_process()?;
        console.keep_history(history)?;
        Ok(Self { console, signals })
    }

    fn ask(&mut self, prompt: Prompt) -> Result<Typed, ClientError> {
        self.console.take_over()?;
        self.console.ask(Some(prompt))?;
        let typed = self.typed()?;
        self.console.ask(None)?;
        self.console.rest()?;
        Ok(typed)
    }

    fn typed(&mut self) -> Result<Typed, ClientError> {
        loop {
            if let Some(typed) = self.console.typed() {
                return Ok(typed);
            }
            let keys = self.console.watched().into_iter().map(|fd| (fd, PollFlags::IN));
            match self.signals.wait_for_any(keys, None) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(Typed::End),
                waited => waited.map_err(ClientError::Input)?,
            }
            self.console.pump()?;
            if self.console.take_interrupt() {
                return Ok(Typed::End);
            }
        }
    }
}

impl Input for TerminalInput {
    fn is_interactive(&self) -> bool {
        true
    }

    fn line(&mut self, prompt: &str) -> Result<Typed, ClientError> {
        self.ask(Prompt::open(prompt))
    }

    fn secret(&mut self, prompt: &str) -> Result<Typed, ClientError> {
        self.ask(Prompt::secret(prompt))
    }
}

/// A person at a terminal without control sequences.
#[derive(Debug)]
pub(crate) struct DumbInput<R> {
    lines: PlainInput<R>,
    echo: Echo,
}

impl<R: Read + AsFd> DumbInput<R> {
    /// Reads `source`, a terminal, as [`PlainInput`] does.
    pub(crate) fn new(source: R, signals: Signals) -> Result<Self, ClientError> {
        let echo = Echo::of(source.as_fd())?;
        Ok(Self { lines: PlainInput::new(source, signals), echo })
    }
}

impl<R: Read + AsFd> Input for DumbInput<R> {
    fn is_interactive(&self) -> bool {
        true
    }

    fn line(&mut self, prompt: &str) -> Result<Typed, ClientError> {
        if self.echo.switch_on()? {
            self.lines.forget();
        }
        print(prompt)?;
        self.lines.line(prompt)
    }

    fn secret(&mut self, prompt: &str) -> Result<Typed, ClientError> {
        self.echo.switch_off()?;
        print(prompt)?;
        let typed = self.lines.line(prompt)?;
        // The typed line end was not echoed either.
        print("\n")?;
        Ok(typed)
    }
}

fn print(words: &str) -> Result<(), ClientError> {
    let mut output = io::stdout();
    output.write_all(words.as_bytes()).and_then(|()| output.flush()).map_err(ClientError::Output)
}

/// A pipe or a file.
#[derive(Debug)]
pub(crate) struct PlainInput<R> {
    source: R,
    lines: LineSplitter,
    signals: Signals,
}

impl<R: Read + AsFd> PlainInput<R> {
    /// Reads `source`, which must not be buffered, until it ends or a signal
    /// arrives.
    pub(crate) fn new(source: R, signals: Signals) -> Self {
        // One more byte, for the carriage return of a foreign line end.
        let lines = LineSplitter::new(LINE_BYTES_MAX + 1);
        Self { source, lines, signals }
    }

    /// Drops what was read and not yet taken.
    fn forget(&mut self) {
        self.lines = LineSplitter::new(LINE_BYTES_MAX + 1);
    }

    /// Reads more; `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        let mut bytes = [0; 4_096];
        loop {
            match self.signals.wait(self.source.as_fd(), PollFlags::IN, None) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
                waited => waited?,
            }
            match self.source.read(&mut bytes) {
                Ok(count) => {
                    self.lines.push(&bytes[..count]);
                    return Ok(count > 0);
                }
                Err(error) if is_transient(&error) => {}
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
                NextLine::Line(line) => return Ok(Typed::line(line)),
                NextLine::TooLong => return Ok(Typed::Unusable(ClientError::LineTooLong)),
                NextLine::Nothing if self.fill().map_err(ClientError::Input)? => {}
                NextLine::Nothing => {
                    return Ok(self.lines.take_rest().map_or(Typed::End, Typed::line));
                }
            }
        }
    }

    fn secret(&mut self, prompt: &str) -> Result<Typed, ClientError> {
        self.line(prompt)
    }
}
