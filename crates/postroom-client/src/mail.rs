//! The client for a person's mail: a dialogue of questions and answers.
//!
//! Every answer of the server is written and flushed before the next question is
//! asked, and hence before anything more is sent.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write};
use std::os::fd::AsFd;

use postroom_model::{Name, Password, Safe};

use crate::connection::Resolved;
use crate::console::is_dumb;
use crate::input::{DumbInput, Input, PlainInput, TerminalInput};
use crate::mailbox::{Mailbox, StrictMailbox, VerboseMailbox};
use crate::parse::{parse_name, parse_text};
use crate::password::{AGAIN, PASSWORDS_MAX};
use crate::settings::{Client, Settings};
use crate::signals::Signals;
use crate::typed::Typed;
use crate::{ClientError, Environment, MailArguments};

/// Runs the client at the standard input and output, for a person at a terminal
/// or for a script, until they leave.
///
/// SIGINT leaves cleanly and stays taken over afterwards: call this in a process
/// that ends with it.
pub fn mail(arguments: &MailArguments, environment: &Environment) -> Result<(), ClientError> {
    let settings = settings(arguments, environment)?;
    let (stdin, stdout) = (io::stdin(), io::stdout());
    let is_terminal = stdin.is_terminal() && stdout.is_terminal();
    let output = &mut stdout.lock();
    if is_terminal && !is_dumb() {
        let history = settings.history.clone();
        let input = |signals| TerminalInput::new(signals, history);
        return converse(arguments, settings, Signals::listen, input, output);
    }
    // Bytes in the standard library's buffer would be invisible to poll.
    let source = File::from(stdin.as_fd().try_clone_to_owned().map_err(ClientError::Input)?);
    if is_terminal {
        let input = |signals| DumbInput::new(source, signals);
        converse(arguments, settings, Signals::listen, input, output)
    } else {
        let input = |signals| Ok(PlainInput::new(source, signals));
        converse(arguments, settings, Signals::listen, input, output)
    }
}

/// Does as [`mail`] with lines from `input`, which must not be buffered, and
/// without prompts; SIGINT keeps its meaning.
pub fn mail_with<R: Read + AsFd>(
    arguments: &MailArguments,
    environment: &Environment,
    input: R,
    output: &mut dyn Write,
) -> Result<(), ClientError> {
    let settings = settings(arguments, environment)?;
    let never = || Ok(Signals::default());
    let input = |signals| Ok(PlainInput::new(input, signals));
    converse(arguments, settings, never, input, output)
}

fn settings(arguments: &MailArguments, environment: &Environment) -> Result<Settings, ClientError> {
    let client = Client::Mail { is_strict: arguments.strict };
    Ok(Settings::new(client, arguments.given()?, environment)?)
}

fn converse<I: Input>(
    arguments: &MailArguments,
    settings: Settings,
    listen: impl FnOnce() -> io::Result<Signals>,
    input: impl FnOnce(Signals) -> Result<I, ClientError>,
    output: &mut dyn Write,
) -> Result<(), ClientError> {
    let password = settings.password()?;
    let server = Resolved::new(&settings)?;
    // Not before: the resolver cannot be interrupted.
    let signals = listen().map_err(ClientError::Input)?;
    let mut input = input(signals.clone())?;
    let open = || open(arguments, server.clone(), signals.clone());
    let name = settings.name;
    let mut dialogue =
        Dialogue { open: &open, waiting: None, input: &mut input, output, name, password };
    match dialogue.hold() {
        // The answer was not shown, so a message in it stays unread.
        Err(ClientError::Interrupted) => Ok(()),
        other => other,
    }
}

fn open(
    arguments: &MailArguments,
    server: Resolved,
    signals: Signals,
) -> Result<Box<dyn Mailbox>, ClientError> {
    Ok(if arguments.strict {
        Box::new(StrictMailbox::open(server, arguments.timeout, signals)?)
    } else {
        Box::new(VerboseMailbox::open(server, arguments.timeout, signals)?)
    })
}

