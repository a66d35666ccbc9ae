//! What the live clients share: waiting for the person, the server and signals
//! at once.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use postroom_model::Name;
use rustix::event::PollFlags;

use crate::connection::{Connection, Resolved};
use crate::console::{self, CommandHelp, Console, PlainConsole};
use crate::interrupt::Interrupt;
use crate::{ClientError, ServerAddress};

/// How long whoever pressed Ctrl-C waits for the server's farewell.
const HURRY_WAIT_MAX: Duration = Duration::from_secs(2);

/// Whether a client goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Flow {
    /// There is more to come.
    On,
    /// It has left in order.
    Done,
}

/// What ended a wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Woken {
    /// Something came.
    Something,
    /// Ctrl-C, or a signal that asks to end.
    Interrupted,
    /// The deadline.
    Late,
}

/// Which server, for which protocol, and how long it may take to answer.
pub(crate) struct Call {
    pub(crate) server: ServerAddress,
    pub(crate) protocol: &'static str,
    pub(crate) commands: &'static [CommandHelp],
    pub(crate) timeout: Duration,
}

/// A person or a script on one side, a server on the other.
pub(crate) struct Live<'a> {
    /// Where lines are typed and shown.
    pub(crate) console: &'a mut dyn Console,
    /// The connection that the client opened.
    pub(crate) connection: Connection,
    interrupt: Interrupt,
    timeout: Duration,
    /// When what is awaited must have come, and how long that was waited for.
    deadline: Option<(Instant, Duration)>,
    /// Ctrl-C was pressed.
    hurries: bool,
}

impl Call {
    /// Has `talk` use the process's own input, output and signals: call this in
    /// a process that ends with it.
    pub(crate) fn hold(
        self,
        talk: impl FnOnce(Live<'_>) -> Result<(), ClientError>,
    ) -> Result<(), ClientError> {
        let Self { protocol, commands, timeout, .. } = self;
        let server = Resolved::new(self.server)?;
        // Only now: the resolver could not be interrupted any more.
        let interrupt = Interrupt::listen_to_all().map_err(ClientError::Input)?;
        let connection = match open(server, protocol, timeout, &interrupt) {
            Err(ClientError::Interrupted) => return Ok(()),
            opened => opened?,
        };
        let mut console = console::standard()?;
        talk(Live::new(&mut *console, connection, interrupt, timeout, commands))
    }

    /// Has `talk` use lines from `input`, which must not be buffered; signals
    /// keep their meaning.
    pub(crate) fn hold_with<R: Read + AsFd>(
        self,
        input: R,
        output: &mut dyn Write,
        talk: impl FnOnce(Live<'_>) -> Result<(), ClientError>,
    ) -> Result<(), ClientError> {
        let interrupt = Interrupt::default();
        let connection =
            open(Resolved::new(self.server)?, self.protocol, self.timeout, &interrupt)?;
        let mut console = PlainConsole::new(input, output);
        talk(Live::new(&mut console, connection, interrupt, self.timeout, self.commands))
    }
}

fn open(
    server: Resolved,
    protocol: &'static str,
    timeout: Duration,
    interrupt: &Interrupt,
) -> Result<Connection, ClientError> {
    Connection::open(server, protocol, timeout, interrupt)?.kept_alive()
}

impl<'a> Live<'a> {
    fn new(
        console: &'a mut dyn Console,
        connection: Connection,
        interrupt: Interrupt,
        timeout: Duration,
        commands: &'static [CommandHelp],
    ) -> Self {
        if let Some(completer) = console.completer() {
            completer.commands = commands;
        }
        Self { console, connection, interrupt, timeout, deadline: None, hurries: false }
    }

    /// Waits for anything to come from the person, the server or `others`, and
    /// takes in what did.
    pub(crate) fn wait(
        &mut self,
        others: &[(BorrowedFd<'_>, PollFlags)],
    ) -> Result<Woken, ClientError> {
        let keys = self.console.watched().into_iter().map(|fd| (fd, PollFlags::IN));
        let watched = keys.chain([self.connection.watched()]).chain(others.iter().copied());
        let deadline = self.deadline.map(|(deadline, _)| deadline);
        match self.interrupt.wait_for_any(watched, deadline) {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => return Ok(Woken::Late),
            // It is told again, should it come again.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.interrupt.take();
                return Ok(Woken::Interrupted);
            }
            waited => waited.map_err(|error| self.failure(error))?,
        }
        self.console.pump()?;
        self.connection.pump()?;
        if self.console.take_interrupt() { Ok(Woken::Interrupted) } else { Ok(Woken::Something) }
    }

    /// Says why a line was not taken.
    pub(crate) fn refuse(&mut self, error: &ClientError) -> Result<(), ClientError> {
        let is_kept =
            matches!(error, ClientError::LineTooLong) && self.console.completer().is_some();
        let advice = if is_kept { "; Up brings it back" } else { "" };
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

    /// Something must come within the time-out and `longer`.
    pub(crate) fn await_answer(&mut self, longer: Duration) {
        let wait = self.timeout + longer;
        self.deadline = Some((Instant::now() + wait, wait));
    }

    /// Something must come within this part of the time-out, a half of it at
    /// most.
    pub(crate) fn await_at_first(&mut self, wait: Duration) {
        let wait = wait.min(self.timeout / 2);
        self.deadline = Some((Instant::now() + wait, wait));
    }

    /// Nothing is awaited.
    pub(crate) fn await_nothing(&mut self) {
        self.deadline = None;
    }

    /// Awaits the server's farewell.
    pub(crate) fn await_farewell(&mut self) {
        if self.hurries {
            let wait = self.timeout.min(HURRY_WAIT_MAX);
            self.deadline = Some((Instant::now() + wait, wait));
        } else {
            self.await_answer(Duration::ZERO);
        }
    }

    /// Notes that Ctrl-C came; `true` for the first time.
    pub(crate) fn begin_to_hurry(&mut self) -> bool {
        !std::mem::replace(&mut self.hurries, true)
    }

    /// What a passed deadline means: who is in a hurry waits no longer.
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
