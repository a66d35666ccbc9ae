//! Where a live client meets whoever uses it: lines typed and lines shown, both
//! at any time.
//!
//! At a terminal what comes is shown above the line that is being typed, which
//! stays as it is. A line that [`Console::say`] has returned from is written
//! and flushed: a message may then be confirmed to its sender. That is why the
//! clients that show messages while a line is typed do not leave the terminal
//! to a line editor with a thread of its own, which could only say that it
//! will be shown.

mod completion;
mod drawing;
mod dumb;
mod editor;
mod keys;
mod plain;
mod terminal;

use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::{AsFd as _, BorrowedFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::ClientError;
use crate::colour::Colours;
use crate::typed::Typed;

pub(crate) use completion::{CommandHelp, Completer, Operand};
pub(crate) use dumb::DumbConsole;
pub(crate) use plain::PlainConsole;
pub(crate) use terminal::TerminalConsole;

/// What stands before the line that is typed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Prompt {
    /// The words, which the terminal may be shown as they are.
    pub(crate) text: String,
    /// What is typed is not to be seen.
    pub(crate) is_secret: bool,
    /// It asks for something, and does not merely stand before what is typed.
    is_question: bool,
}

impl Prompt {
    /// A question whose answer may be seen.
    pub(crate) fn open(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_secret: false, is_question: true }
    }

    /// A question for a password.
    pub(crate) fn secret(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_secret: true, is_question: true }
    }

    /// What stands before anything that may be typed.
    pub(crate) fn standing(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_secret: false, is_question: false }
    }
}

/// Lines in, lines out; nothing waits but the writing.
pub(crate) trait Console {
    /// Whether a person sees the prompts, and can be asked again.
    fn is_interactive(&self) -> bool;

    /// How names are shown.
    fn colours(&self) -> Colours;

    /// What to poll for reading; call [`pump`](Self::pump) when any is ready.
    fn watched(&self) -> Vec<BorrowedFd<'_>>;

    /// Takes in what was typed, if anything was.
    fn pump(&mut self) -> Result<(), ClientError>;

    /// The earliest line typed that was not taken yet.
    fn typed(&mut self) -> Option<Typed>;

    /// Whether Ctrl-C was typed since this was last asked.
    fn take_interrupt(&mut self) -> bool;

    /// Changes the prompt; without one, what is typed waits unseen.
    fn ask(&mut self, prompt: Option<Prompt>) -> Result<(), ClientError>;

    /// Shows a line. It is written and flushed when this returns.
    fn say(&mut self, line: &str) -> Result<(), ClientError>;

    /// What Tab completes, where there is one.
    fn completer(&mut self) -> Option<&mut Completer> {
        None
    }
}

/// The standard input and output: a terminal where both are one that obeys
/// control sequences, and else lines.
pub(crate) fn standard() -> Result<Box<dyn Console>, ClientError> {
    let (stdin, stdout) = (io::stdin(), io::stdout());
    // The library's own buffer would hide what it holds from a poll.
    let source = File::from(stdin.as_fd().try_clone_to_owned().map_err(ClientError::Input)?);
    if !stdin.is_terminal() || !stdout.is_terminal() {
        return Ok(Box::new(PlainConsole::new(source, stdout)));
    }
    if is_dumb() {
        return Ok(Box::new(DumbConsole::new(source, stdout)?));
    }
    let mut console = TerminalConsole::of_process()?;
    console.clear_by_interrupt();
    console.take_over()?;
    Ok(Box::new(console))
}

/// Whether the terminal does not say that it obeys control sequences.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

/// Whether a read would not wait. The poll that woke the client may have been for
/// something else.
fn is_ready(source: BorrowedFd<'_>) -> Result<bool, ClientError> {
    match poll(&mut [PollFd::from_borrowed_fd(source, PollFlags::IN)], Some(&Timespec::default())) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(errno) => Err(ClientError::Input(errno.into())),
    }
}

/// Writes all of it, and flushes.
fn show(output: &mut dyn Write, text: &str) -> Result<(), ClientError> {
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(ClientError::Show)
}
