//! A person at a terminal while there is no connection: the line that is being typed can be
//! edited, and leaving works at once.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use crate::ClientError;
use crate::console::Console;
use crate::signals::{Signals, Wait};
use crate::typed::Typed;

/// What ends the wait for a connection before it is there.
#[derive(Debug)]
pub(super) enum Left {
    /// The person leaves.
    Quit,
    /// The terminal fails.
    Failed(ClientError),
}

/// What a typed line means while there is no connection.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Meaning {
    /// To leave.
    Leave,
    /// To see these lines.
    Help(Vec<String>),
    /// Something for the server.
    Message,
}

/// Looks after the person while something else is waited for.
pub(super) struct Absent<'a> {
    console: &'a mut dyn Console,
    signals: &'a Signals,
    meaning: fn(&str) -> Meaning,
    pub(super) left: Option<Left>,
}

impl<'a> Absent<'a> {
    pub(super) fn new(
        console: &'a mut dyn Console,
        signals: &'a Signals,
        meaning: fn(&str) -> Meaning,
    ) -> Self {
        Self { console, signals, meaning, left: None }
    }

    /// Waits for so long.
    pub(super) fn pause(&mut self, pause: Duration) -> Result<(), Left> {
        let deadline = Instant::now() + pause;
        loop {
            match self.turn(None, Some(deadline)) {
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Ok(()),
                Err(error) => return Err(self.left(error)),
                Ok(_) => {}
            }
        }
    }

    /// Why a wait that was interrupted has ended.
    fn left(&mut self, error: io::Error) -> Left {
        self.left.take().unwrap_or(match error.kind() {
            io::ErrorKind::Interrupted => Left::Quit,
            _ => Left::Failed(ClientError::Input(error)),
        })
    }

    /// Waits for the person or for `watched`; returns whether that is ready.
    fn turn(
        &mut self,
        watched: Option<(BorrowedFd<'_>, PollFlags)>,
        deadline: Option<Instant>,
    ) -> io::Result<bool> {
        self.obey()?;
        let keys = self.console.watched().into_iter().map(|fd| (fd, PollFlags::IN));
        let is_ready = self.signals.wait_for_each(watched.into_iter().chain(keys), deadline)?;
        let pumped = self.console.pump();
        self.checked(pumped)?;
        if self.console.take_interrupt() {
            return Err(self.leave(Left::Quit));
        }
        Ok(watched.is_some() && is_ready.first() == Some(&true))
    }

    /// Does what was typed.
    fn obey(&mut self) -> io::Result<()> {
        while let Some(typed) = self.console.typed() {
            let done = match typed {
                Typed::End => return Err(self.leave(Left::Quit)),
                Typed::Unusable(error) => self.console.say(&error.to_string()),
                Typed::Line(line) if line.trim().is_empty() => Ok(()),
                Typed::Line(line) => match (self.meaning)(&line) {
                    Meaning::Leave => return Err(self.leave(Left::Quit)),
                    Meaning::Help(lines) => {
                        lines.iter().try_for_each(|line| self.console.say(line))
                    }
                    Meaning::Message => self.refuse(&line),
                },
            };
            self.checked(done)?;
        }
        Ok(())
    }

    fn refuse(&mut self, line: &str) -> Result<(), ClientError> {
        self.console.say("Not sent: there is no connection yet.")?;
        self.console.restore(line)
    }

    fn checked(&mut self, done: Result<(), ClientError>) -> io::Result<()> {
        done.map_err(|error| self.leave(Left::Failed(error)))
    }

    fn leave(&mut self, left: Left) -> io::Error {
        self.left = Some(left);
        io::ErrorKind::Interrupted.into()
    }
}

impl Wait for Absent<'_> {
    fn wait(
        &mut self,
        watched: BorrowedFd<'_>,
        events: PollFlags,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        while !self.turn(Some((watched, events)), deadline)? {}
        Ok(())
    }
}