/// Why a dialogue ends.
enum Stop {
    /// The person or the script leaves.
    Leave,
    /// An error ends it.
    Failed(ClientError),
}

impl From<ClientError> for Stop {
    fn from(error: ClientError) -> Self {
        Self::Failed(error)
    }
}

struct Dialogue<'a> {
    /// Connects to the server.
    open: &'a dyn Fn() -> Result<Box<dyn Mailbox>, ClientError>,
    /// The connection of a refused login, if the server left it open.
    waiting: Option<Box<dyn Mailbox>>,
    input: &'a mut dyn Input,
    output: &'a mut dyn Write,
    /// From the command line, until it was tried.
    name: Option<String>,
    /// From the password file.
    password: Option<Password>,
}

impl Dialogue<'_> {
    fn hold(&mut self) -> Result<(), ClientError> {
        let mut obstacle = None;
        match self.log_in(&mut obstacle) {
            Ok(mut mailbox) => match self.obey(&mut *mailbox) {
                Stop::Failed(error) => Err(error),
                Stop::Leave => {
                    mailbox.leave();
                    Ok(())
                }
            },
            Err(stop) => {
                if let Some(mailbox) = &mut self.waiting {
                    mailbox.leave();
                }
                match stop {
                    Stop::Failed(error) => Err(error),
                    // A person knows why no name was usable; a script does not.
                    Stop::Leave => {
                        obstacle.filter(|_| !self.input.is_interactive()).map_or(Ok(()), Err)
                    }
                }
            }
        }
    }

    /// Tries the name of the command line, then asks for names until a login
    /// succeeds. It connects once there is a name, since a person may take long to
    /// type it. `obstacle` is why the last name was invalid.
    fn log_in(&mut self, obstacle: &mut Option<ClientError>) -> Result<Box<dyn Mailbox>, Stop> {
        loop {
            let name = match self.name.take() {
                Some(word) => self.given_name(&word)?,
                None => self.ask("Username: ", parse_name)?,
            };
            match name {
                Err(error) => *obstacle = Some(error),
                Ok(name) => {
                    if let Some(mailbox) = self.try_name(&name)? {
                        return Ok(mailbox);
                    }
                }
            }
        }
    }

    /// The name of the command line; if it is invalid, a person may type another.
    fn given_name(&mut self, word: &str) -> Result<Result<Name, ClientError>, Stop> {
        match parse_name(word.trim()) {
            Err(error) if !self.input.is_interactive() => Err(error.into()),
            Err(error) => {
                self.say(&error)?;
                Ok(Err(error))
            }
            name => Ok(name),
        }
    }

    /// Logs in as `name`. A person may try several passwords; `None` means that
    /// they choose another name.
    ///
    /// A refused login ends a script: the next line of its input may be a
    /// password, which must not become the name of a new account.
    fn try_name(&mut self, name: &Name) -> Result<Option<Box<dyn Mailbox>>, Stop> {
        let mut password = self.password.clone();
        let mut passwords_refused = 0;
        loop {
            let refused = match self.try_login(name, password.as_ref())? {
                Ok(mailbox) => return Ok(Some(mailbox)),
                Err(refused) => refused,
            };
            passwords_refused += u32::from(password.is_some());
            if !self.input.is_interactive() || passwords_refused == PASSWORDS_MAX {
                return Err(refused.into());
            }
            password = self.ask_password(name, passwords_refused > 0)?;
            if password.is_none() {
                return Ok(None);
            }
        }
    }

    /// Logs in, over a new connection if the server has closed the last one.
    fn try_login(
        &mut self,
        name: &Name,
        password: Option<&Password>,
    ) -> Result<Result<Box<dyn Mailbox>, ClientError>, Stop> {
        let mut mailbox = self.waiting.take().map_or_else(self.open, Ok)?;
        if let Some(sentence) = mailbox.welcome(name, password)? {
            self.say(&sentence)?;
            return Ok(Ok(mailbox));
        }
        let refused = mailbox.login_refused(name.clone(), password.is_some());
        self.waiting = Some(mailbox).filter(|mailbox| mailbox.is_open());
        Ok(Err(refused))
    }

    /// Asks until a password is valid; `None` means another name.
    fn ask_password(&mut self, name: &Name, was_refused: bool) -> Result<Option<Password>, Stop> {
        if was_refused {
            self.say(&"LOGIN ERROR: the password may be wrong, or there are too many logins at the same time.")?;
        } else {
            self.say(&format_args!("LOGIN ERROR: {name} may need a password."))?;
        }
        loop {
            let error = match self.input.secret(AGAIN)? {
                Typed::End => return Err(Stop::Leave),
                Typed::Line(typed) if typed.is_empty() => return Ok(None),
                Typed::Line(typed) => match Password::from_bytes(typed.as_bytes()) {
                    Ok(password) => return Ok(Some(password)),
                    Err(error) => error.to_string(),
                },
                Typed::Unusable(error) => error.to_string(),
            };
            self.say(&format_args!("The password cannot be used: {error}."))?;
        }
    }

    /// Carries commands out until EXIT or the end of the input.
    fn obey(&mut self, mailbox: &mut dyn Mailbox) -> Stop {
        loop {
            if let Err(stop) = self.obey_one(mailbox) {
                return stop;
            }
        }
    }

    fn obey_one(&mut self, mailbox: &mut dyn Mailbox) -> Result<(), Stop> {
        let command = self.ask("Command (COMPOSE, READ or EXIT): ", |line| Ok(line.to_owned()))?;
        let command = command.unwrap_or_default();
        match command.trim().to_ascii_uppercase().as_str() {
            "" => Ok(()),
            "COMPOSE" => self.compose(mailbox),
            "READ" => {
                let sentences = mailbox.read()?;
                self.say(&sentences)
            }
            "EXIT" => Err(Stop::Leave),
            _ => self.say(&format_args!(
                "\"{}\" is not a command: use COMPOSE, READ or EXIT.",
                Safe(command.trim())
            )),
        }
    }

    fn compose(&mut self, mailbox: &mut dyn Mailbox) -> Result<(), Stop> {
        // Both are read in any case: in a script the text must not become the next
        // command.
        let recipient = self.ask("Recipient: ", parse_name)?;
        let text = self.ask("Message: ", |line| parse_text(line.as_bytes()))?;
        let (Ok(recipient), Ok(text)) = (recipient, text) else {
            return self.say(&"Nothing was sent.");
        };
        match mailbox.compose(&recipient, &text) {
            Ok(sentence) => self.say(&sentence),
            Err(error @ ClientError::LineTooLong) => self.say(&error),
            Err(error) => Err(error.into()),
        }
    }

    /// Asks a person until the answer is valid. For a script an invalid answer is
    /// printed and returned.
    fn ask<T>(
        &mut self,
        prompt: &str,
        parse: impl Fn(&str) -> Result<T, ClientError>,
    ) -> Result<Result<T, ClientError>, Stop> {
        loop {
            let answer = match self.input.line(prompt)? {
                Typed::Line(line) => parse(&line),
                Typed::Unusable(error) => Err(error),
                Typed::End => return Err(Stop::Leave),
            };
            if let Err(error) = &answer {
                self.say(error)?;
                if self.input.is_interactive() {
                    continue;
                }
            }
            return Ok(answer);
        }
    }

    fn say(&mut self, sentences: &dyn Display) -> Result<(), Stop> {
        writeln!(self.output, "{sentences}")
            .and_then(|()| self.output.flush())
            .map_err(|error| ClientError::Output(error).into())
    }
}
