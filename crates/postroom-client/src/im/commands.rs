//! What a person types in the client for `im`, and what is sent for it.

use postroom_model::{Name, Safe};

use crate::console::{CommandHelp, Operand};
use crate::parse::{parse_name, parse_text};
use crate::{ClientError, LINE_BYTES_MAX};

/// What can be typed.
pub(crate) const COMMANDS: [CommandHelp; 5] = [
    CommandHelp::new("/to", Operand::Name, "/to NAME TEXT", "send to one user who is logged in"),
    CommandHelp::new("/toall", Operand::Text, "/toall TEXT", "send to everyone who is logged in"),
    CommandHelp::new("/list", Operand::None, "/list", "list the users who are logged in"),
    CommandHelp::new("/help", Operand::None, "/help", "show this list"),
    CommandHelp::new("/exit", Operand::None, "/exit", "leave"),
];

/// Words that leave.
const EXITS: [&str; 6] = ["/exit", "exit", "quit", "logout", "logoff", "bye"];

/// What a line asks for.
#[derive(Debug)]
pub(crate) enum Command {
    /// A request to the server, and the line to send for it.
    Request(Request, String),
    /// To show the list of commands.
    Help,
    /// To leave.
    Exit,
}

/// A request that the server answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Request {
    /// A message to one user.
    To(Name),
    /// A message to everyone.
    ToAll,
    /// Who is logged in.
    List,
}

/// Why a line is not a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Mistake {
    /// Its first word is not a command.
    #[error(
        "\"{}\" is not a command: use /to NAME TEXT, /toall TEXT, /list, /help or /exit.", Safe(.0)
    )]
    Unknown(String),
    /// Something is missing.
    #[error("Type {0}.")]
    Usage(&'static str),
    /// A part of it cannot be sent.
    #[error("Nothing was sent: {0}.")]
    Part(#[from] ClientError),
}

impl Command {
    /// Parses a line that is not blank.
    pub(crate) fn parse(line: &str) -> Result<Self, Mistake> {
        let line = line.trim();
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "/to" => parse_to(rest.trim_start()),
            "/toall" => ask(Request::ToAll, "/toall", rest, "/toall TEXT"),
            "/list" if rest.is_empty() => Ok(Self::Request(Request::List, "/list".to_owned())),
            "/help" => Ok(Self::Help),
            _ if EXITS.contains(&line) => Ok(Self::Exit),
            _ => Err(Mistake::Unknown(word.to_owned())),
        }
    }
}

fn parse_to(rest: &str) -> Result<Command, Mistake> {
    let (name, text) = rest.split_once(' ').ok_or(Mistake::Usage("/to NAME TEXT"))?;
    let name = parse_name(name)?;
    let start = format!("/to {name}");
    ask(Request::To(name), &start, text, "/to NAME TEXT")
}

fn ask(asked: Request, start: &str, text: &str, usage: &'static str) -> Result<Command, Mistake> {
    if text.trim().is_empty() {
        return Err(Mistake::Usage(usage));
    }
    let line = format!(
        "{start} {}",
        parse_text(text.as_bytes())?.as_line().ok_or(ClientError::SeveralLines)?
    );
    if line.len() > LINE_BYTES_MAX {
        return Err(ClientError::LineTooLong.into());
    }
    Ok(Command::Request(asked, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(line: &str) -> String {
        match Command::parse(line) {
            Ok(Command::Request(_, sent)) => sent,
            other => panic!("{line:?}: {other:?}"),
        }
    }

    fn mistake(line: &str) -> String {
        Command::parse(line).unwrap_err().to_string()
    }

    #[test]
    fn commands_are_sent_in_the_form_of_the_protocol() {
        assert_eq!(sent("/to bob Hello  there"), "/to bob Hello  there");
        assert_eq!(sent(" /to  bob /exit"), "/to bob /exit");
        assert_eq!(sent("/toall At 3pm?"), "/toall At 3pm?");
        assert_eq!(sent("/list"), "/list");
        for line in EXITS {
            assert!(matches!(Command::parse(line), Ok(Command::Exit)), "{line}");
        }
        assert!(matches!(Command::parse("/help"), Ok(Command::Help)));
    }

    #[test]
    fn a_mistake_gets_one_sentence() {
        assert_eq!(
            mistake("hello there"),
            "\"hello\" is not a command: use /to NAME TEXT, /toall TEXT, /list, /help or /exit."
        );
        assert!(mistake("\u{1b}[2J").starts_with("\"^[[2J\" is not a command"));
        for line in ["exit now", "/list bob", "/login bob 1", "/TO bob hi"] {
            assert!(mistake(line).contains("is not a command"), "{line}");
        }
        for line in ["/to", "/to bob", "/to bob  "] {
            assert_eq!(mistake(line), "Type /to NAME TEXT.", "{line}");
        }
        assert_eq!(mistake("/toall"), "Type /toall TEXT.");
        assert!(mistake("/to b:b hi").starts_with("Nothing was sent: \"b:b\" cannot be used"));
        assert!(mistake("/toall a\0").contains("the text holds a NUL"));
        assert!(mistake(&format!("/to bob {}", "x".repeat(8_190))).contains("too long"));
    }
}
