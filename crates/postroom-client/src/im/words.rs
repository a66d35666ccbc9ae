//! What is typed, answered and pushed in the protocol `im`, without a socket.

use postroom_model::{Name, Safe};

use crate::colour::Colours;
use crate::console::{CommandHelp, Operand};
use crate::parse::{parse_name, parse_text};
use crate::{ClientError, LINE_BYTES_MAX};

/// What can be typed.
pub(crate) const COMMANDS: [CommandHelp; 5] = [
    command("/to", Operand::Name, "/to NAME TEXT", "send to one user who is logged in"),
    command("/toall", Operand::Text, "/toall TEXT", "send to everyone who is logged in"),
    command("/list", Operand::None, "/list", "list the users who are logged in"),
    command("/help", Operand::None, "/help", "show this list"),
    command("/exit", Operand::None, "/exit", "leave"),
];

const fn command(
    word: &'static str,
    operand: Operand,
    usage: &'static str,
    what: &'static str,
) -> CommandHelp {
    CommandHelp { word, operand, usage, what }
}

/// Words that leave.
const EXITS: [&str; 6] = ["/exit", "exit", "quit", "logout", "logoff", "bye"];

/// What a line asks for.
#[derive(Debug)]
pub(crate) enum Command {
    /// Something to ask the server, and the line to send for it.
    Ask(Asked, String),
    /// The list of commands.
    Help,
    /// To leave.
    Exit,
}

/// What the server is to answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Asked {
    /// Whether one has a message.
    To(Name),
    /// Whether all have one.
    ToAll,
    /// Who is there.
    List,
}

/// Why a line is not a command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Mistake {
    /// It begins with no command.
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
    /// Understands a line that is not blank.
    pub(crate) fn parse(line: &str) -> Result<Self, Mistake> {
        let line = line.trim();
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "/to" => parse_to(rest.trim_start()),
            "/toall" => ask(Asked::ToAll, "/toall", rest, "/toall TEXT"),
            "/list" if rest.is_empty() => Ok(Self::Ask(Asked::List, "/list".to_owned())),
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
    ask(Asked::To(name), &start, text, "/to NAME TEXT")
}

fn ask(asked: Asked, start: &str, text: &str, usage: &'static str) -> Result<Command, Mistake> {
    if text.trim().is_empty() {
        return Err(Mistake::Usage(usage));
    }
    let line = format!("{start} {}", parse_text(text.as_bytes())?.as_str());
    if line.len() > LINE_BYTES_MAX {
        return Err(ClientError::LineTooLong.into());
    }
    Ok(Command::Ask(asked, line))
}

/// A line of the connection that the client opened.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Answer<'a> {
    /// The number that begins it.
    pub(crate) code: u16,
    /// What follows the number.
    pub(crate) rest: &'a str,
}

impl<'a> Answer<'a> {
    /// Understands an answer; `None` for what is none.
    pub(crate) fn parse(line: &'a str) -> Option<Self> {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (code, rest) = line.split_once(' ').unwrap_or((line, ""));
        let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self { code: code.parse().ok().filter(|_| is_code)?, rest })
    }

    /// The answer in words; `None` where it is none to what was asked.
    pub(crate) fn in_words(&self, asked: &Asked, colours: Colours) -> Option<String> {
        Some(match (asked, self.code) {
            (Asked::To(name), 303) => format!("Delivered to {name}."),
            (Asked::To(name), 304) => {
                format!("Not confirmed by {name}: absent or unknown, or no answer in time.")
            }
            (Asked::ToAll, 303) => "Delivered to everyone.".to_owned(),
            (Asked::ToAll, 304) => {
                "Not confirmed by everyone: no answer in time, or the server's disk is full."
                    .to_owned()
            }
            (Asked::List, 301) => {
                let names: Vec<_> =
                    self.rest.split_whitespace().map(|name| colours.name(name)).collect();
                format!("Present: {}.", names.join(", "))
            }
            (_, 401) => "The server did not understand the command.".to_owned(),
            _ => return None,
        })
    }
}

