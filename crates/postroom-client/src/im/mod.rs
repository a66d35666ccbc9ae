//! The client for talking with those who are there: commands and answers on the
//! connection that it opens, messages on one that the server opens back to it.
//!
//! A message is confirmed only after it was written and flushed, so that what
//! the sender is told was delivered has been shown.

mod login;
mod words;

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use postroom_model::{Name, Password};
use rustix::event::PollFlags;

use self::words::{Answer, Asked, COMMANDS, Command, Mistake, Push};
use crate::connection::Connection;
use crate::console::Prompt;
use crate::error::Deviation;
use crate::live::{Call, Flow, Live, Woken};
use crate::transport::DialBack;
use crate::typed::Typed;
use crate::{ClientError, ImArguments, ServerAddress, password};

const PROTOCOL: &str = "im";

/// Confirms a push.
const RECEIPT: &[u8] = b"302 Message receipt successful";

/// How much longer than other answers that to a message may take: those who are
/// to have it may have others before it, of 5 s each.
const DELIVERY_WAIT_MAX: Duration = Duration::from_mins(1);

/// Talks with whoever is at the standard input and output, a person at a
/// terminal or a script, until they leave.
///
/// Signals that ask the process to end leave cleanly and stay taken over
/// afterwards: call this in a process that ends with it.
pub fn im(arguments: &ImArguments) -> Result<(), ClientError> {
    let password = password::from_file(arguments.password_file.as_deref())?;
    call(arguments).hold(|live| Im::new(live, arguments, password).run())
}

/// Does as [`im`] with lines from `input`, which must not be buffered, and
/// without prompts; signals keep their meaning.
pub fn im_with<R: Read + AsFd>(
    arguments: &ImArguments,
    input: R,
    output: &mut dyn Write,
) -> Result<(), ClientError> {
    let password = password::from_file(arguments.password_file.as_deref())?;
    call(arguments).hold_with(input, output, |live| Im::new(live, arguments, password).run())
}

fn call(arguments: &ImArguments) -> Call {
    Call {
        server: ServerAddress::new(&arguments.host, arguments.port),
        protocol: PROTOCOL,
        commands: &COMMANDS,
        timeout: arguments.timeout,
    }
}

/// ```text
/// Naming ─▶ NamingSecret ─▶ LoggingIn ─▶ BeingDialled ─▶ Accepting ─▶ Here ◀─▶ Asking
///   ▲             │             │
///   └─────────────┴─────────────┘ refused                 any ─▶ Leaving
/// ```
#[derive(Debug)]
enum State {
    /// A name is typed.
    Naming,
    /// The password for the name is typed.
    NamingSecret(Login),
    /// The server is to let the name in.
    LoggingIn(Login),
    /// The server is to say that it has connected back.
    BeingDialled(DialBack),
    /// It has said so: its connection is to be found.
    Accepting(DialBack),
    /// Commands are typed.
    Here,
    /// One of them is to be answered.
    Asking(Asked),
    /// The server is to say farewell.
    Leaving,
}

/// A name, and how often it was tried.
#[derive(Clone, Debug)]
struct Login {
    name: Name,
    passwords_refused: u32,
}

struct Im<'a> {
    live: Live<'a>,
    state: State,
    /// The connection that the server opened.
    pushes: Option<Connection>,
    /// From the command line, until it was tried.
    name: Option<String>,
    /// From a file, until it was refused.
    password: Option<Password>,
    /// Who is logged in.
    own: Option<Name>,
    /// Something came that is an answer in this protocol.
    has_answered: bool,
    /// What is asked for beside passwords: a name, and later a command.
    prompt: Prompt,
}

impl<'a> Im<'a> {
    fn new(live: Live<'a>, arguments: &ImArguments, password: Option<Password>) -> Self {
        Self {
            live,
            state: State::Naming,
            pushes: None,
            name: arguments.name.clone(),
            password,
            prompt: Prompt::open("Username: "),
            own: None,
            has_answered: false,
        }
    }

    fn run(mut self) -> Result<(), ClientError> {
        self.begin()?;
        loop {
            if self.turn()? == Flow::Done {
                return Ok(());
            }
            let others = others(&self.state, self.pushes.as_ref());
            let flow = match self.live.wait(&others)? {
                Woken::Something => Flow::On,
                Woken::Interrupted => self.hurry()?,
                Woken::Late => self.live.late()?,
            };
            if flow == Flow::Done {
                return Ok(());
            }
        }
    }

