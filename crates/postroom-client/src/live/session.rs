//! The client's side of a session in a protocol in which both sides may speak at
//! any time: the states, the loop and the commands that are the same in each.

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use postroom_model::{Name, Password};
use rustix::event::PollFlags;

use super::comeback::Comeback;
use super::doubt::Doubt;
use super::{Flow, Live, Woken};
use crate::ClientError;
use crate::connection::{Connection, Resolved};
use crate::console::{self, CommandHelp, Console, PlainConsole, Prompt};
use crate::settings::Settings;
use crate::signals::Signals;
use crate::typed::Typed;

/// What one protocol adds to a [`Session`], and the state that it needs.
pub(crate) trait Protocol: Default {
    /// The protocol's name.
    const NAME: &'static str;

    /// What can be typed.
    const COMMANDS: &'static [CommandHelp];

    /// The line before the commands in the answer to /help.
    const HELP: Option<&'static str>;

    /// The command that ends the session, as it is sent, ...
    const LEAVE: &'static [u8];

    /// ... and as a person is told of it.
    const LEAVE_WORD: &'static str;

    /// A line that was sent so long ago has arrived, even if the server has said nothing since.
    const SETTLED_AFTER: Duration;

    /// What the server is to send next.
    type Awaited;

    /// Begins, with a login or by waiting for a greeting.
    fn start(session: &mut Session<'_, Self>) -> Result<(), ClientError>;

    /// Handles a name that was typed.
    fn take_name(session: &mut Session<'_, Self>, typed: &str) -> Result<(), ClientError> {
        session.take_name(typed)
    }

    /// Begins the login of a valid name.
    fn begin_login(session: &mut Session<'_, Self>, login: Login) -> Result<(), ClientError>;

    /// Logs in with a password.
    fn log_in(
        session: &mut Session<'_, Self>,
        login: Login,
        password: &Password,
    ) -> Result<(), ClientError>;

    /// Carries out a command, a line that is not blank.
    fn take_command(session: &mut Session<'_, Self>, line: &str) -> Result<(), ClientError>;

    /// Handles a line of the server.
    fn take_line(session: &mut Session<'_, Self>, line: &str) -> Result<Flow, ClientError>;

    /// The error for a server that has ended the connection.
    fn ended(session: &Session<'_, Self>) -> ClientError;

    /// Whether a typed line asks to leave.
    fn leaves(line: &str) -> bool;

    /// Forgets what is of a connection that is lost.
    fn lost(session: &mut Session<'_, Self>);

    /// Restores what the server has forgotten, once the account is logged in again.
    fn returned(session: &mut Session<'_, Self>) -> Result<(), ClientError>;

    /// Handles a deadline that has passed.
    fn late(session: &mut Session<'_, Self>) -> Result<Flow, ClientError> {
        session.live.late()
    }

    /// What to poll beside the connection that the client opened.
    fn watched<'s>(&'s self, _state: &'s State<Self::Awaited>) -> Vec<(BorrowedFd<'s>, PollFlags)> {
        Vec::new()
    }

    /// Does what can be done there without waiting.
    fn pump(_session: &mut Session<'_, Self>) -> Result<(), ClientError> {
        Ok(())
    }
}

/// Whom to log in, and where.
#[derive(Debug)]
pub(crate) struct Options {
    settings: Settings,
    /// How long the server may take to answer.
    timeout: Duration,
    password: Option<Password>,
}

impl Options {
    /// Reads the password, if there is a file for it.
    pub(crate) fn new(settings: Settings, timeout: Duration) -> Result<Self, ClientError> {
        let password = settings.password()?;
        Ok(Self { settings, timeout, password })
    }
}

/// A person or a script on one side, a server on the other.
pub(crate) struct Session<'a, P: Protocol> {
    pub(crate) live: Live<'a>,
    pub(crate) state: State<P::Awaited>,
    pub(crate) protocol: P,
    /// From the command line, until it was tried.
    pub(super) name: Option<String>,
    /// From a file, until it was refused.
    pub(crate) password: Option<Password>,
    /// The password that was sent last.
    pub(crate) tried: Option<Password>,
    /// The lines of which it is not known whether they have arrived.
    pub(crate) doubt: Doubt,
    /// Set where the session comes back after its connection is lost.
    pub(super) comeback: Option<Comeback>,
}

/// ```text
/// Naming ─▶ NamingPassword        any ─▶ Leaving
///   │ ▲          │
///   ▼ │ refused  ▼
///  Awaiting ◀────┘
///   │ ▲
///   ▼ │
///  Here
/// ```
#[derive(Debug)]
pub(crate) enum State<A> {
    /// A name is to be typed.
    Naming,
    /// The password for the name is to be typed.
    NamingPassword(Login),
    /// The server is to send something.
    Awaiting(A),
    /// The name is logged in, and a command is to be typed.
    Here,
    /// The server is to say farewell.
    Leaving,
}

/// A login in progress.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) name: Name,
    /// How many passwords the server has refused.
    pub(super) passwords_refused: u32,
}

/// Runs a session at the process's own input and output until it ends. Signals
/// that ask the process to end leave in order, and stay taken over: call this in
/// a process that ends with it.
pub(crate) fn run<P: Protocol>(options: Options) -> Result<(), ClientError> {
    let server = Resolved::new(&options.settings)?;
    // Not before: the resolver cannot be interrupted.
    let signals = Signals::listen_to_all().map_err(ClientError::Input)?;
    let connection = match open::<P>(server.clone(), &options, &signals) {
        Err(ClientError::Interrupted) => return Ok(()),
        opened => opened?,
    };
    let reconnects = options.settings.reconnects;
    let mut console = console::standard(options.settings.history.clone())?;
    let mut session = Session::<P>::new(&mut *console, connection, signals, options);
    if reconnects && session.live.console.is_interactive() {
        session.comeback = Some(Comeback::new(server));
    }
    session.run()
}

/// Does as [`run`] with lines from `input`, which must not be buffered, and
/// without prompts; signals keep their meaning.
pub(crate) fn run_with<P: Protocol>(
    options: Options,
    input: impl Read + AsFd,
    output: &mut dyn Write,
) -> Result<(), ClientError> {
    let signals = Signals::default();
    let server = Resolved::new(&options.settings)?;
    let connection = open::<P>(server, &options, &signals)?;
    let mut console = PlainConsole::new(input, output);
    Session::<P>::new(&mut console, connection, signals, options).run()
}

fn open<P: Protocol>(
    server: Resolved,
    options: &Options,
    signals: &Signals,
) -> Result<Connection, ClientError> {
    Connection::open(server, P::NAME, options.timeout, &mut &*signals)?.kept_alive()
}

impl<'a, P: Protocol> Session<'a, P> {
    fn new(
        console: &'a mut dyn Console,
        connection: Connection,
        signals: Signals,
        options: Options,
    ) -> Self {
        if let Some(completer) = console.completer() {
            completer.commands = P::COMMANDS;
        }
        Self {
            live: Live::new(console, connection, signals, options.timeout),
            state: State::Naming,
            protocol: P::default(),
            name: options.settings.name,
            password: options.password,
            tried: None,
            doubt: Doubt::default(),
            comeback: None,
        }
    }

    fn run(mut self) -> Result<(), ClientError> {
        let mut flow = P::start(&mut self).map(|()| Flow::On);
        loop {
            flow = match flow {
                Ok(Flow::Done) => return Ok(()),
                Ok(Flow::On) => self.round(),
                Err(error) => Ok(self.recover(error)?),
            };
        }
    }

    /// Does all that can be done without waiting, and waits.
    fn round(&mut self) -> Result<Flow, ClientError> {
        if self.turn()? == Flow::Done {
            return Ok(Flow::Done);
        }
        match self.live.wait(&self.protocol.watched(&self.state))? {
            Woken::Something => Ok(Flow::On),
            Woken::Interrupted => self.hurry(),
            Woken::Late => P::late(self),
        }
    }

    /// Does all that can be done without waiting.
    fn turn(&mut self) -> Result<Flow, ClientError> {
        P::pump(self)?;
        while let Some(line) = self.live.connection.line()? {
            if P::take_line(self, &line)? == Flow::Done {
                return Ok(Flow::Done);
            }
        }
        if self.live.connection.has_ended() {
            return Err(P::ended(self));
        }
        while self.takes_lines()
            && let Some(typed) = self.live.console.typed()
        {
            self.take_typed(typed)?;
        }
        Ok(Flow::On)
    }

    fn hurry(&mut self) -> Result<Flow, ClientError> {
        if !self.live.begin_to_hurry() {
            return Ok(Flow::Done);
        }
        self.leave()?;
        Ok(Flow::On)
    }

    fn takes_lines(&self) -> bool {
        matches!(self.state, State::Naming | State::NamingPassword(_) | State::Here)
            && !self.live.connection.is_behind()
    }

    fn take_typed(&mut self, typed: Typed) -> Result<(), ClientError> {
        let line = match (typed, &self.state) {
            (Typed::Line(line), _) => line,
            (Typed::Unusable(error), State::NamingPassword(login)) => {
                return self.refuse_password(login.clone(), &error);
            }
            (Typed::Unusable(error), _) => return self.live.refuse(&error),
            (Typed::End, _) => return self.leave(),
        };
        match &self.state {
            State::Naming if line.trim() == "/help" => self.help(),
            State::Naming => P::take_name(self, &line),
            State::NamingPassword(login) => self.take_password(login.clone(), &line),
            _ if line.trim().is_empty() => Ok(()),
            _ => P::take_command(self, &line),
        }
    }

    /// Shows what can be typed, without asking the server.
    pub(crate) fn help(&mut self) -> Result<(), ClientError> {
        help_lines::<P>().iter().try_for_each(|line| self.live.console.say(line))
    }

    /// The server has let the name in: commands may be typed.
    pub(crate) fn enter(&mut self, name: &Name) -> Result<(), ClientError> {
        self.state = State::Here;
        self.live.await_nothing();
        let prompt = format!("{name}@{}> ", self.live.connection.server());
        let was_away = self.arrive(name);
        self.live.console.ask(Some(Prompt::standing(prompt)))?;
        if was_away {
            let said = "Connected again; what was said meanwhile is not shown.";
            self.live.console.say(said)?;
            P::returned(self)?;
        }
        Ok(())
    }

    /// Whether the server is to say farewell.
    pub(super) fn is_leaving(&self) -> bool {
        matches!(self.state, State::Leaving)
    }

    /// Shows no prompt while the server is to answer; while it is to let the account in
    /// again, the line that is being typed stays.
    pub(crate) fn hush(&mut self) -> Result<(), ClientError> {
        if self.is_returning() { Ok(()) } else { self.live.console.ask(None) }
    }

    /// Asks the server to end the session.
    pub(crate) fn leave(&mut self) -> Result<(), ClientError> {
        if !self.is_leaving() {
            self.live.connection.send(P::LEAVE)?;
        }
        self.state = State::Leaving;
        self.live.await_farewell();
        // Last: a terminal that has been closed fails.
        self.live.console.ask(None)
    }
}

/// What can be typed.
pub(super) fn help_lines<P: Protocol>() -> Vec<String> {
    let lines = P::HELP.into_iter().map(str::to_owned);
    lines.chain(P::COMMANDS.iter().map(CommandHelp::line)).collect()
}
