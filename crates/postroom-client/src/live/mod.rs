//! What chat's and im's clients share: waiting for the person, the server and
//! signals at once, the states of a session, and the login.

mod absent;
mod comeback;
mod doubt;
mod login;
mod returning;
mod session;

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use postroom_model::Name;
use rustix::event::PollFlags;

use crate::ClientError;
use crate::connection::Connection;
use crate::console::Console;
use crate::signals::Signals;

pub(crate) use session::{Login, Options, Protocol, Session, State, run, run_with};

/// How long the client waits for the server's farewell after Ctrl-C.
const HURRY_WAIT_MAX: Duration = Duration::from_secs(2);

/// Whether a session goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Flow {
    /// The session goes on.
    On,
    /// The session has ended in order.
    Done,
}

/// What ended a wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Woken {
    /// Something is ready, and has been read.
    Something,
    /// Ctrl-C, or a signal that asks the process to end.
    Interrupted,
    /// The deadline.
    Late,
}

/// The two sides of a session: a person or a script, and a server.
pub(crate) struct Live<'a> {
    /// Where lines are typed and shown.
    pub(crate) console: &'a mut dyn Console,
    /// The connection that the client opened.
    pub(crate) connection: Connection,
    signals: Signals,
    timeout: Duration,
    /// When the wait ends, and how long the whole wait is.
    deadline: Option<(Instant, Duration)>,
    /// Ctrl-C was pressed.
    hurries: bool,
}

impl<'a> Live<'a> {
    fn new(
        console: &'a mut dyn Console,
        connection: Connection,
        signals: Signals,
        timeout: Duration,
    ) -> Self {
        Self { console, connection, signals, timeout, deadline: None, hurries: false }
    }

    /// Waits for the person, the server or `others`, and reads what the person and
    /// the server sent.
    pub(crate) fn wait(
        &mut self,
        others: &[(BorrowedFd<'_>, PollFlags)],
    ) -> Result<Woken, ClientError> {
        let keys = self.console.watched().into_iter().map(|fd| (fd, PollFlags::IN));
        let watched = keys.chain([self.connection.watched()]).chain(others.iter().copied());
        let deadline = self.deadline.map(|(deadline, _)| deadline);
        match self.signals.wait_for_any(watched, deadline) {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => return Ok(Woken::Late),
            // Taken, so that only another signal interrupts again.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.signals.take();
                return Ok(Woken::Interrupted);
            }
            waited => waited.map_err(|error| self.failure(error))?,
        }
        self.console.pump()?;
        self.connection.pump()?;
        if self.console.take_interrupt() { Ok(Woken::Interrupted) } else { Ok(Woken::Something) }
    }

    /// Says why a typed line was refused.
    pub(crate) fn refuse(&mut self, error: &ClientError) -> Result<(), ClientError> {
        let is_kept =
            matches!(error, ClientError::LineTooLong) && self.console.completer().is_some();
        let advice = if is_kept { "; press Up to edit it" } else { "" };
        self.console.say(&format!("{error}{advice}"))
    }

    /// Remembers a name for Tab.
    pub(crate) fn learn_name(&mut self, word: &str) {
        if let (Some(completer), Ok(name)) = (self.console.completer(), Name::new(word)) {
            completer.learn_name(name);
        }
    }

    /// Remembers the hashtags of a text for Tab.
    pub(crate) fn learn_hashtags(&mut self, text: &str) {
        if let Some(completer) = self.console.completer() {
            completer.learn_hashtags(text);
        }
    }

    /// Expects something within the time-out plus `longer`.
    pub(crate) fn await_answer(&mut self, longer: Duration) {
        let wait = self.timeout + longer;
        self.deadline = Some((Instant::now() + wait, wait));
    }

    /// Expects something within `wait`, or within half of the time-out if that is
    /// shorter.
    pub(crate) fn await_at_first(&mut self, wait: Duration) {
        let wait = wait.min(self.timeout / 2);
        self.deadline = Some((Instant::now() + wait, wait));
    }

    /// Expects nothing.
    pub(crate) fn await_nothing(&mut self) {
        self.deadline = None;
    }

    /// Expects the server's farewell.
    pub(crate) fn await_farewell(&mut self) {
        if self.hurries {
            let wait = self.timeout.min(HURRY_WAIT_MAX);
            self.deadline = Some((Instant::now() + wait, wait));
        } else {
            self.await_answer(Duration::ZERO);
        }
    }

    /// Notes that Ctrl-C was pressed; returns `true` the first time.
    pub(crate) fn begin_to_hurry(&mut self) -> bool {
        !std::mem::replace(&mut self.hurries, true)
    }

    /// Handles a passed deadline: after Ctrl-C it ends the session, otherwise it is
    /// an error.
    pub(crate) fn late(&self) -> Result<Flow, ClientError> {
        if self.hurries {
            return Ok(Flow::Done);
        }
        Err(self.failure(io::ErrorKind::TimedOut.into()))
    }

    fn failure(&self, error: io::Error) -> ClientError {
        let waited = self.deadline.map_or(self.timeout, |(_, wait)| wait);
        ClientError::connection(self.connection.server(), waited, error)
    }
}
