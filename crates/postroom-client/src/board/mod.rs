//! The client that posts one text to the board or fetches the latest.
//!
//! It never sends a text that the board would refuse. It prints the lines of the
//! original client, for the scripts that look for them.

mod report;

use std::io::{self, Read, Write};

use postroom_model::{BOARD_TEXT_CHARACTERS_MAX, Channel, Safe, Text};

use self::report::{Kind, Report};
use crate::connection::Resolved;
use crate::error::Deviation;
use crate::exchange::Exchange;
use crate::mailbox::unacknowledged;
use crate::parse::{parse_text, read_bounded, without_line_end};
use crate::settings::{Client, Settings};
use crate::signals::Signals;
use crate::{BoardArguments, ClientError, Environment};

const PROTOCOL: &str = "board";

/// The beginning of the server's refusals.
const REFUSAL: &str = "error: ";

/// The server's answer once it has stored a text.
const STORED: &str = "operation success";

/// Carries out one request. The result goes to the standard output; a failure to
/// write the report goes to the standard error.
pub fn board(arguments: &BoardArguments, environment: &Environment) -> Result<(), ClientError> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    board_with(arguments, environment, &mut input, &mut output, &mut io::stderr().lock())
}

/// Carries out one request, with a message from `input` where the arguments say
/// so. The result goes to `output`; a failure to write the report goes to
/// `complaints`.
pub fn board_with(
    arguments: &BoardArguments,
    environment: &Environment,
    input: &mut dyn Read,
    output: &mut dyn Write,
    complaints: &mut dyn Write,
) -> Result<(), ClientError> {
    let mut report = Report::open(arguments.report.as_deref(), complaints);
    let settings =
        arguments.given().and_then(|given| Settings::new(Client::Board, given, environment))?;
    let server = &settings.server;
    let verb = if arguments.upload { "upload to" } else { "download from" };
    report.note(Kind::General, &format_args!("client started: {verb} {server}"));
    let done = carry_out(arguments, &settings, input).and_then(|lines| {
        lines.iter().try_for_each(|line| {
            report.line(line);
            print(output, line)
        })
    });
    if let Err(error) = &done {
        report.note(kind_of(error), error);
    }
    report.note(Kind::General, &"client ended");
    done
}

/// Carries the request out and returns the lines to print.
fn carry_out(
    arguments: &BoardArguments,
    settings: &Settings,
    input: &mut dyn Read,
) -> Result<Vec<String>, ClientError> {
    let done = "Transmission Successfull...".to_owned();
    let request = request(arguments, input)?;
    let server = Resolved::new(settings)?;
    let signals = Signals::default();
    let connection = Exchange::open(server, PROTOCOL, arguments.timeout, signals)?;
    let at = connection.server().clone();
    let deviation = |deviation| ClientError::deviation(&at, PROTOCOL, deviation);
    let answer = connection
        .ask_all(request.as_bytes())
        .map_err(|error| if arguments.upload { unacknowledged(error) } else { error })?;
    let Ok(answer) = String::from_utf8(answer) else {
        return Err(deviation(Deviation::InvalidUtf8));
    };
    if arguments.upload {
        return if stored(&answer)? {
            Ok(vec![done])
        } else {
            Err(deviation(Deviation::unexpected("u", first_line(&answer))))
        };
    }
    match downloaded(&answer)? {
        Some(text) => Ok(vec![format!("Received Message: {}", Safe(text)), done]),
        None => Err(deviation(Deviation::unexpected("d", first_line(&answer)))),
    }
}

/// The request to send, if the rules of the board allow it.
fn request(arguments: &BoardArguments, input: &mut dyn Read) -> Result<String, ClientError> {
    if arguments.upload {
        let text = match &arguments.text {
            Some(text) => board_text(text.as_bytes())?,
            None => board_text(without_line_end(&read_bounded(input)?))?,
        };
        return Ok(format!("u\n{}\n", text.as_line().ok_or(ClientError::SeveralLines)?));
    }
    // A lone hyphen stands for the input only where a message is expected.
    let from_input = arguments.text_from_input.then_some("-");
    match arguments.text.as_deref().or(from_input) {
        // The half-close ends the request.
        None => Ok("d\n".to_owned()),
        Some(word) if Channel::parse(word).is_some() => Ok(format!("d\n{word}\n")),
        Some(word) => Err(ClientError::Hashtag { word: word.to_owned() }),
    }
}

