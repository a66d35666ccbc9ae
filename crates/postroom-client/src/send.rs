//! The client that leaves one message.
//!
//! It succeeds only after the server has acknowledged the message, and connects
//! only once all arguments and the message are valid.

use std::io::{self, Read};

use postroom_model::{Name, Text};

use crate::connection::Resolved;
use crate::http::HttpClient;
use crate::mailbox::{Composed, Mailbox as _, StrictMailbox};
use crate::parse::{Takes, given_text, parse_name};
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
    if settings.uses_http() {
        over_http(arguments, &settings, name, input)
    } else {
        over_lines(arguments, &settings, &name, input)
    }
}

/// Leaves a message of one line for one, at the listener `mailbox`.
fn over_lines(
    arguments: &SendArguments,
    settings: &Settings,
    name: &Name,
    input: &mut dyn Read,
) -> Result<(), ClientError> {
    let recipient = parse_name(&arguments.recipient)?;
    let password = settings.password()?;
    let text = text(arguments, input, Takes::OneLine).map_err(|error| match error {
        ClientError::SeveralLines => {
            ClientError::SeveralMessages { server: settings.server.clone() }
        }
        other => other,
    })?;
    let server = Resolved::new(settings)?;
    let mut mailbox = StrictMailbox::open(server, arguments.timeout, Signals::default())?;
    mailbox.log_in(name, password.as_ref())?;
    let composed = mailbox.send(&recipient, &text)?;
    mailbox.leave();
    acknowledged(composed, recipient)
}

/// Leaves a message for one or several, all of them or none.
fn over_http(
    arguments: &SendArguments,
    settings: &Settings,
    name: Name,
    input: &mut dyn Read,
) -> Result<(), ClientError> {
    let recipients = arguments.recipient.split(',').map(parse_name);
    let recipients = recipients.collect::<Result<Vec<_>, _>>()?;
    let text = text(arguments, input, Takes::Lines)?;
    let signals = Signals::default();
    HttpClient::new(settings, Some(name), arguments.timeout, signals)?.send(&recipients, &text)
}

fn text(
    arguments: &SendArguments,
    input: &mut dyn Read,
    takes: Takes,
) -> Result<Text, ClientError> {
    given_text(arguments.text.as_deref(), input, takes, arguments.allow_empty)
}

fn acknowledged(composed: Composed, recipient: Name) -> Result<(), ClientError> {
    match composed {
        Composed::Sent => Ok(()),
        Composed::Failed => Err(ClientError::MessageRefused { recipient }),
    }
}
