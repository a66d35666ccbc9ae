//! The commands of `mailbox-verbose`.

/// A parsed command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Command<'a> {
    Pass(&'a [u8]),
    /// The rest of the line; an invalid name is refused later.
    LogIn(&'a [u8]),
    Compose {
        name: &'a [u8],
        recipient: &'a [u8],
        text: &'a [u8],
    },
    Read {
        name: &'a [u8],
    },
    Passwd {
        old: &'a [u8],
        new: &'a [u8],
    },
    Exit,
}

impl<'a> Command<'a> {
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        let (word, rest) = split(line);
        match (word, rest) {
            (b"EXIT", None) => Some(Self::Exit),
            (b"LOGIN", name) => Some(Self::LogIn(name.unwrap_or_default())),
            (b"PASS", Some(password)) => Some(Self::Pass(password)),
            (b"READ", Some(name)) if !name.contains(&b' ') => Some(Self::Read { name }),
            (b"PASSWD", Some(rest)) => {
                let (old, new) = split(rest);
                Some(Self::Passwd { old, new: new? })
            }
            (b"COMPOSE", Some(rest)) => {
                let (name, rest) = split(rest);
                // The original client sends an empty text as nothing after the
                // recipient, with or without the space.
                let (recipient, text) = split(rest?);
                Some(Self::Compose { name, recipient, text: text.unwrap_or_default() })
            }
            _ => None,
        }
    }
}

/// The first word, and the bytes after the space that follows it.
fn split(line: &[u8]) -> (&[u8], Option<&[u8]>) {
    match line.iter().position(|byte| *byte == b' ') {
        Some(at) => (&line[..at], Some(&line[at + 1..])),
        None => (line, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_all_that_follows_the_recipient() {
        let compose = |text: &'static str| {
            Some(Command::Compose { name: b"bob", recipient: b"al", text: text.as_bytes() })
        };
        assert_eq!(Command::parse(b"COMPOSE bob al Hi there"), compose("Hi there"));
        assert_eq!(Command::parse(b"COMPOSE bob al  Hi "), compose(" Hi "));
        assert_eq!(Command::parse(b"COMPOSE bob al "), compose(""));
        assert_eq!(Command::parse(b"COMPOSE bob al"), compose(""));
    }

    #[test]
    fn what_has_no_such_form_is_no_command() {
        for line in
            ["", "READ", "READ a b", "read bob", "COMPOSE", "COMPOSE bob", "EXIT now", "PASS"]
        {
            assert_eq!(Command::parse(line.as_bytes()), None, "{line:?}");
        }
        assert_eq!(Command::parse(b"LOGIN"), Some(Command::LogIn(b"")));
        assert_eq!(Command::parse(b"LOGIN a b"), Some(Command::LogIn(b"a b")));
    }
}
