//! A person at a terminal without control sequences.
//!
//! The terminal itself echoes what is typed and lets it be edited. A received
//! line would be written after a prompt, so questions are lines of their own and
//! commands have no prompt.

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use super::{Console, PlainConsole, Prompt};
use crate::ClientError;
use crate::colour::Colours;
use crate::echo::Echo;
use crate::typed::Typed;

/// Lines from `source`, a terminal, and to `output`.
#[derive(Debug)]
pub(crate) struct DumbConsole<R, W> {
    lines: PlainConsole<R, W>,
    echo: Echo,
}

impl<R: Read + AsFd, W: Write> DumbConsole<R, W> {
    /// Reads `source`, which must not be buffered.
    pub(crate) fn new(source: R, output: W) -> Result<Self, ClientError> {
        let echo = Echo::of(source.as_fd())?;
        Ok(Self { lines: PlainConsole::new(source, output), echo })
    }
}

impl<R: Read + AsFd, W: Write> Console for DumbConsole<R, W> {
    fn is_interactive(&self) -> bool {
        true
    }

    fn colours(&self) -> Colours {
        Colours::None
    }

    fn watched(&self) -> Vec<BorrowedFd<'_>> {
        self.lines.watched()
    }

    fn pump(&mut self) -> Result<(), ClientError> {
        self.lines.pump()
    }

    fn typed(&mut self) -> Option<Typed> {
        self.lines.typed()
    }

    fn take_interrupt(&mut self) -> bool {
        false
    }

    fn ask(&mut self, prompt: Option<Prompt>) -> Result<(), ClientError> {
        let Some(prompt) = prompt else { return Ok(()) };
        if prompt.is_secret {
            self.echo.switch_off()?;
        } else if self.echo.switch_on()? {
            self.lines.forget_typed();
        }
        if prompt.is_question { self.say(prompt.text.trim_end()) } else { Ok(()) }
    }

    fn say(&mut self, line: &str) -> Result<(), ClientError> {
        self.lines.say(line)
    }
}
