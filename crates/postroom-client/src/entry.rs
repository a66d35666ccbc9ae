//! A message or a post with its id and its time, as HTTP gives it, and how it is printed.

use std::fmt;
use std::io::{self, Write};

use postroom_model::{Safe, Text};
use serde::Serialize;

use crate::ClientError;

/// What a line begins with that goes on with a text.
const INDENT: &str = "  ";

/// What stands in place of the text of a deleted post.
const DELETED: &str = "(deleted)";

/// A message or a post.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Entry {
    pub(crate) id: String,
    /// When it was stored (RFC 3339).
    pub(crate) time: String,
    /// Who said it.
    pub(crate) from: String,
    pub(crate) says: Says,
}

/// What it says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Says {
    Text(Text),
    /// Its author has deleted it.
    Deleted,
}

/// How entries are printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Format {
    /// `from: text`
    Text,
    /// `time from: text`
    TextWithTime,
    /// An object of JSON a line.
    Json,
}

/// An entry as an object of JSON; a message of a listener of lines has neither id nor time.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
}

impl Entry {
    /// Its lines, which are safe to show, each with its line end. Further lines of a text are
    /// indented, so that none can be taken for another entry.
    pub(crate) fn printed(&self, format: Format) -> Result<String, ClientError> {
        let Self { id, time, from, says } = self;
        let head = match format {
            Format::Json => {
                let (text, deleted) = match says {
                    Says::Text(text) => (Some(text.as_str()), false),
                    Says::Deleted => (None, true),
                };
                let (id, time, from) =
                    (Some(id.as_str()), Some(time.as_str()), Some(from.as_str()));
                return as_json(&Line { id, time, from, text, deleted });
            }
            Format::Text => format!("{}: ", Safe(from)),
            Format::TextWithTime => format!("{} {}: ", Safe(time), Safe(from)),
        };
        Ok(match says {
            Says::Text(text) => format!("{head}{}", indented(text)),
            Says::Deleted => format!("{head}{DELETED}\n"),
        })
    }
}

/// A post that is deleted and of which nothing else is known.
pub(crate) fn printed_deletion(id: &str, format: Format) -> Result<String, ClientError> {
    match format {
        Format::Json => {
            as_json(&Line { id: Some(id), time: None, from: None, text: None, deleted: true })
        }
        Format::Text | Format::TextWithTime => Ok(format!("{}: {DELETED}\n", Safe(id))),
    }
}

/// A message of which nothing but its sender is known, as JSON.
pub(crate) fn message_as_json(from: &str, text: &Text) -> Result<String, ClientError> {
    let (from, text) = (Some(from), Some(text.as_str()));
    as_json(&Line { id: None, time: None, from, text, deleted: false })
}

/// Writes what was printed, and flushes it.
pub(crate) fn write(output: &mut dyn Write, printed: &str) -> io::Result<()> {
    output.write_all(printed.as_bytes())?;
    output.flush()
}

/// The lines of a text, each with its line end, and all but the first indented.
pub(crate) fn indented(text: &Text) -> impl fmt::Display {
    Indented(text)
}

struct Indented<'a>(&'a Text);

impl fmt::Display for Indented<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.lines().enumerate().try_for_each(|(number, line)| {
            let indent = if number > 0 { INDENT } else { "" };
            writeln!(formatter, "{indent}{}", Safe(line))
        })
    }
}

fn as_json(line: &Line<'_>) -> Result<String, ClientError> {
    let json = serde_json::to_string(line)
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
    use super::*;

    fn entry(text: &str) -> Entry {
        Entry {
            id: "p0000000000004".to_owned(),
            time: "2026-11-23T08:00:05.432Z".to_owned(),
            from: "alice".to_owned(),
            says: Says::Text(Text::from_stored(text.as_bytes()).unwrap()),
        }
    }

    #[test]
    fn an_entry_names_its_author_once_and_is_safe_to_show() {
        for (text, printed) in [
            ("Hi: Bob!", "alice: Hi: Bob!\n"),
            ("", "alice: \n"),
            ("\u{1b}[2J\u{9b}1m", "alice: ^[[2JM-^[1m\n"),
            ("one\n\nbob: two", "alice: one\n  \n  bob: two\n"),
        ] {
            assert_eq!(entry(text).printed(Format::Text).unwrap(), printed);
            let timed = format!("2026-11-23T08:00:05.432Z {printed}");
            assert_eq!(entry(text).printed(Format::TextWithTime).unwrap(), timed);
        }
        let forged = Entry { from: "a\u{1b}\nb".to_owned(), ..entry("x") };
        assert_eq!(forged.printed(Format::Text).unwrap(), "a^[^Jb: x\n");
    }

    #[test]
    fn a_deleted_post_is_a_mark() {
        let deleted = Entry { says: Says::Deleted, ..entry("") };
        assert_eq!(deleted.printed(Format::Text).unwrap(), "alice: (deleted)\n");
        assert_eq!(
            deleted.printed(Format::Json).unwrap(),
            "{\"id\":\"p0000000000004\",\"time\":\"2026-11-23T08:00:05.432Z\",\"from\":\"alice\",\
             \"deleted\":true}\n"
        );
        assert_eq!(printed_deletion("p1", Format::TextWithTime).unwrap(), "p1: (deleted)\n");
        assert_eq!(
            printed_deletion("p1", Format::Json).unwrap(),
            "{\"id\":\"p1\",\"deleted\":true}\n"
        );
    }

    #[test]
    fn json_keeps_the_text_and_is_safe_to_show() {
        let text = Text::from_stored("say \"hé\" \\o/ 日本".as_bytes()).unwrap();
        assert_eq!(
            message_as_json("alice", &text).unwrap(),
            "{\"from\":\"alice\",\"text\":\"say \\\"hé\\\" \\\\o/ 日本\"}\n"
        );
        let text = "\u{1b}[2J\u{7f}\u{9b}\u{202e}\u{2066}\t\r\n.";
        let json = entry(text).printed(Format::Json).unwrap();
        assert!(json.trim_end().bytes().all(|byte| matches!(byte, b' '..=b'~')), "{json}");
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&value["text"], &value["id"]), (&text.into(), &"p0000000000004".into()));
    }
}
