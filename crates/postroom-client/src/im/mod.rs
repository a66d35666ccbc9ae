//! The client for live messages: commands and their answers on the connection
//! that it opens, messages on one that the server opens back to it.
//!
//! A message is confirmed only after it was written and flushed, so a message
//! that the sender sees as delivered has been shown.

mod answers;
mod commands;
mod login;

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use postroom_model::{Name, Password};
use rustix::event::PollFlags;

use self::answers::{Answer, Push};
use self::commands::{COMMANDS, Command, Mistake, Request};
use crate::connection::Connection;
use crate::console::CommandHelp;
use crate::error::Deviation;
use crate::live::{self, Flow, Login, Options, Protocol, Session, State};
use crate::settings::{Client, Settings};
use crate::transport::DialBack;
use crate::{ClientError, Environment, ImArguments};

/// Confirms a push.
const RECEIPT: &[u8] = b"302 Message receipt successful";

/// How much longer than other answers the answer to a message may take: its
/// recipients may have others before it, of 5 s each.
const DELIVERY_WAIT_MAX: Duration = Duration::from_mins(1);

/// Runs the client at the standard input and output, for a person at a terminal
/// or for a script, until they leave.
///
/// Signals that ask the process to end leave cleanly and stay taken over
/// afterwards: call this in a process that ends with it.
pub fn im(arguments: &ImArguments, environment: &Environment) -> Result<(), ClientError> {
    live::run::<Im>(options(arguments, environment)?)
}

/// Does as [`im`] with lines from `input`, which must not be buffered, and
/// without prompts; signals keep their meaning.
pub fn im_with<R: Read + AsFd>(
    arguments: &ImArguments,
    environment: &Environment,
    input: R,
    output: &mut dyn Write,
) -> Result<(), ClientError> {
    live::run_with::<Im>(options(arguments, environment)?, input, output)
}

fn options(arguments: &ImArguments, environment: &Environment) -> Result<Options, ClientError> {
    let settings = Settings::new(Client::Im, arguments.given()?, environment)?;
    Options::new(settings, arguments.timeout)
}

/// The protocol `im`.
#[derive(Debug, Default)]
struct Im {
    /// The connection that the server opened.
    pushes: Option<Connection>,
    /// Who is logged in.
    name: Option<Name>,
    /// A line has arrived that is an answer in this protocol.
    has_answered: bool,
}

/// What the server is to send next.
///
/// ```text
/// Login ─▶ DialBack ─▶ Pushes ─▶ (commands) ◀─▶ Answer
/// ```
#[derive(Debug)]
enum Awaited {
    /// The answer to the login.
    Login(Login),
    /// The answer to /port: whether it has connected back.
    DialBack(DialBack),
    /// That connection, which is to be accepted.
    Pushes(DialBack),
    /// The answer to a command.
    Answer(Request),
}

impl Protocol for Im {
    const NAME: &'static str = "im";
    const COMMANDS: &'static [CommandHelp] = &COMMANDS;
    const HELP: Option<&'static str> = None;
    const LEAVE: &'static [u8] = b"/exit";
    // Only its answer settles a message.
    const SETTLED_AFTER: Duration = Duration::MAX;
    const LEAVE_WORD: &'static str = "/exit";
    type Awaited = Awaited;

    fn start(session: &mut Session<'_, Self>) -> Result<(), ClientError> {
        session.begin()
    }

    fn begin_login(session: &mut Session<'_, Self>, login: Login) -> Result<(), ClientError> {
        session.begin_login(login)
    }

    fn log_in(
        session: &mut Session<'_, Self>,
        login: Login,
        password: &Password,
    ) -> Result<(), ClientError> {
        session.log_in(login, password)
    }

    fn take_command(session: &mut Session<'_, Self>, line: &str) -> Result<(), ClientError> {
        session.take_command(line)
    }

    fn take_line(session: &mut Session<'_, Self>, line: &str) -> Result<Flow, ClientError> {
        session.take_answer(line)
    }

    fn ended(session: &Session<'_, Self>) -> ClientError {
        match session.state {
            // A listener of this protocol answers both a login and a farewell.
            State::Awaiting(Awaited::Login(_)) | State::Leaving
                if !session.protocol.has_answered =>
            {
                session.live.connection.unanswered()
            }
            _ => session.live.connection.gone(),
        }
    }

    fn leaves(line: &str) -> bool {
        matches!(Command::parse(line), Ok(Command::Exit))
    }

    fn lost(session: &mut Session<'_, Self>) {
        session.protocol.pushes = None;
    }

    fn returned(_session: &mut Session<'_, Self>) -> Result<(), ClientError> {
        Ok(())
    }

    fn watched<'s>(&'s self, state: &'s State<Awaited>) -> Vec<(BorrowedFd<'s>, PollFlags)> {
        let dial_back = match state {
            State::Awaiting(Awaited::Pushes(dial_back)) => Some(dial_back.watched()),
            _ => None,
        };
        dial_back.into_iter().chain(self.pushes.as_ref().map(Connection::watched)).collect()
    }

    fn pump(session: &mut Session<'_, Self>) -> Result<(), ClientError> {
        session.accept()?;
        session.take_pushes()
    }
}

