//! From a name to the connection that the server opens back.

use std::io;
use std::time::Duration;

use postroom_model::{Name, Password};

use super::{Awaited, Im};
use crate::ClientError;
use crate::live::{Login, Session, State};
use crate::password::AGAIN;
use crate::transport::DialBack;

impl Session<'_, Im> {
    pub(super) fn begin_login(&mut self, login: Login) -> Result<(), ClientError> {
        if let Some(password) = self.password.clone() {
            return self.log_in(login, &password);
        }
        if !self.can_ask() {
            return Err(ClientError::PasswordMissing { name: login.name });
        }
        self.ask_password(login, "Password: ")
    }

    pub(super) fn log_in(&mut self, login: Login, password: &Password) -> Result<(), ClientError> {
        if password.as_bytes().contains(&b' ') {
            let error = ClientError::PasswordSpace { name: login.name.clone() };
            if !self.can_ask() {
                return Err(error);
            }
            self.live.console.say(&error.to_string())?;
            return self.ask_password(login, AGAIN);
        }
        let name = login.name.as_str().as_bytes();
        let line = [b"/login ", name, b" ", password.as_bytes()].concat();
        self.state = State::Awaiting(Awaited::Login(login));
        self.live.await_answer(Duration::ZERO);
        self.tried = Some(password.clone());
        self.hush()?;
        self.live.connection.send(&line)
    }

    /// The account is logged in already, so that no password helps: a person may
    /// choose another name.
    pub(super) fn already_logged_in(&mut self, name: Name) -> Result<(), ClientError> {
        let server = self.live.connection.server().clone();
        let error = ClientError::AlreadyLoggedIn { server, name };
        if !self.can_ask() {
            return Err(error);
        }
        self.live.console.say(&error.to_string())?;
        self.choose_another_name()
    }

    /// The server refused the password: a person may try another.
    pub(super) fn password_refused(&mut self, login: Login) -> Result<(), ClientError> {
        let (server, name) = (self.live.connection.server().clone(), login.name.clone());
        let error = ClientError::ImLoginRefused { server, name };
        self.retry(login, true, &error.to_string(), error)
    }

    /// Asks the server to connect back to the address at which it sees this
    /// client.
    pub(super) fn logged_in(&mut self, name: &Name) -> Result<(), ClientError> {
        let transport = &self.live.connection.transport;
        let listening = DialBack::listen(transport).and_then(|listening| {
            let port = listening.port()?;
            Ok((listening, port))
        });
        let (dial_back, port) = listening.map_err(|source| self.cannot_listen(source))?;
        self.protocol.name = Some(name.clone());
        if !self.is_returning() {
            self.live.console.say(&format!("Logged in as {name}."))?;
        }
        self.state = State::Awaiting(Awaited::DialBack(dial_back));
        self.live.await_answer(Duration::ZERO);
        self.live.connection.send(format!("/port {port}").as_bytes())
    }

    /// The server has connected back; its connection is to be accepted.
    pub(super) fn dialled_back(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Here);
        if let State::Awaiting(Awaited::DialBack(dial_back)) = state {
            self.state = State::Awaiting(Awaited::Pushes(dial_back));
        }
    }

    /// Accepts the connection of the server, and of no other host.
    pub(super) fn accept(&mut self) -> Result<(), ClientError> {
        let State::Awaiting(Awaited::Pushes(dial_back)) = &self.state else { return Ok(()) };
        let accepted = dial_back.accept().map_err(|source| self.cannot_listen(source))?;
        let (Some(transport), Some(name)) = (accepted, self.protocol.name.clone()) else {
            return Ok(());
        };
        self.protocol.pushes = Some(self.live.connection.beside(transport)?);
        self.enter(&name)
    }

    fn cannot_listen(&self, source: io::Error) -> ClientError {
        ClientError::Listen { server: self.live.connection.server().clone(), source }
    }
}
