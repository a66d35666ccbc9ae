//! The client that leaves one message.
//!
//! It succeeds only after the server has acknowledged the message, and connects
//! only once all arguments and the message are valid.

use std::io::{self, Read};

use postroom_model::{Name, Text};

use crate::connection::Resolved;
use crate::mailbox::{Composed, Mailbox as _, StrictMailbox};
use crate::parse::{parse_name, parse_text, read_bounded, without_line_end};
use crate::settings::{Client, Settings};
use crate::signals::Signals;
use crate::{ClientError, Environment, SendArguments};

/// Leaves a message, from an argument or from the standard input.
pub fn send(arguments: &SendArguments, environment: &Environment) -> Result<(), ClientError> {
    send_from(arguments, environment, &mut io::stdin().lock())
}

/// Leaves a message, from an argument or from `input`.
pub fn send_from(
    arguments: &SendArguments,
    environment: &Environment,
    input: &mut dyn Read,
) -> Result<(), ClientError> {
    let settings = Settings::new(Client::Send, arguments.given()?, environment)?;
    let name = settings.required_name()?;
    let recipient = parse_name(&arguments.recipient)?;
    let password = settings.password()?;
    let text = text(arguments, input).map_err(|error| match error {
        ClientError::SeveralLines => {
            ClientError::SeveralMessages { server: settings.server.clone() }
        }
        other => other,
    })?;
    let server = Resolved::new(&settings)?;
    let mut mailbox = StrictMailbox::open(server, arguments.timeout, Signals::default())?;
    mailbox.log_in(&name, password.as_ref())?;
    let composed = mailbox.send(&recipient, &text)?;
    mailbox.leave();
    acknowledged(composed, recipient)
}

/// The message. An empty input is more often a failure of the command before the
/// pipe than an empty message.
fn text(arguments: &SendArguments, input: &mut dyn Read) -> Result<Text, ClientError> {
    if let Some(text) = &arguments.text {
        return parse_text(text.as_bytes());
    }
    let read = read_bounded(input)?;
    let line = without_line_end(&read);
    if line.is_empty() && !arguments.allow_empty {
        let is_nothing = read.is_empty();
        return Err(if is_nothing { ClientError::EmptyInput } else { ClientError::EmptyLine });
    }
    parse_text(line)
}

fn acknowledged(composed: Composed, recipient: Name) -> Result<(), ClientError> {
    match composed {
        Composed::Sent => Ok(()),
        Composed::Failed => Err(ClientError::MessageRefused { recipient }),
    }
}