impl Session<'_, Im> {
    fn take_pushes(&mut self) -> Result<(), ClientError> {
        let Some(connection) = &mut self.protocol.pushes else { return Ok(()) };
        connection.pump()?;
        let colours = self.live.console.colours();
        while let Some(line) = connection.line()? {
            let push = Push::parse(&line);
            if push == Some(Push::ForceQuit) {
                return Err(ClientError::Stopped { server: connection.server().clone() });
            }
            let Some(shown) = push.and_then(|push| push.shown(colours)) else {
                return Err(connection.deviation(Deviation::unexpected("/port", &line)));
            };
            self.live.console.say(&shown)?;
            connection.send(RECEIPT)?;
            self.live.learn_name(line.split(' ').nth(1).unwrap_or_default());
            self.live.learn_hashtags(&line);
        }
        if connection.has_ended() && !matches!(self.state, State::Leaving) {
            return Err(connection.gone());
        }
        Ok(())
    }

    fn take_answer(&mut self, line: &str) -> Result<Flow, ClientError> {
        let Some(answer) = Answer::parse(line) else {
            return Err(self.unexpected(line));
        };
        self.protocol.has_answered = true;
        match (&self.state, answer.code) {
            (State::Awaiting(Awaited::Login(login)), 101) => self.logged_in(&login.name.clone())?,
            (State::Awaiting(Awaited::Login(login)), 102) => {
                self.password_refused(login.clone())?;
            }
            (State::Awaiting(Awaited::Login(login)), 103) => {
                self.already_logged_in(login.name.clone())?;
            }
            (State::Awaiting(Awaited::DialBack(_)), 201) => self.dialled_back(),
            (State::Awaiting(Awaited::DialBack(_)), 202) => {
                let server = self.live.connection.server().clone();
                let tls = self.live.connection.transport.has_tls();
                return Err(ClientError::NotDialledBack { server, tls });
            }
            (State::Awaiting(Awaited::Answer(asked)), _) => {
                self.take_command_answer(&asked.clone(), &answer, line)?;
            }
            (State::Leaving, 310) => return Ok(Flow::Done),
            // The answer to a command from before Ctrl-C.
            (State::Leaving, _) => {}
            _ => return Err(self.unexpected(line)),
        }
        Ok(Flow::On)
    }

    fn take_command_answer(
        &mut self,
        asked: &Request,
        answer: &Answer<'_>,
        line: &str,
    ) -> Result<(), ClientError> {
        match asked {
            Request::List => {
                answer.rest.split_whitespace().for_each(|name| self.live.learn_name(name));
            }
            // Only the name of an account is worth completing.
            Request::To(name) if answer.code == 303 => self.live.learn_name(name.as_str()),
            _ => {}
        }
        let shown = answer.in_words(asked, self.live.console.colours());
        let shown = shown.ok_or_else(|| self.unexpected(line))?;
        self.state = State::Here;
        self.doubt.answered();
        self.live.await_nothing();
        self.live.console.say(&shown)
    }

    fn take_command(&mut self, line: &str) -> Result<(), ClientError> {
        match Command::parse(line) {
            Ok(Command::Request(Request::To(name), _))
                if Some(&name) == self.protocol.name.as_ref() =>
            {
                self.live.console.say("Nothing was sent: this is your own name.")
            }
            Ok(Command::Request(asked, line)) => {
                self.live.learn_hashtags(&line);
                let longer =
                    if asked == Request::List { Duration::ZERO } else { DELIVERY_WAIT_MAX };
                self.live.await_answer(longer);
                self.state = State::Awaiting(Awaited::Answer(asked));
                self.doubt.sent(line.clone(), Instant::now());
                self.live.connection.send(line.as_bytes())
            }
            Ok(Command::Help) => self.help(),
            Ok(Command::Exit) => self.leave(),
            Err(Mistake::Part(error @ ClientError::LineTooLong)) => self.live.refuse(&error),
            Err(mistake) => self.live.console.say(&mistake.to_string()),
        }
    }

    /// The error for a line that is not the answer to anything.
    fn unexpected(&self, line: &str) -> ClientError {
        let command = match &self.state {
            State::Awaiting(Awaited::Login(_)) => Some("/login"),
            State::Awaiting(Awaited::DialBack(_)) => Some("/port"),
            State::Awaiting(Awaited::Answer(Request::To(_))) => Some("/to"),
            State::Awaiting(Awaited::Answer(Request::ToAll)) => Some("/toall"),
            State::Awaiting(Awaited::Answer(Request::List)) => Some("/list"),
            State::Leaving => Some("/exit"),
            State::Naming | State::NamingPassword(_) => Some("a connection"),
            State::Awaiting(Awaited::Pushes(_)) | State::Here => None,
        };
        let unasked = Deviation::Unasked;
        let deviation = command.map_or(unasked, |command| Deviation::unexpected(command, line));
        self.live.connection.deviation(deviation)
    }
}
