//! How a connection logs in, protocol by protocol.

use crate::drive::http;
use crate::measure::bare_server::GREETING;

/// The channel that every connection to an IRC server joins.
pub(crate) const CHANNEL: &str = "#bench";

/// Protocols with a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Login {
    /// The protocol `mailbox`.
    Mailbox,
    /// The protocol `chat`.
    Chat,
    /// A stream of the channel `#bench` over the protocol `http`, as server-sent events.
    Stream,
    /// IRC; the login ends once `CHANNEL` is joined.
    #[value(skip)]
    Irc,
    /// None: the login ends with the greeting of a bare server.
    #[value(skip)]
    Bare,
}

/// What a line means during a login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The step is done.
    Done,
    /// The server refused the login.
    Refused,
    /// Not the answer; wait for it.
    Wait,
    /// The server expects this reply first.
    Reply(Vec<u8>),
}

impl Login {
    /// How many requests it takes; each is sent after the answer to the last.
    pub(crate) fn steps(self) -> usize {
        match self {
            Self::Mailbox | Self::Chat | Self::Stream | Self::Bare => 1,
            Self::Irc => 2,
        }
    }

    pub(crate) fn request(self, step: usize, name: &str) -> String {
        match self {
            Self::Mailbox => format!("LOGIN {name}\n"),
            Self::Chat => format!("/setname {name}\n"),
            Self::Stream => http::stream(name),
            Self::Irc if step == 0 => format!("NICK {name}\r\nUSER {name} 0 * :{name}\r\n"),
            Self::Irc => format!("JOIN {CHANNEL}\r\n"),
            Self::Bare => String::new(),
        }
    }

    /// What `line`, without its line end, means in `step`.
    pub(crate) fn verdict(self, step: usize, line: &[u8]) -> Verdict {
        match self {
            Self::Mailbox if !line.is_empty() && line.iter().all(u8::is_ascii_digit) => {
                Verdict::Done
            }
            Self::Chat if line.starts_with(b"Username accepted") => Verdict::Done,
            // The wording of greetings and announcements is up to the server.
            Self::Chat if line.windows(5).any(|part| part == b"taken") => Verdict::Refused,
            Self::Stream if line.starts_with(b"retry:") => Verdict::Done,
            Self::Stream if line.starts_with(b"HTTP/") && !http::is_ok(line) => Verdict::Refused,
            Self::Chat | Self::Stream => Verdict::Wait,
            Self::Irc => irc_verdict(step, line),
            Self::Bare if line == GREETING.trim_ascii_end() => Verdict::Done,
            Self::Mailbox | Self::Bare => Verdict::Refused,
        }
    }

    /// The reply that the protocol demands to `line`, if any: a PONG to a PING.
    pub(crate) fn reply(self, line: &[u8]) -> Option<Vec<u8>> {
        let token = (self == Self::Irc).then(|| line.strip_prefix(b"PING "))??;
        Some([b"PONG ", token, b"\r\n"].concat())
    }

    /// The command that ends a connection.
    pub(crate) fn farewell(self) -> &'static [u8] {
        match self {
            Self::Mailbox => b"EXIT\n",
            Self::Chat => b"/quit\n",
            Self::Irc => b"QUIT\r\n",
            Self::Stream | Self::Bare => b"",
        }
    }
}

fn irc_verdict(step: usize, line: &[u8]) -> Verdict {
    if let Some(reply) = Login::Irc.reply(line) {
        return Verdict::Reply(reply);
    }
    let command = line.split(|&byte| byte == b' ').nth(1).unwrap_or_default();
    match (step, command) {
        // RPL_ENDOFMOTD or ERR_NOMOTD; and RPL_ENDOFNAMES, which follows the
        // client's own JOIN.
        (0, b"376" | b"422") | (1, b"366") => Verdict::Done,
        (1, b"422") => Verdict::Wait,
        (_, [b'4' | b'5', _, _]) => Verdict::Refused,
        _ if line.starts_with(b"ERROR ") => Verdict::Refused,
        _ => Verdict::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_accepts_the_login_to_mailbox() {
        assert_eq!(Login::Mailbox.verdict(0, b"17"), Verdict::Done);
        assert_eq!(Login::Mailbox.verdict(0, b""), Verdict::Refused);
        assert_eq!(Login::Mailbox.verdict(0, b"Welcome"), Verdict::Refused);
    }

    #[test]
    fn chat_accepts_the_login_with_username_accepted() {
        assert_eq!(Login::Chat.request(0, "ann"), "/setname ann\n");
        assert_eq!(Login::Chat.verdict(0, b"Choose a name with /setname"), Verdict::Wait);
        assert_eq!(Login::Chat.verdict(0, b"Username accepted, ann"), Verdict::Done);
        assert_eq!(Login::Chat.verdict(0, b"The name is taken"), Verdict::Refused);
    }

    #[test]
    fn a_stream_is_open_with_its_first_field() {
        assert_eq!(Login::Stream.verdict(0, b"HTTP/1.1 200 OK"), Verdict::Wait);
        assert_eq!(Login::Stream.verdict(0, b""), Verdict::Wait);
        assert_eq!(Login::Stream.verdict(0, b"retry: 1000"), Verdict::Done);
        assert_eq!(Login::Stream.verdict(0, b"HTTP/1.1 404 Not Found"), Verdict::Refused);
    }

    #[test]
    fn irc_accepts_the_login_after_the_welcome_and_the_names() {
        let irc = |step, line: &[u8]| Login::Irc.verdict(step, line);
        assert_eq!(irc(0, b":irc.example 001 ann :Welcome"), Verdict::Wait);
        assert_eq!(irc(0, b":irc.example 422 ann :MOTD file is missing"), Verdict::Done);
        assert_eq!(irc(0, b":irc.example 433 * ann :Nickname already in use"), Verdict::Refused);
        assert_eq!(irc(0, b"ERROR :Connection refused"), Verdict::Refused);
        assert_eq!(irc(1, b":bob!~bob@127.0.0.1 JOIN :#bench"), Verdict::Wait);
        assert_eq!(irc(1, b":irc.example 366 ann #bench :End of NAMES list"), Verdict::Done);
        assert_eq!(irc(0, b"PING :token"), Verdict::Reply(b"PONG :token\r\n".to_vec()));
    }

    #[test]
    fn only_irc_pings() {
        assert_eq!(Login::Chat.reply(b"PING :token"), None);
        assert_eq!(Login::Irc.reply(b":ann!~ann@127.0.0.1 PRIVMSG #bench :PING x"), None);
    }
}
