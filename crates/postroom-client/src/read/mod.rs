//! The client that prints messages and removes them.
//!
//! Each message is written and flushed before the server is asked for anything more, so the
//! server removes no message that was not printed. If the output fails or the process is killed,
//! the message stays unread: on the listener `mailbox` since the connection is reset, over HTTP
//! since nobody confirms it.

mod leases;

use std::io::{self, Write};

use self::leases::Reader;
use crate::connection::Resolved;
use crate::entry::{Format, indented, message_as_json, write};
use crate::http::HttpClient;
use crate::mailbox::{Mailbox as _, Message, StrictMailbox};
use crate::returning::{Returning, repeat};
use crate::settings::{Client, Settings};
use crate::signals::Signals;
use crate::{ClientError, Environment, ReadArguments};

/// Prints unread messages to the standard output: the earliest one, all of them, or all as they
/// come.
pub fn read(arguments: &ReadArguments, environment: &Environment) -> Result<(), ClientError> {
    let signals = if arguments.follow {
        let signals = Signals::listen_to_first().and_then(Signals::or_unread_output);
        signals.map_err(ClientError::Input)?
    } else {
        Signals::default()
    };
    let (mut output, mut complaints) = (io::stdout().lock(), io::stderr().lock());
    read_with(arguments, environment, &mut output, &mut complaints, signals)
}

/// Does the same with `output`; no signal ends it in order.
pub fn read_to(
    arguments: &ReadArguments,
    environment: &Environment,
    output: &mut dyn Write,
) -> Result<(), ClientError> {
    read_with(arguments, environment, output, &mut io::sink(), Signals::default())
}

fn read_with(
    arguments: &ReadArguments,
    environment: &Environment,
    output: &mut dyn Write,
    complaints: &mut dyn Write,
    signals: Signals,
) -> Result<(), ClientError> {
    let client = Client::Read { follows: arguments.follow };
    let settings = Settings::new(client, arguments.given()?, environment)?;
    let is_empty = if settings.uses_http() {
        let name = Some(settings.required_name()?);
        let client = HttpClient::new(&settings, name, arguments.timeout, signals.clone())?;
        let format = if arguments.json { Format::Json } else { Format::Text };
        let mut reader = Reader::new(client, format, output);
        if arguments.follow {
            let mut returning = Returning::new(settings.reconnects, signals, complaints);
            let done = repeat(&mut returning, |returning| reader.follow(returning));
            return reader.settled(done);
        }
        reader.read(arguments.all)?
    } else {
        read_lines(arguments, &settings, output)?
    };
    if is_empty && arguments.fail_empty {
        return Err(ClientError::NothingUnread);
    }
    Ok(())
}

/// Reads at the listener `mailbox`; returns whether nothing was unread.
fn read_lines(
    arguments: &ReadArguments,
    settings: &Settings,
    output: &mut dyn Write,
) -> Result<bool, ClientError> {
    let name = settings.required_name()?;
    let password = settings.password()?;
    let server = Resolved::new(settings)?;
    let mut mailbox = StrictMailbox::open(server, arguments.timeout, Signals::default())?;
    mailbox.log_in(&name, password.as_ref())?;
    let mut is_empty = true;
    while let Some(message) = mailbox.take()? {
        is_empty = false;
        let Message { sender, text } = &message;
        let line = if arguments.json {
            message_as_json(sender.as_str(), text)?
        } else {
            format!("{sender}: {}", indented(text))
        };
        write(output, &line).map_err(ClientError::Output)?;
        if !arguments.all {
            break;
        }
    }
    mailbox.leave();
    Ok(is_empty)
}