/// A line of the connection that the server opened.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Push<'a> {
    /// A message for this account.
    From {
        /// Who sent it.
        name: &'a str,
        /// The message.
        text: &'a str,
    },
    /// A message for everyone.
    Broadcast {
        /// Who sent it.
        name: &'a str,
        /// The message.
        text: &'a str,
    },
    /// The server is shutting down.
    ForceQuit,
}

impl<'a> Push<'a> {
    /// Understands a push; `None` for what is none.
    pub(crate) fn parse(line: &'a str) -> Option<Self> {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line == "/forceQuit" {
            return Some(Self::ForceQuit);
        }
        let (verb, rest) = line.split_once(' ')?;
        let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
        match verb {
            "/forceQuit" => None,
            _ if name.is_empty() => None,
            "/from" => Some(Self::From { name, text }),
            // The word is a setting of the server.
            verb if verb.starts_with('/') => Some(Self::Broadcast { name, text }),
            _ => None,
        }
    }

    /// What is shown of it; nothing of the last.
    pub(crate) fn shown(&self, colours: Colours) -> Option<String> {
        match self {
            Self::From { name, text } => Some(format!("{}: {}", colours.name(name), Safe(text))),
            Self::Broadcast { name, text } => {
                Some(format!("{} (to all): {}", colours.name(name), Safe(text)))
            }
            Self::ForceQuit => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(line: &str) -> String {
        match Command::parse(line) {
            Ok(Command::Ask(_, sent)) => sent,
            other => panic!("{line:?}: {other:?}"),
        }
    }

    fn mistake(line: &str) -> String {
        Command::parse(line).unwrap_err().to_string()
    }

    #[test]
    fn commands_are_sent_as_the_protocol_has_them() {
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
    fn what_is_no_command_is_told_in_one_sentence() {
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

    #[test]
    fn numbers_become_words() {
        let bob = Asked::To(Name::new("bob").unwrap());
        let words = |line: &str, asked: &Asked| {
            Answer::parse(line).and_then(|answer| answer.in_words(asked, Colours::None))
        };
        let told = |line, asked, expected: &str| {
            assert_eq!(words(line, asked).as_deref(), Some(expected), "{line}");
        };
        told("303 Message delivery successful", &bob, "Delivered to bob.");
        told("304 x", &bob, "Not confirmed by bob: absent or unknown, or no answer in time.");
        told("303", &Asked::ToAll, "Delivered to everyone.");
        told(
            "304",
            &Asked::ToAll,
            "Not confirmed by everyone: no answer in time, or the server's disk is full.",
        );
        told("301 jacky bob michael\r", &Asked::List, "Present: jacky, bob, michael.");
        told("301 \u{1b}[2J", &Asked::List, "Present: ^[[2J.");
        told("401 Unrecognized message", &bob, "The server did not understand the command.");
        for (line, asked) in [("301 bob", &bob), ("303", &Asked::List), ("30", &bob), ("", &bob)] {
            assert_eq!(words(line, asked), None, "{line:?}");
        }
    }

    #[test]
    fn pushes_name_their_sender() {
        let shown = |line| Push::parse(line).and_then(|push| push.shown(Colours::None));
        assert_eq!(shown("/from bob hi there").as_deref(), Some("bob: hi there"));
        assert_eq!(shown("/from bob ").as_deref(), Some("bob: "));
        assert_eq!(shown("/broadcast bob hi").as_deref(), Some("bob (to all): hi"));
        assert_eq!(shown("/broadcastfrom bob hi").as_deref(), Some("bob (to all): hi"));
        assert_eq!(shown("/from b\u{1b}b a\u{9b}2J").as_deref(), Some("b^[b: aM-^[2J"));
        assert_eq!(Push::parse("/forceQuit"), Some(Push::ForceQuit));
        for line in ["", "/from", "/from ", "from bob hi", "/forceQuit now"] {
            assert_eq!(Push::parse(line), None, "{line:?}");
        }
    }
}
