//! The answers of the protocol `mailbox`, parsed without input or output.
//!
//! Each function knows all answers to one command. It returns `None` for any
//! other line, and the caller then drops the connection.

use postroom_model::Name;

use crate::mailbox::answers::{Composed, number};

/// The first line of the answer to READ.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Head {
    /// The author of the text on the next line.
    Sender(Name),
    /// Nothing is unread.
    NothingUnread,
}

/// The answer to LOGIN: how many messages are stored.
pub(crate) fn login(line: &str) -> Option<u32> {
    number(line)
}

/// The answer to COMPOSE and its body.
pub(crate) fn compose(line: &str) -> Option<Composed> {
    match line {
        "MESSAGE SENT" => Some(Composed::Sent),
        "MESSAGE FAILED" => Some(Composed::Failed),
        _ => None,
    }
}

/// The first line of the answer to READ. No name holds a space, so no sender is
/// `READ ERROR`.
pub(crate) fn read_head(line: &str) -> Option<Head> {
    if line == "READ ERROR" {
        return Some(Head::NothingUnread);
    }
    Name::of_sender(line).ok().map(Head::Sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_login_is_digits() {
        assert_eq!(login("0"), Some(0));
        assert_eq!(login("1024"), Some(1024));
        for line in ["", "-1", "+1", " 1", "1 ", "1\r", "4294967296", "three", "LOGIN ERROR", "١"]
        {
            assert_eq!(login(line), None, "{line:?}");
        }
    }

    #[test]
    fn the_answer_to_compose_is_one_of_two_lines() {
        assert_eq!(compose("MESSAGE SENT"), Some(Composed::Sent));
        assert_eq!(compose("MESSAGE FAILED"), Some(Composed::Failed));
        for line in ["", "message sent", "MESSAGE SENT.", "MESSAGE SENT\r", "MESSAGE FAILED. Full"]
        {
            assert_eq!(compose(line), None, "{line:?}");
        }
    }

    #[test]
    fn the_answer_to_read_is_a_sender_or_an_error() {
        assert_eq!(read_head("READ ERROR"), Some(Head::NothingUnread));
        assert_eq!(read_head("bob"), Some(Head::Sender(Name::new("bob").unwrap())));
        for line in ["", "read error", "READ ERROR ", "a b", "bob\r", "\u{1b}[2J"] {
            assert_eq!(read_head(line), None, "{line:?}");
        }
    }
}
