//! The protocols in which channels are measured.

use crate::drive::login::{CHANNEL, Login};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// The protocol `chat`, where everyone present is in `#lobby`.
    Chat,
    /// IRC, with one channel.
    Irc,
    /// The floor: a bare server, which repeats what a member sends to all others. The
    /// sender sends the lines of `Chat` as their readers receive them.
    Bare,
}

/// Who receives a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// All the others.
    Everyone,
    /// The second of two members, by name.
    Private,
}

impl Protocol {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Chat => "postroom",
            Self::Irc => "ngircd",
            Self::Bare => "floor",
        }
    }

    pub(super) fn login(self) -> Login {
        match self {
            Self::Chat => Login::Chat,
            Self::Irc => Login::Irc,
            Self::Bare => Login::Bare,
        }
    }

    /// The longest text that surely fits into a line.
    pub(super) fn longest_text(self) -> usize {
        match self {
            Self::Chat | Self::Bare => 8_000,
            // A line has 512 bytes, the sender's full name included.
            Self::Irc => 400,
        }
    }

    /// What `sender` writes before a text; `reader` is the recipient of
    /// `Audience::Private`.
    pub(super) fn command(self, audience: Audience, sender: &str, reader: &str) -> String {
        match (self, audience) {
            (Self::Chat, Audience::Everyone) => "/all ".to_owned(),
            (Self::Chat, Audience::Private) => format!("/private {reader} "),
            (Self::Irc, Audience::Everyone) => format!("PRIVMSG {CHANNEL} :"),
            (Self::Irc, Audience::Private) => format!("PRIVMSG {reader} :"),
            (Self::Bare, _) => format!("{sender}: "),
        }
    }

    pub(super) fn line_end(self) -> &'static str {
        match self {
            Self::Chat | Self::Bare => "\n",
            Self::Irc => "\r\n",
        }
    }

    /// Whether a text of `sender` may follow `front`. On IRC `front` holds the
    /// sender's host, whose form is up to the server.
    pub(super) fn introduces(
        self,
        front: &str,
        audience: Audience,
        sender: &str,
        reader: &str,
    ) -> bool {
        match (self, audience) {
            (Self::Chat, Audience::Everyone) | (Self::Bare, _) => front == format!("{sender}: "),
            (Self::Chat, Audience::Private) => front == format!("{sender}(private): "),
            (Self::Irc, _) => {
                front.starts_with(&format!(":{sender}!"))
                    && front.ends_with(&format!(" {}", self.command(audience, sender, reader)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chat_names_the_sender() {
        let fits = |front, audience| Protocol::Chat.introduces(front, audience, "ann", "bob");
        assert!(fits("ann: ", Audience::Everyone));
        assert!(fits("ann(private): ", Audience::Private));
        assert!(!fits("ann: ", Audience::Private) && !fits("bob: ", Audience::Everyone));
    }

    #[test]
    fn irc_names_the_sender_with_its_host() {
        let fits = |front, audience| Protocol::Irc.introduces(front, audience, "ann", "bob");
        assert!(fits(":ann!~ann@host PRIVMSG #bench :", Audience::Everyone));
        assert!(fits(":ann!~ann@host PRIVMSG bob :", Audience::Private));
        assert!(!fits(":anna!~ann@host PRIVMSG bob :", Audience::Private));
        assert!(!fits(":ann!~ann@host PRIVMSG #bench :", Audience::Private));
    }
}
