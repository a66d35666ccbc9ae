//! The client for a person: a dialogue of names, commands and sentences.
//!
//! Everything that the server said is written and flushed before the next
//! question is asked, hence before anything further is sent.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write};
use std::os::fd::AsFd;

use postroom_model::{Name, Password, Safe, Text};

use crate::connection::Resolved;
use crate::console::is_dumb;
use crate::input::{DumbInput, Input, PlainInput, TerminalInput, Typed};
use crate::interrupt::Interrupt;
use crate::mailbox::{Mailbox, StrictMailbox, VerboseMailbox};
use crate::words::{parse_name, parse_text};
use crate::{ClientError, MailArguments, ServerAddress, password};

/// Talks with whoever is at the standard input and output, a person at a
/// terminal or a pipe, until they leave.
///
/// SIGINT leaves cleanly and stays taken over afterwards: call this in a process
/// that ends with it.
pub fn mail(arguments: &MailArguments) -> Result<(), ClientError> {
    let (stdin, stdout) = (io::stdin(), io::stdout());
    let is_terminal = stdin.is_terminal() && stdout.is_terminal();
    let output = &mut stdout.lock();
    if is_terminal && !is_dumb() {
        return converse(arguments, Interrupt::listen, TerminalInput::new, output);
    }
    // The library's own buffer would hide what it holds from a wait.
    let source = File::from(stdin.as_fd().try_clone_to_owned().map_err(ClientError::Input)?);
    if is_terminal {
        let input = |interrupt| Ok(DumbInput::new(source, interrupt));
        converse(arguments, Interrupt::listen, input, output)
    } else {
        let input = |interrupt| Ok(PlainInput::new(source, interrupt));
        converse(arguments, Interrupt::listen, input, output)
    }
}

/// Does as [`mail`] with lines from `input`, which must not be buffered, and
/// without prompts; SIGINT keeps its meaning.
pub fn mail_with<R: Read + AsFd>(
    arguments: &MailArguments,
    input: R,
    output: &mut dyn Write,
) -> Result<(), ClientError> {
    let never = || Ok(Interrupt::default());
    converse(arguments, never, |interrupt| Ok(PlainInput::new(input, interrupt)), output)
}

fn converse<I: Input>(
    arguments: &MailArguments,
    listen: impl FnOnce() -> io::Result<Interrupt>,
    input: impl FnOnce(Interrupt) -> Result<I, ClientError>,
    output: &mut dyn Write,
) -> Result<(), ClientError> {
    let password = password::from_file(arguments.password_file.as_deref())?;
    let server = Resolved::new(ServerAddress::new(&arguments.host, arguments.port))?;
    // Only now: the resolver could not be interrupted any more.
    let interrupt = listen().map_err(ClientError::Input)?;
    let mut input = input(interrupt.clone())?;
    let ended = open(arguments, server, interrupt).and_then(|mut mailbox| {
        Dialogue { mailbox: &mut *mailbox, input: &mut input, output, password }.hold()
    });
    match ended {
        // The answer was not shown: what it was stays open, and unread.
        Err(ClientError::Interrupted) => Ok(()),
        other => other,
    }
}

fn open(
    arguments: &MailArguments,
    server: Resolved,
    interrupt: Interrupt,
) -> Result<Box<dyn Mailbox>, ClientError> {
    Ok(if arguments.strict {
        Box::new(StrictMailbox::open(server, arguments.timeout, interrupt)?)
    } else {
        Box::new(VerboseMailbox::open(server, arguments.timeout, interrupt)?)
    })
}

/// Why a dialogue ends.
enum Stop {
    /// Whoever is there wants to leave.
    Leave,
    /// It cannot go on.
    Failed(ClientError),
}

impl From<ClientError> for Stop {
    fn from(error: ClientError) -> Self {
        Self::Failed(error)
    }
}

struct Dialogue<'a> {
    mailbox: &'a mut dyn Mailbox,
    input: &'a mut dyn Input,
    output: &'a mut dyn Write,
    /// From the password file.
    password: Option<Password>,
}

