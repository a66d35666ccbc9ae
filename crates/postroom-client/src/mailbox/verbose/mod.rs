//! A mailbox that speaks `mailbox-verbose`.

mod answers;

use std::time::Duration;

use postroom_model::{Name, Password, Safe, Text};

use self::answers::{LoginAnswer, ReadAnswer};
use super::{Mailbox, as_slices, login_lines, shown, unacknowledged};
use crate::connection::Resolved;
use crate::exchange::Exchange;
use crate::signals::Signals;
use crate::{ClientError, Deviation, LINE_BYTES_MAX};

/// A mailbox at a verbose listener.
#[derive(Debug)]
pub(crate) struct VerboseMailbox {
    connection: Exchange,
    /// The account that is logged in, which every command repeats. Before that
    /// only LOGIN is sent.
    name: Option<Name>,
}

impl VerboseMailbox {
    /// Connects.
    pub(crate) fn open(
        server: Resolved,
        timeout: Duration,
        signals: Signals,
    ) -> Result<Self, ClientError> {
        let connection = Exchange::open(server, "mailbox-verbose", timeout, signals)?;
        Ok(Self { connection, name: None })
    }

    fn own_name(&self) -> &str {
        self.name.as_ref().map_or("", Name::as_str)
    }

    fn unexpected(&self, command: &'static str, line: &str) -> ClientError {
        self.connection.deviation(Deviation::unexpected(command, line))
    }
}

impl Mailbox for VerboseMailbox {
    fn welcome(
        &mut self,
        name: &Name,
        password: Option<&Password>,
    ) -> Result<Option<String>, ClientError> {
        self.connection.send(&as_slices(&login_lines(name, password)))?;
        let line = self.connection.line().map_err(|error| match error {
            ClientError::Dropped { .. } => self.connection.unanswered(),
            other => other,
        })?;
        match answers::login(&line, name) {
            Some(LoginAnswer::Welcome) => {
                self.name = Some(name.clone());
                Ok(Some(Safe(&line).to_string()))
            }
            Some(LoginAnswer::Refused) => Ok(None),
            None => Err(self.unexpected("LOGIN", &line)),
        }
    }

    fn compose(&mut self, recipient: &Name, text: &Text) -> Result<String, ClientError> {
        let command = format!(
            "COMPOSE {} {recipient} {}",
            self.own_name(),
            text.as_line().ok_or(ClientError::SeveralLines)?
        );
        if command.len() > LINE_BYTES_MAX {
            return Err(ClientError::LineTooLong);
        }
        self.connection.send(&[command.as_bytes()]).map_err(unacknowledged)?;
        let line = self.connection.line().map_err(unacknowledged)?;
        match answers::compose(&line) {
            Some(_) => Ok(Safe(&line).to_string()),
            None => Err(self.unexpected("COMPOSE", &line)),
        }
    }

    fn read(&mut self) -> Result<String, ClientError> {
        let command = format!("READ {}", self.own_name());
        self.connection.send(&[command.as_bytes()])?;
        let line = self.connection.line()?;
        match answers::read(&line) {
            Some(ReadAnswer::Message { message, remaining: 1 }) => {
                Ok(format!("{}\n1 unread message remains.", shown(&message)))
            }
            Some(ReadAnswer::Message { message, remaining }) => {
                Ok(format!("{}\n{remaining} unread messages remain.", shown(&message)))
            }
            Some(ReadAnswer::NothingUnread) => Ok(Safe(&line).to_string()),
            None => Err(self.unexpected("READ", &line)),
        }
    }

    fn leave(&mut self) {
        self.connection.leave();
    }

    fn is_open(&self) -> bool {
        true
    }

    fn login_refused(&self, name: Name, with_password: bool) -> ClientError {
        let server = self.connection.server().clone();
        ClientError::LoginRefused { server, name, with_password }
    }
}
