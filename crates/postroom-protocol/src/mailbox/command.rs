//! The commands of `mailbox`.

/// A parsed command.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Command<'a> {
    Pass(&'a [u8]),
    LogIn(&'a [u8]),
    Compose(&'a [u8]),
    Read,
    Exit,
}

impl<'a> Command<'a> {
    /// Parses a command: its word, one space, its argument, nothing more.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        match line {
            b"READ" => Some(Self::Read),
            b"EXIT" => Some(Self::Exit),
            _ => None,
        }
        .or_else(|| line.strip_prefix(b"PASS ").map(Self::Pass))
        .or_else(|| one_word(line.strip_prefix(b"LOGIN ")?).map(Self::LogIn))
        .or_else(|| one_word(line.strip_prefix(b"COMPOSE ")?).map(Self::Compose))
    }
}

fn one_word(argument: &[u8]) -> Option<&[u8]> {
    (!argument.is_empty() && !argument.contains(&b' ')).then_some(argument)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_form_is_a_command() {
        assert_eq!(Command::parse(b"LOGIN bob"), Some(Command::LogIn(b"bob")));
        assert_eq!(Command::parse(b"PASS two words"), Some(Command::Pass(b"two words")));
        for line in [
            "",
            " ",
            "login bob",
            "LOGIN",
            "LOGIN ",
            "LOGIN  bob",
            "LOGIN bob ",
            "LOGIN a b",
            "READ ",
            "READ 1",
            "read",
            " READ",
            "EXIT ",
            "COMPOSE",
            "COMPOSE a b",
            "PASS",
            "HELP",
        ] {
            assert_eq!(Command::parse(line.as_bytes()), None, "{line:?}");
        }
    }
}