impl Dialogue<'_> {
    fn hold(&mut self) -> Result<(), ClientError> {
        let mut obstacle = None;
        let stop = match self.log_in(&mut obstacle) {
            Ok(()) => self.obey(),
            Err(stop) => stop,
        };
        match stop {
            Stop::Failed(error) => Err(error),
            Stop::Leave => {
                self.mailbox.leave();
                // A person knows why; a script has to be told.
                obstacle.filter(|_| !self.input.is_interactive()).map_or(Ok(()), Err)
            }
        }
    }

    /// Asks for names until one is logged in. `obstacle` is why the last was
    /// not.
    fn log_in(&mut self, obstacle: &mut Option<ClientError>) -> Result<(), Stop> {
        loop {
            match self.ask("Username: ", parse_name)? {
                Err(error) => *obstacle = Some(error),
                Ok(name) => match self.try_name(name)? {
                    Ok(()) => break,
                    Err(error) => *obstacle = Some(error),
                },
            }
        }
        *obstacle = None;
        Ok(())
    }

    /// The inner result is the server's word on the name.
    fn try_name(&mut self, name: Name) -> Result<Result<(), ClientError>, Stop> {
        let mut password = self.password.clone();
        let mut welcome = self.mailbox.welcome(&name, password.as_ref())?;
        if welcome.is_none() && password.is_none() && self.input.is_interactive() {
            password = self.ask_password(&name)?;
            if password.is_some() {
                welcome = self.mailbox.welcome(&name, password.as_ref())?;
            }
        }
        if let Some(sentence) = welcome {
            return Ok(Ok(self.say(&sentence)?));
        }
        let refused = self.mailbox.login_refused(name, password.is_some());
        // Who was asked for a password and gave none knows already.
        if password.is_some() || !self.input.is_interactive() {
            self.say(&format_args!("LOGIN ERROR: {refused}"))?;
        }
        Ok(Err(refused))
    }

    fn ask_password(&mut self, name: &Name) -> Result<Option<Password>, Stop> {
        self.say(&format_args!("LOGIN ERROR: {name} may need a password."))?;
        match self.input.secret("Password (none for another name): ")? {
            Typed::End => Err(Stop::Leave),
            Typed::Line(typed) if !typed.is_empty() => {
                match Password::from_bytes(typed.as_bytes()) {
                    Ok(password) => Ok(Some(password)),
                    Err(error) => self.say(&error).map(|()| None),
                }
            }
            _ => Ok(None),
        }
    }

    /// Carries commands out until one says to leave.
    fn obey(&mut self) -> Stop {
        loop {
            if let Err(stop) = self.obey_one() {
                return stop;
            }
        }
    }

    fn obey_one(&mut self) -> Result<(), Stop> {
        let command = self.ask("Command (COMPOSE, READ or EXIT): ", |line| Ok(line.to_owned()))?;
        let command = command.unwrap_or_default();
        match command.trim().to_ascii_uppercase().as_str() {
            "" => Ok(()),
            "COMPOSE" => self.compose(),
            "READ" => {
                let sentences = self.mailbox.read()?;
                self.say(&sentences)
            }
            "EXIT" => Err(Stop::Leave),
            _ => self.say(&format_args!(
                "\"{}\" is no command: use COMPOSE, READ or EXIT.",
                Safe(command.trim())
            )),
        }
    }

    fn compose(&mut self) -> Result<(), Stop> {
        // Both are asked for in any case: in a pipe the text must not be taken
        // for the next command.
        let recipient = self.ask("Recipient: ", parse_name)?;
        let text = self.ask("Message: ", |line| parse_text(line.as_bytes()))?;
        let (Ok(recipient), Ok(text)) = (recipient, text) else {
            return self.say(&"Nothing was sent.");
        };
        self.deliver(&recipient, &text)
    }

    fn deliver(&mut self, recipient: &Name, text: &Text) -> Result<(), Stop> {
        match self.mailbox.compose(recipient, text) {
            Ok(sentence) => self.say(&sentence),
            Err(error @ ClientError::LineTooLong) => self.say(&error),
            Err(error) => Err(error.into()),
        }
    }

    /// Asks until the answer can be used; whoever cannot be asked again gets
    /// told, and the error is returned.
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
