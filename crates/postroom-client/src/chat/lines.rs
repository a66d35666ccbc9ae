//! What the server's lines mean, read without input or output.

use postroom_model::{Channel, Name, Safe};

use crate::colour::Colours;

/// What the server says around a hashtag that was joined, ...
pub(super) const JOINED: (&str, &str) = ("You are in ", " now.");

/// ... and around one that was left.
pub(super) const LEFT: (&str, &str) = ("You have left ", ".");

/// Whether the server always answers a line.
pub(super) fn has_answer(line: &str) -> bool {
    let command = line.split(' ').next().unwrap_or_default();
    command.starts_with('/') && !matches!(command, "/all" | "/private")
}

/// Whether a line of the server begins an answer: it is not of another user, says neither who
/// came nor what was missed, and is no row of a list.
pub(super) fn is_answer(line: &str) -> bool {
    line.contains(' ')
        && !line.starts_with('(')
        && author(line).is_none()
        && announced(line).next().is_none()
}

/// Whether an answer may begin with this line where it is to `asked`. A message that was read is
/// a line of the server for each of its own, which all say from whom it is: any but the first is
/// the answer to nothing that was sent behind `/read`.
pub(super) fn may_answer(line: &str, asked: &str) -> bool {
    let message = line.strip_prefix("from ").and_then(author);
    message.is_none() || asked.split(' ').next() == Some("/read")
}

/// The hashtag in a line of these parts.
pub(super) fn hashtag_in(line: &str, (before, after): (&str, &str)) -> Option<Channel> {
    Channel::parse(line.strip_prefix(before)?.strip_suffix(after)?)
}

/// The server's line, safe to show, with the author's name in its colour:
/// `john: hello`, `john(private): hi`, `john(#tag): text`.
pub(super) fn shown(line: &str, colours: Colours) -> String {
    match author(line) {
        Some(name) => format!("{}{}", colours.name(name), Safe(&line[name.len()..])),
        None => Safe(line).to_string(),
    }
}

/// The names in a line that announces who has joined or left: `ann, bob and 2 more have
/// joined, eve has left (4 users active)`.
pub(super) fn announced(line: &str) -> impl Iterator<Item = &str> {
    let list = line.strip_suffix(" active)").and_then(|line| line.rsplit_once(" ("));
    let parts = list.filter(|_| author(line).is_none()).into_iter();
    parts
        .flat_map(|(list, _)| list.split(", "))
        .flat_map(|part| {
            let words: Vec<_> = part.split(' ').collect();
            match words[..] {
                [name, "and", other, "have", ..] => [Some(name), Some(other)],
                _ => [words.first().copied(), None],
            }
        })
        .flatten()
}

/// The author of a line, if it has one.
pub(super) fn author(line: &str) -> Option<&str> {
    line.split_once(": ")
        .map(|(start, _)| start.split_once('(').map_or(start, |(name, _)| name))
        .filter(|name| Name::new(name).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_an_announcement_are_known() {
        let names = |line| announced(line).collect::<Vec<_>>().join(" ");
        for (line, expected) in [
            ("ann has joined (1 user active)", "ann"),
            ("ann and and have joined (2 users active)", "ann and"),
            ("ann, bob and cat have left (0 users active)", "ann bob cat"),
            ("a, b, c, d, e and 12 more have joined, f has left (9 users active)", "a b c d e f"),
            ("ann and 12 have joined, eve has left (2 users active)", "ann 12 eve"),
            ("ann: bob has joined (2 users active)", ""),
            ("(12 posts missed in #rust)", ""),
        ] {
            assert_eq!(names(line), expected, "{line}");
        }
    }

    #[test]
    fn an_answer_is_told_from_what_others_do() {
        for line in ["You are in #rust now.", "Users in chat:", "User not found", "Said in #a."] {
            assert!(is_answer(line), "{line}");
        }
        for line in [
            "mary: Said in #a.",
            "mary(#a): hi there",
            "mary has joined (2 users active)",
            "(12 posts missed in #rust)",
            "mary",
        ] {
            assert!(!is_answer(line), "{line}");
        }
        for (line, expected) in
            [("/join #a", true), ("/inbox", true), ("/private bob hi", false), ("hi", false)]
        {
            assert_eq!(has_answer(line), expected, "{line}");
        }
    }

    #[test]
    fn the_lines_of_a_message_answer_nothing_but_a_reading() {
        for (line, asked, expected) in [
            ("from mary: hi", "/read", true),
            ("from mary: hi", "/read ", true),
            ("from mary:  ", "/send bob from mary: hi", false),
            ("from mary: You are in #a now.", "/join #a", false),
            ("You have no unread messages.", "/read", true),
            ("Message left for bob.", "/send bob hi", true),
        ] {
            assert_eq!(may_answer(line, asked), expected, "{line}, {asked}");
        }
    }

    #[test]
    fn the_name_before_a_message_has_its_colour() {
        let john = Colours::Names.name("john");
        for rest in [": hello: all", "(private): hi", "(#rust): text"] {
            assert_eq!(shown(&format!("john{rest}"), Colours::Names), format!("{john}{rest}"));
        }
        for line in ["Users in chat:", "User not found: john", "john hello", "", ": x"] {
            assert_eq!(shown(line, Colours::Names), line);
        }
        assert_eq!(shown("john: \u{1b}[2J\u{202e}", Colours::None), "john: ^[[2J");
        assert_eq!(shown("\u{1b}: x", Colours::Names), "^[: x");
    }
}
