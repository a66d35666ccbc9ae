//! The user's side of a live client: lines may be typed and shown at any time.
//!
//! At a terminal, received lines are shown above the line that is being typed,
//! which stays as it is. Once [`Console::say`] returns, a line is written and
//! flushed, and its message may be confirmed to the sender. That is why these
//! clients have a line editor of their own: one with a thread of its own could
//! only promise that a line will be shown.

mod completion;
mod drawing;
mod dumb;
mod editor;
mod history;
mod history_file;
mod keys;
mod plain;
mod terminal;

use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::PathBuf;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::ClientError;
use crate::colour::Colours;
use crate::typed::Typed;

pub(crate) use completion::{CommandHelp, Completer, Operand};
pub(crate) use dumb::DumbConsole;
pub(crate) use history::may_hold_password;
pub(crate) use plain::PlainConsole;
pub(crate) use terminal::TerminalConsole;

/// The prompt before the line that is typed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Prompt {
    /// The text, which is safe to show as it is.
    pub(crate) text: String,
    /// What is typed is not shown.
    pub(crate) is_secret: bool,
    /// It asks a question, rather than only preceding commands.
    is_question: bool,
}

impl Prompt {
    /// A question whose answer is shown.
    pub(crate) fn open(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_secret: false, is_question: true }
    }

    /// A question for a password.
    pub(crate) fn secret(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_secret: true, is_question: true }
    }

    /// The prompt for commands.
    pub(crate) fn standing(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_secret: false, is_question: false }
    }
}

/// Lines in, lines out. Only writing blocks.
pub(crate) trait Console {
    /// Whether a person sees the prompts and can be asked again.
    fn is_interactive(&self) -> bool;

    /// How names are shown.
    fn colours(&self) -> Colours;

    /// The files to poll for reading; call [`pump`](Self::pump) when one is ready.
    fn watched(&self) -> Vec<BorrowedFd<'_>>;

    /// Reads what was typed, if anything was.
    fn pump(&mut self) -> Result<(), ClientError>;

    /// Takes the earliest typed line.
    fn typed(&mut self) -> Option<Typed>;

    /// Whether Ctrl-C was typed since the last call.
    fn take_interrupt(&mut self) -> bool;

    /// Changes the prompt; without one, what is typed waits and is not shown.
    fn ask(&mut self, prompt: Option<Prompt>) -> Result<(), ClientError>;

    /// Offers a line that was typed to be edited again, unless another one was begun.
    fn restore(&mut self, _line: &str) -> Result<(), ClientError> {
        Ok(())
    }

    /// Shows a line. It is written and flushed when this returns.
    fn say(&mut self, line: &str) -> Result<(), ClientError>;

    /// The completer of Tab, if there is one.
    fn completer(&mut self) -> Option<&mut Completer> {
        None
    }
}

/// The standard input and output: as a terminal with a line editor if both are a
/// terminal that obeys control sequences, otherwise as lines. The line editor keeps what is
/// typed in the file `history`, if there is to be one.
pub(crate) fn standard(history: Option<PathBuf>) -> Result<Box<dyn Console>, ClientError> {
    let (stdin, stdout) = (io::stdin(), io::stdout());
    // Bytes in the standard library's buffer would be invisible to poll.
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
    console.keep_history(history)?;
    Ok(Box::new(console))
}

/// Whether TERM does not name a terminal that obeys control sequences.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

/// Whether a read would not block. The client may have been woken by another
/// file.
fn is_ready(source: BorrowedFd<'_>) -> Result<bool, ClientError> {
    match poll(&mut [PollFd::from_borrowed_fd(source, PollFlags::IN)], Some(&Timespec::default())) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(errno) => Err(ClientError::Input(errno.into())),
    }
}

/// Writes the text and flushes it.
fn show(output: &mut dyn Write, text: &str) -> Result<(), ClientError> {
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(ClientError::Show)
}
