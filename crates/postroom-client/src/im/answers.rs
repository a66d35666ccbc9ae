//! What the server sends in the protocol `im`, parsed without input or output.

use postroom_model::Safe;

use super::commands::Request;
use crate::colour::Colours;

/// A line on the connection that the client opened.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Answer<'a> {
    /// The number at its beginning.
    pub(crate) code: u16,
    /// The text after the number.
    pub(crate) rest: &'a str,
}

impl<'a> Answer<'a> {
    /// Parses an answer; `None` for any other line.
    pub(crate) fn parse(line: &'a str) -> Option<Self> {
        let line = line.strip_suffix('\r').unwrap_or(line);
        let (code, rest) = line.split_once(' ').unwrap_or((line, ""));
        let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self { code: code.parse().ok().filter(|_| is_code)?, rest })
    }

    /// The answer as a sentence; `None` if it does not fit the request.
    pub(crate) fn in_words(&self, asked: &Request, colours: Colours) -> Option<String> {
        Some(match (asked, self.code) {
            (Request::To(name), 303) => format!("Delivered to {name}."),
            (Request::To(name), 304) => {
                format!("Not confirmed by {name}: absent or unknown, or no answer in time.")
            }
            (Request::ToAll, 303) => "Delivered to everyone.".to_owned(),
            (Request::ToAll, 304) => {
                "Not confirmed by everyone: no answer in time, or the server's disk is full."
                    .to_owned()
            }
            (Request::List, 301) => {
                let names: Vec<_> =
                    self.rest.split_whitespace().map(|name| colours.name(name)).collect();
                format!("Present: {}.", names.join(", "))
            }
            (_, 401) => "The server did not understand the command.".to_owned(),
            _ => return None,
        })
    }
}

/// A line on the connection that the server opened.
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
    /// Parses a push; `None` for any other line.
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
            // The verb is a setting of the server.
            verb if verb.starts_with('/') => Some(Self::Broadcast { name, text }),
            _ => None,
        }
    }

    /// The line to show, unless the server shuts down.
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
    use postroom_model::Name;

    use super::*;

    #[test]
    fn answers_become_sentences() {
        let bob = Request::To(Name::new("bob").unwrap());
        let words = |line: &str, asked: &Request| {
            Answer::parse(line).and_then(|answer| answer.in_words(asked, Colours::None))
        };
        let told = |line, asked, expected: &str| {
            assert_eq!(words(line, asked).as_deref(), Some(expected), "{line}");
        };
        told("303 Message delivery successful", &bob, "Delivered to bob.");
        told("304 x", &bob, "Not confirmed by bob: absent or unknown, or no answer in time.");
        told("303", &Request::ToAll, "Delivered to everyone.");
        told(
            "304",
            &Request::ToAll,
            "Not confirmed by everyone: no answer in time, or the server's disk is full.",
        );
        told("301 jacky bob michael\r", &Request::List, "Present: jacky, bob, michael.");
        told("301 \u{1b}[2J", &Request::List, "Present: ^[[2J.");
        told("401 Unrecognized message", &bob, "The server did not understand the command.");
        for (line, asked) in [("301 bob", &bob), ("303", &Request::List), ("30", &bob), ("", &bob)]
        {
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
