//! A terminal's own echo, switched off while a password is typed.

use std::fs::File;
use std::os::fd::AsFd;

use rustix::termios::{self, LocalModes, OptionalActions, QueueSelector, Termios};

use crate::ClientError;

/// The echo of a terminal that is read line by line. Dropping this switches it on
/// again.
#[derive(Debug)]
pub(crate) struct Echo {
    terminal: File,
    usual: Termios,
    is_off: bool,
}

impl Echo {
    /// The echo of this terminal, whose mode is the user's.
    pub(crate) fn of(terminal: impl AsFd) -> Result<Self, ClientError> {
        let terminal = terminal.as_fd().try_clone_to_owned().map_err(ClientError::Terminal)?;
        let usual =
            termios::tcgetattr(&terminal).map_err(|errno| ClientError::Terminal(errno.into()))?;
        Ok(Self { terminal: terminal.into(), usual, is_off: false })
    }

    /// Stops echoing what is typed.
    pub(crate) fn switch_off(&mut self) -> Result<(), ClientError> {
        self.is_off = true;
        self.set(&without_echo(&self.usual))
    }

    /// Echoes again. Drops what was typed before, which may be a password typed
    /// twice. Returns whether the echo was off.
    pub(crate) fn switch_on(&mut self) -> Result<bool, ClientError> {
        let was_off = std::mem::take(&mut self.is_off);
        if was_off {
            forget_typed(&self.terminal)?;
            self.set(&self.usual)?;
        }
        Ok(was_off)
    }

    fn set(&self, modes: &Termios) -> Result<(), ClientError> {
        termios::tcsetattr(&self.terminal, OptionalActions::Drain, modes)
            .map_err(|errno| ClientError::Terminal(errno.into()))
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        // A failure cannot be shown any more.
        let _ = self.switch_on();
    }
}

/// The same modes without echo.
pub(crate) fn without_echo(usual: &Termios) -> Termios {
    let mut quiet = usual.clone();
    quiet.local_modes -= LocalModes::ECHO;
    quiet
}

/// Drops what was typed and not yet read.
pub(crate) fn forget_typed(terminal: impl AsFd) -> Result<(), ClientError> {
    termios::tcflush(terminal, QueueSelector::IFlush)
        .map_err(|errno| ClientError::Terminal(errno.into()))
}
