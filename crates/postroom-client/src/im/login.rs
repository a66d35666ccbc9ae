//! From a name to a connection that the server has opened back.

use std::fmt::Display;
use std::io;
use std::time::Duration;

use postroom_model::{Name, Password};

use super::{Im, Login, State};
use crate::ClientError;
use crate::console::Prompt;
use crate::parse::parse_name;
use crate::password::{AGAIN, PASSWORDS_MAX};
use crate::transport::DialBack;

impl Im<'_> {
    /// Tries the name of the command line, or asks for one.
    pub(super) fn begin(&mut self) -> Result<(), ClientError> {
        match self.name.take() {
            Some(name) => self.take_name(&name),
            None => self.ask_name(),
        }
    }

    fn ask_name(&mut self) -> Result<(), ClientError> {
        self.state = State::Naming;
        self.live.await_nothing();
        self.live.console.ask(Some(self.prompt.clone()))
    }

    pub(super) fn take_name(&mut self, word: &str) -> Result<(), ClientError> {
        let name = match parse_name(word.trim()) {
            Ok(name) => name,
            Err(error) => return self.refused(error),
        };
        let login = Login { name, passwords_refused: 0 };
        if let Some(password) = self.password.clone() {
            return self.log_in(login, &password);
        }
        if !self.live.console.is_interactive() {
            return Err(ClientError::PasswordMissing { name: login.name });
        }
        self.ask_secret(login, "Password: ")
    }

    fn ask_secret(&mut self, login: Login, prompt: &str) -> Result<(), ClientError> {
        self.state = State::NamingSecret(login);
        self.live.await_nothing();
        self.live.console.ask(Some(Prompt::secret(prompt)))
    }

    pub(super) fn take_secret(&mut self, login: Login, typed: &str) -> Result<(), ClientError> {
        if typed.is_empty() {
            return self.ask_name();
        }
        match Password::from_bytes(typed.as_bytes()) {
            Ok(password) => self.log_in(login, &password),
            Err(error) => self.refuse_secret(login, &error),
        }
    }

    /// What was typed cannot be sent as a password; another may be.
    pub(super) fn refuse_secret(
        &mut self,
        login: Login,
        error: &dyn Display,
    ) -> Result<(), ClientError> {
        self.live.console.say(&format!("The password cannot be used: {error}."))?;
        self.ask_secret(login, AGAIN)
    }

    fn log_in(&mut self, login: Login, password: &Password) -> Result<(), ClientError> {
        if password.as_bytes().contains(&b' ') {
            let error = ClientError::PasswordSpace { name: login.name.clone() };
            if !self.live.console.is_interactive() {
                return Err(error);
            }
            self.live.console.say(&error.to_string())?;
            return self.ask_secret(login, AGAIN);
        }
        let name = login.name.as_str().as_bytes();
        let line = [b"/login ", name, b" ", password.as_bytes()].concat();
        self.state = State::LoggingIn(login);
        self.live.await_answer(Duration::ZERO);
        self.live.console.ask(None)?;
        self.live.connection.send(&line)
    }

    /// The account is there already, so that no password helps.
    pub(super) fn is_elsewhere(&mut self, name: Name) -> Result<(), ClientError> {
        let server = self.live.connection.server().clone();
        self.refused(ClientError::Elsewhere { server, name })
    }

    /// The server did not take the password: a person may try another.
    pub(super) fn password_refused(&mut self, mut login: Login) -> Result<(), ClientError> {
        let (server, name) = (self.live.connection.server().clone(), login.name.clone());
        let error = ClientError::MessengerRefused { server, name };
        login.passwords_refused += 1;
        if !self.live.console.is_interactive() || login.passwords_refused == PASSWORDS_MAX {
            return Err(error);
        }
        self.password = None;
        self.live.console.say(&error.to_string())?;
        self.ask_secret(login, AGAIN)
    }

    /// A person may try another name; a script has to be told.
    fn refused(&mut self, error: ClientError) -> Result<(), ClientError> {
        if !self.live.console.is_interactive() {
            return Err(error);
        }
        self.password = None;
        self.live.console.say(&error.to_string())?;
        self.ask_name()
    }

    /// Has the server connect back, to where it sees this client already.
    pub(super) fn logged_in(&mut self, name: &Name) -> Result<(), ClientError> {
        let transport = &self.live.connection.transport;
        let listening = DialBack::listen(transport).and_then(|listening| {
            let port = listening.port()?;
            Ok((listening, port))
        });
        let (dial_back, port) = listening.map_err(|source| self.cannot_listen(source))?;
        self.prompt = Prompt::standing(format!("{name}@{}> ", self.live.connection.server()));
        self.own = Some(name.clone());
        self.live.console.say(&format!("Logged in as {name}."))?;
        self.state = State::BeingDialled(dial_back);
        self.live.await_answer(Duration::ZERO);
        self.live.connection.send(format!("/port {port}").as_bytes())
    }

    pub(super) fn dialled(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Here);
        if let State::BeingDialled(dial_back) = state {
            self.state = State::Accepting(dial_back);
        }
    }

    /// Takes the connection of the server, and of nobody else.
    pub(super) fn accept(&mut self) -> Result<(), ClientError> {
        let State::Accepting(dial_back) = &self.state else { return Ok(()) };
        let accepted = dial_back.accept().map_err(|source| self.cannot_listen(source))?;
        let Some(transport) = accepted else { return Ok(()) };
        self.pushes = Some(self.live.connection.beside(transport)?);
        self.state = State::Here;
        self.live.await_nothing();
        self.live.console.ask(Some(self.prompt.clone()))
    }

    fn cannot_listen(&self, source: io::Error) -> ClientError {
        ClientError::Listen { server: self.live.connection.server().clone(), source }
    }
}
