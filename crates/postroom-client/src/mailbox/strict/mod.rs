//! A mailbox that speaks `mailbox`.

mod answers;

use std::time::Duration;

use postroom_model::{Name, Password, Text};

use self::answers::Head;
use super::answers::{Composed, Message};
use super::{Mailbox, as_slices, count_of_messages, login_lines, shown, unacknowledged};
use crate::connection::Resolved;
use crate::error::refusal_causes;
use crate::exchange::Exchange;
use crate::signals::Signals;
use crate::{ClientError, Deviation, LINE_BYTES_MAX};

/// A mailbox at a strict listener.
#[derive(Debug)]
pub(crate) struct StrictMailbox {
    connection: Exchange,
    /// The server has closed it instead of answering LOGIN.
    is_closed: bool,
}

impl StrictMailbox {
    /// Connects.
    pub(crate) fn open(
        server: Resolved,
        timeout: Duration,
        signals: Signals,
    ) -> Result<Self, ClientError> {
        let connection = Exchange::open(server, "mailbox", timeout, signals)?;
        Ok(Self { connection, is_closed: false })
    }

    /// Logs in and returns how many messages are stored.
    pub(crate) fn log_in(
        &mut self,
        name: &Name,
        password: Option<&Password>,
    ) -> Result<u32, ClientError> {
        let line = self.login_answer(name, password).map_err(|error| match error {
            ClientError::Dropped { server } => ClientError::LoginClosed {
                server,
                name: name.clone(),
                with_password: password.is_some(),
            },
            other => other,
        })?;
        answers::login(&line).ok_or_else(|| self.unexpected("LOGIN", &line))
    }

    /// Leaves a message for `recipient`.
    pub(crate) fn send(&mut self, recipient: &Name, text: &Text) -> Result<Composed, ClientError> {
        let body = text.as_line().ok_or(ClientError::SeveralLines)?.as_bytes();
        if body.len() > LINE_BYTES_MAX {
            return Err(ClientError::LineTooLong);
        }
        let command = format!("COMPOSE {recipient}");
        self.connection.send(&[command.as_bytes(), body]).map_err(unacknowledged)?;
        let line = self.connection.line().map_err(unacknowledged)?;
        answers::compose(&line).ok_or_else(|| self.unexpected("COMPOSE", &line))
    }

    /// Takes the earliest unread message, if there is one. It stays unread on
    /// the server until a further command goes out.
    pub(crate) fn take(&mut self) -> Result<Option<Message>, ClientError> {
        self.connection.send(&[b"READ"])?;
        let line = self.connection.line()?;
        match answers::read_head(&line) {
            Some(Head::NothingUnread) => Ok(None),
            Some(Head::Sender(sender)) => {
                let line = self.connection.line()?;
                let text = Text::from_bytes(line.as_bytes())
                    .map_err(|_| self.unexpected("READ", &line))?;
                Ok(Some(Message { sender, text }))
            }
            None => Err(self.unexpected("READ", &line)),
        }
    }

    fn login_answer(
        &mut self,
        name: &Name,
        password: Option<&Password>,
    ) -> Result<String, ClientError> {
        self.connection.send(&as_slices(&login_lines(name, password)))?;
        self.connection.line()
    }

    fn unexpected(&self, command: &'static str, line: &str) -> ClientError {
        self.connection.deviation(Deviation::unexpected(command, line))
    }
}

impl Mailbox for StrictMailbox {
    fn welcome(
        &mut self,
        name: &Name,
        password: Option<&Password>,
    ) -> Result<Option<String>, ClientError> {
        let count = match self.log_in(name, password) {
            Err(ClientError::LoginClosed { .. }) => {
                self.is_closed = true;
                return Ok(None);
            }
            answered => answered?,
        };
        Ok(Some(format!("Welcome {name}. You have {}.", count_of_messages(count))))
    }

    fn compose(&mut self, recipient: &Name, text: &Text) -> Result<String, ClientError> {
        Ok(match self.send(recipient, text)? {
            Composed::Sent => "MESSAGE SENT".to_owned(),
            Composed::Failed => {
                format!("MESSAGE FAILED: {}.", refusal_causes(recipient))
            }
        })
    }

    fn read(&mut self) -> Result<String, ClientError> {
        Ok(match self.take()? {
            Some(message) => shown(&message),
            None => "READ ERROR: you have no unread messages.".to_owned(),
        })
    }

    fn leave(&mut self) {
        self.connection.leave();
    }

    fn is_open(&self) -> bool {
        !self.is_closed
    }

    fn login_refused(&self, name: Name, with_password: bool) -> ClientError {
        let server = self.connection.server().clone();
        ClientError::LoginClosed { server, name, with_password }
    }
}
