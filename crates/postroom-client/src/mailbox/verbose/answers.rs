//! The answers of the protocol `mailbox-verbose`, parsed without input or output.
//!
//! Each function knows all answers to one command. It returns `None` for any
//! other line, and the caller then drops the connection.

use postroom_model::{Name, Text};

use crate::mailbox::answers::{Composed, Message, number};

/// The answer to LOGIN.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LoginAnswer {
    /// The login succeeded.
    Welcome,
    /// The login was refused; the connection stays open.
    Refused,
}

/// The answer to READ.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum ReadAnswer {
    /// The earliest unread message.
    Message {
        /// The message.
        message: Message,
        /// How many are unread after it.
        remaining: u32,
    },
    /// Nothing is unread.
    NothingUnread,
}

/// The answer to LOGIN as `name`.
pub(crate) fn login(line: &str, name: &Name) -> Option<LoginAnswer> {
    if line == "LOGIN ERROR" {
        return Some(LoginAnswer::Refused);
    }
    let welcomed = line
        .strip_prefix("Login successful with new username. Welcome ")
        .or_else(|| known_user(line))?;
    // The server shows the name as first registered, perhaps in another spelling.
    (Name::new(welcomed).ok()? == *name).then_some(LoginAnswer::Welcome)
}

fn known_user(line: &str) -> Option<&str> {
    let (welcomed, unread) = line
        .strip_prefix("Login successful. Welcome ")?
        .strip_suffix(" unread messages.")?
        .rsplit_once(". You have ")?;
    number(unread).map(|_| welcomed)
}

/// The answer to COMPOSE.
pub(crate) fn compose(line: &str) -> Option<Composed> {
    match line {
        "MESSAGE SENT SUCCESSFULLY." | "MESSAGE SENT SUCCESSFULLY TO NEW USER." => {
            Some(Composed::Sent)
        }
        "MESSAGE FAILED." => Some(Composed::Failed),
        _ if line.starts_with("MESSAGE FAILED. ") => Some(Composed::Failed),
        _ => None,
    }
}

/// The answer to READ.
pub(crate) fn read(line: &str) -> Option<ReadAnswer> {
    if line == "No More Unread Messages." {
        return Some(ReadAnswer::NothingUnread);
    }
    let mut parts = line.splitn(3, ' ');
    let remaining = number(parts.next()?)?;
    let sender = Name::of_sender(parts.next()?).ok()?;
    // Before an empty text the space may be missing.
    let text = Text::from_bytes(parts.next().unwrap_or_default().as_bytes()).ok()?;
    Some(ReadAnswer::Message { message: Message { sender, text }, remaining })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(word: &str) -> Name {
        Name::new(word).unwrap()
    }

    #[track_caller]
    fn check(line: &str, sender: &str, text: &str, remaining: u32) {
        let text = Text::from_bytes(text.as_bytes()).unwrap();
        let sender = name(sender);
        let message = Message { sender, text };
        assert_eq!(read(line), Some(ReadAnswer::Message { message, remaining }));
    }

    #[test]
    fn a_welcome_is_for_the_name_that_logged_in() {
        let bob = name("bob");
        for line in [
            "Login successful with new username. Welcome bob",
            "Login successful. Welcome bob. You have 0 unread messages.",
            "Login successful. Welcome Bob. You have 12 unread messages.",
        ] {
            assert_eq!(login(line, &bob), Some(LoginAnswer::Welcome), "{line}");
        }
        assert_eq!(login("LOGIN ERROR", &bob), Some(LoginAnswer::Refused));
        for line in [
            "0",
            "login error",
            "LOGIN ERROR\r",
            "Login successful. Welcome alice. You have 2 unread messages.",
            "Login successful. Welcome bob. You have two unread messages.",
            "Login successful. Welcome bob",
            "Login successful with new username. Welcome bob!",
            "UNKNOWN COMMAND",
        ] {
            assert_eq!(login(line, &bob), None, "{line}");
        }
    }

    #[test]
    fn a_name_may_hold_dots() {
        let dotted = name("a.You");
        let line = "Login successful. Welcome a.You. You have 2 unread messages.";
        assert_eq!(login(line, &dotted), Some(LoginAnswer::Welcome));
    }

    #[test]
    fn a_failure_may_have_a_reason() {
        assert_eq!(compose("MESSAGE SENT SUCCESSFULLY."), Some(Composed::Sent));
        assert_eq!(compose("MESSAGE SENT SUCCESSFULLY TO NEW USER."), Some(Composed::Sent));
        assert_eq!(compose("MESSAGE FAILED."), Some(Composed::Failed));
        assert_eq!(compose("MESSAGE FAILED. The disk is full."), Some(Composed::Failed));
        for line in ["MESSAGE SENT", "MESSAGE FAILED", "MESSAGE FAILED.x", "LOGIN ERROR", ""] {
            assert_eq!(compose(line), None, "{line}");
        }
    }

    #[test]
    fn a_text_keeps_its_spaces() {
        check("1 alice Hi Bob!", "alice", "Hi Bob!", 1);
        check("0 alice   two  spaces ", "alice", "  two  spaces ", 0);
        check("0 alice ", "alice", "", 0);
        check("0 alice", "alice", "", 0);
        assert_eq!(read("No More Unread Messages."), Some(ReadAnswer::NothingUnread));
        for line in ["", "1", "x alice Hi", "1 a:b Hi", "1  alice Hi", "1 alice a\0b"] {
            assert_eq!(read(line), None, "{line:?}");
        }
    }
}
