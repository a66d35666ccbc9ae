//! A mailbox on a server, in either of the two protocols.
//!
//! After an error other than [`ClientError::LineTooLong`] the connection cannot
//! be used any more, and dropping the mailbox resets it.

mod answers;
mod strict;
mod verbose;

pub(crate) use answers::{Composed, Message};
pub(crate) use strict::StrictMailbox;
pub(crate) use verbose::VerboseMailbox;

use postroom_model::{Name, Password, Text};

use crate::ClientError;

/// What a person does with a mailbox. Each result is text that is safe to show,
/// with a sentence on each line.
pub(crate) trait Mailbox {
    /// Logs in; `None` if the server refuses the login.
    fn welcome(
        &mut self,
        name: &Name,
        password: Option<&Password>,
    ) -> Result<Option<String>, ClientError>;

    /// Leaves a message for `recipient`.
    fn compose(&mut self, recipient: &Name, text: &Text) -> Result<String, ClientError>;

    /// Takes the earliest unread message.
    fn read(&mut self) -> Result<String, ClientError>;

    /// Ends the connection in order, which confirms what was read.
    fn leave(&mut self);

    /// Whether another login may be tried over this connection.
    fn is_open(&self) -> bool;

    /// The error for a person who gave up after the server refused a login.
    fn login_refused(&self, name: Name, with_password: bool) -> ClientError;
}

/// The lines of a login: `PASS` where there is a password, then `LOGIN`.
fn login_lines(name: &Name, password: Option<&Password>) -> Vec<Vec<u8>> {
    let password = password.map(|password| [b"PASS ", password.as_bytes()].concat());
    let login = [b"LOGIN ", name.as_str().as_bytes()].concat();
    password.into_iter().chain([login]).collect()
}

fn as_slices(lines: &[Vec<u8>]) -> Vec<&[u8]> {
    lines.iter().map(Vec::as_slice).collect()
}

/// After a message was sent, a broken connection leaves unknown whether it is
/// stored.
pub(crate) fn unacknowledged(error: ClientError) -> ClientError {
    match error {
        ClientError::TimedOut { .. }
        | ClientError::Dropped { .. }
        | ClientError::Unanswered { .. }
        | ClientError::Connection { .. } => ClientError::Unacknowledged(Box::new(error)),
        other => other,
    }
}

/// A message in the form shown to a person. No name holds a colon.
fn shown(message: &Message) -> String {
    format!("From {}: {}", message.sender, message.text)
}

fn count_of_messages(count: u32) -> String {
    match count {
        1 => "1 message".to_owned(),
        _ => format!("{count} messages"),
    }
}