    /// Does all that can be done without waiting.
    fn turn(&mut self) -> Result<Flow, ClientError> {
        self.take_pushes()?;
        while let Some(line) = self.live.connection.line()? {
            if self.take_answer(&line)? == Flow::Done {
                return Ok(Flow::Done);
            }
        }
        self.accept()?;
        if self.live.connection.has_ended() {
            return Err(match self.state {
                // A listener of this protocol answers both a login and a farewell.
                State::LoggingIn(_) | State::Leaving if !self.has_answered => {
                    self.live.connection.unanswered()
                }
                _ => self.live.connection.gone(),
            });
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

    fn take_pushes(&mut self) -> Result<(), ClientError> {
        let Some(connection) = &mut self.pushes else { return Ok(()) };
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
        self.has_answered = true;
        match (&self.state, answer.code) {
            (State::LoggingIn(login), 101) => self.logged_in(&login.name.clone())?,
            (State::LoggingIn(login), 102) => self.password_refused(login.clone())?,
            (State::LoggingIn(login), 103) => self.is_elsewhere(login.name.clone())?,
            (State::BeingDialled(_), 201) => self.dialled(),
            (State::BeingDialled(_), 202) => {
                return Err(ClientError::NotDialledBack {
                    server: self.live.connection.server().clone(),
                });
            }
            (State::Asking(asked), _) => {
                match asked {
                    Asked::List => {
                        answer.rest.split_whitespace().for_each(|name| self.live.learn_name(name));
                    }
                    // A name that nobody has is not to be completed.
                    Asked::To(name) if answer.code == 303 => self.live.learn_name(name.as_str()),
                    _ => {}
                }
                let told = answer.in_words(asked, self.live.console.colours());
                self.told(&told.ok_or_else(|| self.unexpected(line))?)?;
            }
            (State::Leaving, 310) => return Ok(Flow::Done),
            // To what was asked before Ctrl-C.
            (State::Leaving, _) => {}
            _ => return Err(self.unexpected(line)),
        }
        Ok(Flow::On)
    }

    fn told(&mut self, words: &str) -> Result<(), ClientError> {
        self.state = State::Here;
        self.live.await_nothing();
        self.live.console.say(words)
    }

    fn takes_lines(&self) -> bool {
        matches!(self.state, State::Naming | State::NamingSecret(_) | State::Here)
            && !self.live.connection.is_behind()
    }

    fn take_typed(&mut self, typed: Typed) -> Result<(), ClientError> {
        let line = match (typed, &self.state) {
            (Typed::Line(line), _) => line,
            (Typed::Unusable(error), State::NamingSecret(login)) => {
                return self.refuse_secret(login.clone(), &error);
            }
            (Typed::Unusable(error), _) => return self.live.refuse(&error),
            (Typed::End, _) => return self.leave(),
        };
        match &self.state {
            State::Naming if line.trim() == "/help" => self.help(),
            State::Naming => self.take_name(&line),
            State::NamingSecret(login) => self.take_secret(login.clone(), &line),
            _ if line.trim().is_empty() => Ok(()),
            _ => self.obey(&line),
        }
    }

    fn obey(&mut self, line: &str) -> Result<(), ClientError> {
        match Command::parse(line) {
            Ok(Command::Ask(Asked::To(name), _)) if Some(&name) == self.own.as_ref() => {
                self.live.console.say("Nothing was sent: this is your own name.")
            }
            Ok(Command::Ask(asked, line)) => {
                self.live.learn_hashtags(&line);
                let longer = if asked == Asked::List { Duration::ZERO } else { DELIVERY_WAIT_MAX };
                self.live.await_answer(longer);
                self.state = State::Asking(asked);
                self.live.connection.send(line.as_bytes())
            }
            Ok(Command::Help) => self.help(),
            Ok(Command::Exit) => self.leave(),
            Err(Mistake::Part(error @ ClientError::LineTooLong)) => self.live.refuse(&error),
            Err(mistake) => self.live.console.say(&mistake.to_string()),
        }
    }

    fn help(&mut self) -> Result<(), ClientError> {
        COMMANDS.iter().try_for_each(|command| self.live.console.say(&command.line()))
    }

    fn leave(&mut self) -> Result<(), ClientError> {
        if !matches!(self.state, State::Leaving) {
            self.live.connection.send(b"/exit")?;
        }
        self.state = State::Leaving;
        self.live.await_farewell();
        // Last: a terminal that has been closed fails.
        self.live.console.ask(None)
    }

    /// The error for a line that answers nothing.
    fn unexpected(&self, line: &str) -> ClientError {
        let deviation = match &self.state {
            State::LoggingIn(_) => Deviation::unexpected("/login", line),
            State::BeingDialled(_) => Deviation::unexpected("/port", line),
            State::Asking(Asked::To(_)) => Deviation::unexpected("/to", line),
            State::Asking(Asked::ToAll) => Deviation::unexpected("/toall", line),
            State::Asking(Asked::List) => Deviation::unexpected("/list", line),
            State::Leaving => Deviation::unexpected("/exit", line),
            State::Naming | State::NamingSecret(_) => Deviation::unexpected("a connection", line),
            State::Accepting(_) | State::Here => Deviation::Unasked,
        };
        self.live.connection.deviation(deviation)
    }
}

/// The sockets that there are beside the connection that the client opened.
fn others<'a>(
    state: &'a State,
    pushes: Option<&'a Connection>,
) -> Vec<(BorrowedFd<'a>, PollFlags)> {
    let dial_back = match state {
        State::Accepting(dial_back) => Some(dial_back.watched()),
        _ => None,
    };
    dial_back.into_iter().chain(pushes.map(Connection::watched)).collect()
}
