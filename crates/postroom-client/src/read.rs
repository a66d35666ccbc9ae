//! The client that prints messages and removes them.
//!
//! Each message is written and flushed before the next command is sent, so the
//! server removes no message that was not printed. If the output fails or the
//! process is killed, the connection is reset and the message stays unread.

use std::io::{self, Write};

use postroom_model::Safe;
use serde::Serialize;

use crate::connection::Resolved;
use crate::mailbox::{Mailbox as _, Message, StrictMailbox};
use crate::settings::{Client, Settings};
use crate::signals::Signals;
use crate::{ClientError, Environment, ReadArguments};

/// Prints the earliest unread message, or all of them, to the standard output.
pub fn read(arguments: &ReadArguments, environment: &Environment) -> Result<(), ClientError> {
    read_to(arguments, environment, &mut io::stdout().lock())
}

/// Prints the earliest unread message, or all of them, to `output`.
pub fn read_to(
    arguments: &ReadArguments,
    environment: &Environment,
    output: &mut dyn Write,
) -> Result<(), ClientError> {
    let settings = Settings::new(Client::Read, arguments.given()?, environment)?;
    let name = settings.required_name()?;
    let password = settings.password()?;
    let server = Resolved::new(&settings)?;
    let mut mailbox = StrictMailbox::open(server, arguments.timeout, Signals::default())?;
    mailbox.log_in(&name, password.as_ref())?;
    let mut is_empty = true;
    while let Some(message) = mailbox.take()? {
        is_empty = false;
        let line = if arguments.json { as_json(&message)? } else { as_text(&message) };
        print(output, &line).map_err(ClientError::Output)?;
        if !arguments.all {
            break;
        }
    }
    mailbox.leave();
    if is_empty && arguments.fail_empty {
        return Err(ClientError::NothingUnread);
    }
    Ok(())
}

fn print(output: &mut dyn Write, line: &str) -> io::Result<()> {
    output.write_all(line.as_bytes())?;
    output.flush()
}

/// `sender: text`. No name holds a colon.
fn as_text(message: &Message) -> String {
    format!("{}: {}\n", message.sender, message.text)
}

fn as_json(message: &Message) -> Result<String, ClientError> {
    #[derive(Serialize)]
    struct Object<'a> {
        from: &'a str,
        text: &'a str,
    }
    let object = Object { from: message.sender.as_str(), text: message.text.as_str() };
    let json = serde_json::to_string(&object)
        .map_err(|error| ClientError::Output(io::Error::other(error)))?;
    Ok(without_controls(&json) + "\n")
}

/// Escapes control characters that JSON allows as `\u`: the object stays the same
/// and is safe to show.
fn without_controls(json: &str) -> String {
    use std::fmt::Write as _;

    let mut safe = String::with_capacity(json.len());
    for character in json.chars() {
        if matches!(character, ' '..='~') || is_safe(character) {
            safe.push(character);
        } else {
            // They are all in the BMP; writing to a string succeeds.
            let _ = write!(safe, "\\u{:04x}", u32::from(character));
        }
    }
    safe
}

fn is_safe(character: char) -> bool {
    let mut bytes = [0; 4];
    let text: &str = character.encode_utf8(&mut bytes);
    Safe(text).to_string() == text
}

#[cfg(test)]
mod tests {
    use postroom_model::{Name, Text};

    use super::*;

    fn message(text: &str) -> Message {
        Message {
            sender: Name::new("alice").unwrap(),
            text: Text::from_bytes(text.as_bytes()).unwrap(),
        }
    }

    #[test]
    fn a_line_names_the_sender_and_is_safe_to_show() {
        assert_eq!(as_text(&message("Hi: Bob!")), "alice: Hi: Bob!\n");
        assert_eq!(as_text(&message("")), "alice: \n");
        assert_eq!(as_text(&message("\u{1b}[2J\u{9b}1m")), "alice: ^[[2JM-^[1m\n");
    }

    #[test]
    fn json_keeps_the_text_and_is_safe_to_show() {
        assert_eq!(
            as_json(&message("say \"hé\" \\o/ 日本")).unwrap(),
            "{\"from\":\"alice\",\"text\":\"say \\\"hé\\\" \\\\o/ 日本\"}\n"
        );
        let text = "\u{1b}[2J\u{7f}\u{9b}\u{202e}\u{2066}\t\r";
        let json = as_json(&message(text)).unwrap();
        assert!(json.trim_end().bytes().all(|byte| matches!(byte, b' '..=b'~')), "{json}");
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["text"], text);
    }
}