fn board_text(given: &[u8]) -> Result<Text, ClientError> {
    let text = parse_text(given)?;
    if text.as_str().chars().count() > BOARD_TEXT_CHARACTERS_MAX {
        return Err(ClientError::BoardTextTooLong);
    }
    Ok(text)
}

/// Whether the answer says that the text is stored.
fn stored(answer: &str) -> Result<bool, ClientError> {
    match answer.strip_prefix(REFUSAL) {
        Some(reason) => Err(refused(reason)),
        None => Ok(answer.trim_end() == STORED),
    }
}

/// The text in an answer, if it is one. A text has no line end, while a refusal
/// and the answers of other protocols have one. Any text can thus be told from
/// them, even one with the same words.
fn downloaded(answer: &str) -> Result<Option<&str>, ClientError> {
    match answer.strip_suffix('\n').and_then(|line| line.strip_prefix(REFUSAL)) {
        Some(reason) if !reason.contains('\n') => Err(refused(reason)),
        _ if answer.contains('\n') => Ok(None),
        _ => Ok(Some(answer)),
    }
}

fn first_line(answer: &str) -> &str {
    answer.lines().next().unwrap_or_default()
}

fn refused(reason: &str) -> ClientError {
    ClientError::BoardRefused { reason: reason.trim_end().to_owned() }
}

/// The kind under which a failure is reported.
fn kind_of(error: &ClientError) -> Kind {
    match error {
        ClientError::Unanswered { .. }
        | ClientError::Dropped { .. }
        | ClientError::Connection { .. }
        | ClientError::Unacknowledged(_) => Kind::Connection,
        _ => Kind::Error,
    }
}

fn print(output: &mut dyn Write, line: &str) -> Result<(), ClientError> {
    writeln!(output, "{line}").and_then(|()| output.flush()).map_err(ClientError::Show)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{DefaultsArguments, ServerArguments, TlsArguments};

    fn asked(upload: bool, text: Option<&str>) -> Result<String, ClientError> {
        let arguments = BoardArguments {
            upload,
            download: !upload,
            server: ServerArguments::default(),
            text: text.map(str::to_owned),
            text_from_input: upload && text.is_none(),
            report: None,
            timeout: Duration::from_secs(1),
            tls: TlsArguments::default(),
            defaults: DefaultsArguments::default(),
        };
        request(&arguments, &mut &b"from the input\n"[..])
    }

    #[test]
    fn requests_are_a_letter_and_a_line() {
        assert_eq!(asked(true, Some("hi #rust")).unwrap(), "u\nhi #rust\n");
        assert_eq!(asked(true, Some("")).unwrap(), "u\n\n");
        assert_eq!(asked(true, None).unwrap(), "u\nfrom the input\n");
        assert_eq!(asked(false, None).unwrap(), "d\n");
        assert_eq!(asked(false, Some("#Grüße_2")).unwrap(), "d\n#Grüße_2\n");
    }

    #[test]
    fn what_breaks_a_rule_is_not_sent() {
        assert!(asked(true, Some(&"é".repeat(150))).is_ok());
        let error = asked(true, Some(&"é".repeat(151))).unwrap_err();
        assert_eq!(error.to_string(), "message length illegal, connection refused.");
        assert!(matches!(asked(true, Some("a\nb")), Err(ClientError::SeveralLines)));
        assert!(matches!(asked(true, Some("a\0")), Err(ClientError::Text(_))));
        for word in ["", "#", "rust", "#a b", "#a-b", "#a\n", &format!("#{}", "x".repeat(65))] {
            assert!(matches!(asked(false, Some(word)), Err(ClientError::Hashtag { .. })), "{word}");
        }
    }

    #[test]
    fn a_text_is_told_from_a_refusal() {
        for text in ["hi", "error: is what I saw", "UNKNOWN COMMAND", "3"] {
            assert_eq!(downloaded(text).unwrap(), Some(text));
        }
        for foreign in ["hi\n", "UNKNOWN COMMAND\n", "one\ntwo", "error: one\ntwo\n", "\n"] {
            assert_eq!(downloaded(foreign).unwrap(), None, "{foreign:?}");
        }
        let error = downloaded("error: operation illegal\n").unwrap_err().to_string();
        assert_eq!(error, "the server refused: operation illegal");
        assert!(stored("operation success\n").unwrap());
        assert!(!stored("hi").unwrap());
        let error = stored("error: message length \u{1b}illegal\n").unwrap_err().to_string();
        assert_eq!(error, "the server refused: message length ^[illegal");
    }
}
