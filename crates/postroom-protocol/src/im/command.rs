//! The commands of `im`.

/// A parsed command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Command<'a> {
    /// The rest of the line, which should be two words.
    LogIn(&'a [u8]),
    Port(&'a [u8]),
    List,
    To {
        name: &'a [u8],
        text: &'a [u8],
    },
    ToAll(&'a [u8]),
    Exit,
}

impl<'a> Command<'a> {
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        let (word, rest) = split(line);
        match (word, rest) {
            (b"/login", rest) => Some(Self::LogIn(rest.unwrap_or_default())),
            (b"/port", rest) => Some(Self::Port(rest.unwrap_or_default())),
            (b"/list", None) => Some(Self::List),
            (b"/to", Some(rest)) => {
                let (name, text) = split(rest);
                Some(Self::To { name, text: text? })
            }
            (b"/toall", Some(text)) => Some(Self::ToAll(text)),
            (b"/exit" | b"exit" | b"quit" | b"logout" | b"logoff" | b"bye", None) => {
                Some(Self::Exit)
            }
            _ => None,
        }
    }
}

/// The name and the password after `/login`, if there are exactly two words.
pub(super) fn credentials(words: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, password) = split(words);
    let password = password?;
    let is_one_word = !password.is_empty() && !password.contains(&b' ');
    (!name.is_empty() && is_one_word).then_some((name, password))
}

/// The first word, and the bytes after the space that follows it.
fn split(line: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b' ', line) {
        Some(at) => (&line[..at], Some(&line[at + 1..])),
        None => (line, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_these_lines_are_commands() {
        let to = Command::To { name: b"bob", text: b"Hello  there" };
        assert_eq!(Command::parse(b"/to bob Hello  there"), Some(to));
        assert_eq!(Command::parse(b"/toall At 3pm?"), Some(Command::ToAll(b"At 3pm?")));
        assert_eq!(Command::parse(b"/login a b"), Some(Command::LogIn(b"a b")));
        for exit in ["/exit", "exit", "quit", "logout", "logoff", "bye"] {
            assert_eq!(Command::parse(exit.as_bytes()), Some(Command::Exit), "{exit}");
        }
        for line in ["", "/to", "/to bob", "/toall", "/LIST", "/list x", "/quit", "bye bye", "hi"] {
            assert_eq!(Command::parse(line.as_bytes()), None, "{line:?}");
        }
    }

    #[test]
    fn credentials_are_exactly_two_words() {
        assert_eq!(credentials(b"jacky 12345"), Some((&b"jacky"[..], &b"12345"[..])));
        for words in ["", "jacky", "jacky ", "jacky  1", " jacky 1", "jacky 1 ", "a b c"] {
            assert_eq!(credentials(words.as_bytes()), None, "{words:?}");
        }
    }
}
