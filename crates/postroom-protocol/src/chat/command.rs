//! The commands of `chat`.

/// A line that has the form of a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Command<'a> {
    SetName { name: &'a [u8] },
    Pass { password: &'a [u8] },
    Help,
    AllUsers,
    All { text: &'a [u8] },
    Private { name: &'a [u8], text: &'a [u8] },
    Join { tag: &'a [u8] },
    Leave { tag: &'a [u8] },
    Say { tag: &'a [u8], text: &'a [u8] },
    Inbox,
    Read,
    Send { name: &'a [u8], text: &'a [u8] },
    Quit,
}

/// Why a line is no command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mistake {
    Unknown,
    /// It is short of an argument, or has one too many; this is its form.
    Usage(&'static str),
}

/// What `/cmd` answers.
pub(super) const COMMANDS: &str = "Commands: /allusers, /all TEXT, /private NAME TEXT, \
    /join #TAG, /leave #TAG, /say #TAG TEXT, /inbox, /read, /send NAME TEXT, /cmd, /quit\n";

impl<'a> Command<'a> {
    /// Whether a command of this form has a meaning before there is a name.
    pub(super) fn is_for_strangers(usage: &str) -> bool {
        ["/setname", "/pass", "/quit"].iter().any(|command| usage.starts_with(command))
    }

    pub(super) fn parse(line: &'a [u8]) -> Result<Self, Mistake> {
        let (word, rest) = split(line);
        let one = |usage| one(rest).ok_or(Mistake::Usage(usage));
        let two = |usage| two(rest).ok_or(Mistake::Usage(usage));
        let none = |command, usage| {
            if rest.is_empty() { Ok(command) } else { Err(Mistake::Usage(usage)) }
        };
        match word {
            b"/setname" => one("/setname NAME").map(|name| Self::SetName { name }),
            b"/pass" => one("/pass PASSWORD").map(|password| Self::Pass { password }),
            b"/all" => one("/all TEXT").map(|text| Self::All { text }),
            b"/join" => one("/join #TAG").map(|tag| Self::Join { tag }),
            b"/leave" => one("/leave #TAG").map(|tag| Self::Leave { tag }),
            b"/private" => {
                two("/private NAME TEXT").map(|(name, text)| Self::Private { name, text })
            }
            b"/say" => two("/say #TAG TEXT").map(|(tag, text)| Self::Say { tag, text }),
            b"/send" => two("/send NAME TEXT").map(|(name, text)| Self::Send { name, text }),
            b"/cmd" => none(Self::Help, "/cmd"),
            b"/allusers" => none(Self::AllUsers, "/allusers"),
            b"/inbox" => none(Self::Inbox, "/inbox"),
            b"/read" => none(Self::Read, "/read"),
            b"/quit" => none(Self::Quit, "/quit"),
            _ => Err(Mistake::Unknown),
        }
    }
}

fn one(rest: &[u8]) -> Option<&[u8]> {
    (!rest.is_empty()).then_some(rest)
}

fn two(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, second) = split(rest);
    (!first.is_empty() && !second.is_empty()).then_some((first, second))
}

/// The first word, and what follows the space after it; nothing where that is
/// but spaces.
fn split(line: &[u8]) -> (&[u8], &[u8]) {
    let (word, rest) = match memchr::memchr(b' ', line) {
        Some(at) => (&line[..at], &line[at + 1..]),
        None => (line, &[][..]),
    };
    (word, if rest.iter().all(|byte| *byte == b' ') { &[] } else { rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_all_that_follows() {
        assert_eq!(Command::parse(b"/all  hi there "), Ok(Command::All { text: b" hi there " }));
        let private = Command::Private { name: b"mary", text: b"hi  you" };
        assert_eq!(Command::parse(b"/private mary hi  you"), Ok(private));
        assert_eq!(Command::parse(b"/setname a b"), Ok(Command::SetName { name: b"a b" }));
    }

    #[test]
    fn what_is_short_of_an_argument_gets_its_usage() {
        for (line, usage) in [
            ("/all", "/all TEXT"),
            ("/all  ", "/all TEXT"),
            ("/private mary", "/private NAME TEXT"),
            ("/private mary ", "/private NAME TEXT"),
            ("/private  hi", "/private NAME TEXT"),
            ("/say #rust", "/say #TAG TEXT"),
            ("/quit now", "/quit"),
        ] {
            assert_eq!(Command::parse(line.as_bytes()), Err(Mistake::Usage(usage)), "{line:?}");
        }
        for line in ["", "hello", "/", "/ALL x", " /quit", "/allx"] {
            assert_eq!(Command::parse(line.as_bytes()), Err(Mistake::Unknown), "{line:?}");
        }
    }
}
