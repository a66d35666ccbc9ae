//! The client that leaves one message.
//!
//! It succeeds only after the server has acknowledged the message, and asks
//! nothing of the server before everything that it was given is known to be
//! allowed.

use std::io::{self, Read};

use postroom_model::Name;

use crate::answers::strict::Composed;
use crate::connection::Resolved;
use crate::interrupt::Interrupt;
use crate::mailbox::{Mailbox as _, StrictMailbox};
use crate::words::{parse_name, parse_text, without_line_end};
use crate::{ClientError, LINE_BYTES_MAX, SendArguments, password};

/// Leaves a message whose text is an argument or else the standard input.
pub fn send(arguments: &SendArguments) -> Result<(), ClientError> {
    send_from(arguments, &mut io::stdin().lock())
}

/// Leaves a message whose text is an argument or else what `input` holds.
pub fn send_from(arguments: &SendArguments, input: &mut dyn Read) -> Result<(), ClientError> {
    let name = parse_name(&arguments.name)?;
    let recipient = parse_name(&arguments.recipient)?;
    let password = password::from_file(arguments.password_file.as_deref())?;
    let text = match &arguments.text {
        Some(text) => parse_text(text.as_bytes())?,
        None => parse_text(without_line_end(&read_bounded(input)?))?,
    };
    let server = Resolved::new(arguments.server.clone())?;
    let mut mailbox = StrictMailbox::open(server, arguments.timeout, Interrupt::default())?;
    mailbox.log_in(&name, password.as_ref())?;
    let composed = mailbox.send(&recipient, &text)?;
    mailbox.leave();
    acknowledged(composed, recipient)
}

fn acknowledged(composed: Composed, recipient: Name) -> Result<(), ClientError> {
    match composed {
        Composed::Sent => Ok(()),
        Composed::Failed => Err(ClientError::MessageRefused { recipient }),
    }
}

/// Enough of the input to see that it holds too much.
fn read_bounded(input: &mut dyn Read) -> Result<Vec<u8>, ClientError> {
    let mut bytes = Vec::new();
    let bytes_max = LINE_BYTES_MAX + "\r\n".len() + 1;
    input.take(bytes_max as u64).read_to_end(&mut bytes).map_err(ClientError::Input)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_input_is_not_read_to_its_end() {
        let bytes = read_bounded(&mut io::repeat(b'x')).unwrap();
        assert!(matches!(parse_text(&bytes), Err(ClientError::LineTooLong)));
    }
}
