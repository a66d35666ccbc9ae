//! A client that says plausible things, and knows how they are answered.

use std::collections::VecDeque;

use postroom_simulator::PeerKey;

/// The listeners, as the clients below know them.
pub(super) const PROTOCOLS: [&str; 5] = ["mailbox", "mailbox-verbose", "im", "board", "chat"];

/// Accounts without a password.
pub(super) const OPEN: [&str; 4] = ["ann", "bob", "cat", "dan"];

/// Accounts with the password `1`: im asks for one.
pub(super) const LOCKED: [&str; 2] = ["ian", "ida"];

/// Something that a client has asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Asked {
    /// It is answered in one line, or ends the connection.
    Line,
    /// The same, and the line says whether this text was stored.
    Stores(String),
    /// A message, in one line or, with its sender, two.
    Read,
}

/// What an answer says of a text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Word {
    /// It is stored.
    Acknowledged(String),
    /// It is not.
    Refused(String),
}

/// A client of one listener.
pub(super) struct Client {
    pub(super) key: PeerKey,
    protocol: &'static str,
    name: &'static str,
    /// What it has said and not sent.
    pub(super) outbox: Vec<u8>,
    asked: VecDeque<Asked>,
    /// What it has looked at and not understood yet.
    partial: Vec<u8>,
    /// All that it has looked at.
    pub(super) seen: Vec<u8>,
    /// It has sent an end, or asked for one: what it says further is not answered.
    pub(super) has_ended: bool,
    pub(super) was_reset: bool,
}

impl Client {
    pub(super) fn new(key: PeerKey, protocol: &'static str, name: usize) -> Self {
        let names = if protocol == "im" { &LOCKED[..] } else { &OPEN[..] };
        let mut client = Self {
            key,
            protocol,
            name: names[name % names.len()],
            outbox: Vec::new(),
            asked: VecDeque::new(),
            partial: Vec::new(),
            seen: Vec::new(),
            has_ended: false,
            was_reset: false,
        };
        client.log_in();
        client
    }

    fn log_in(&mut self) {
        let name = self.name;
        match self.protocol {
            "im" => {
                self.ask(&format!("/login {name} 1\n/port 30232\n"), [Asked::Line, Asked::Line]);
            }
            "chat" => self.ask(&format!("/setname {name}\n"), []),
            "board" => {}
            _ => self.ask(&format!("LOGIN {name}\n"), [Asked::Line]),
        }
    }

    fn ask<const COUNT: usize>(&mut self, line: &str, asked: [Asked; COUNT]) {
        self.outbox.extend_from_slice(line.as_bytes());
        self.asked.extend(asked);
    }

    /// Says its next line, of which `text` may be a part.
    pub(super) fn say(&mut self, which: usize, text: &str) {
        if self.has_ended {
            return;
        }
        let stores = || Asked::Stores(text.to_owned());
        let (own, to) = (self.name, [OPEN[which / 8 % 4], LOCKED[which / 8 % 2]][which / 32 % 2]);
        match (self.protocol, which % 8) {
            ("mailbox", 0..=3) => self.ask(&format!("COMPOSE {to}\n{text}\n"), [stores()]),
            ("mailbox" | "mailbox-verbose", 4) => self.leave("EXIT\n"),
            ("mailbox", _) => self.ask("READ\n", [Asked::Read]),
            ("mailbox-verbose", 0..=3) => {
                self.ask(&format!("COMPOSE {own} {to} {text}\n"), [stores()]);
            }
            ("mailbox-verbose", 5) => self.ask("LIST\n", [Asked::Line]),
            ("mailbox-verbose", _) => self.ask(&format!("READ {own}\n"), [Asked::Line]),
            ("im", 0..=2) => self.ask(&format!("/toall {text}\n"), [stores()]),
            ("im", 3 | 4) => self.ask(&format!("/to {to} live\n"), [Asked::Line]),
            ("im", 5) => {
                self.ask("/exit\n", [Asked::Line]);
                self.has_ended = true;
            }
            ("im", _) => self.ask("/list\n", [Asked::Line]),
            ("board", which) => self.ask_board(which, text),
            ("chat", 0) if own == OPEN[0] => self.ask(&format!("/all {text}\n"), []),
            ("chat", 0 | 1) => self.ask(&format!("/say #rust {text}\n"), []),
            ("chat", 2 | 3) => self.ask(&format!("/send {to} {text}\n"), [stores()]),
            ("chat", 4) => self.ask(&format!("/private {to} live\n"), []),
            ("chat", 5) => self.ask("/read\n/inbox\n", []),
            ("chat", 6) => self.ask("/join #rust\n/leave #go\n/allusers\n", []),
            _ => self.leave("/quit\n"),
        }
    }

    fn leave(&mut self, line: &str) {
        self.ask(line, []);
        self.has_ended = true;
    }

    /// A connection to the board is for one request.
    fn ask_board(&mut self, which: usize, text: &str) {
        match which {
            0..=3 => self.ask(&format!("u\n{text} #rust"), [Asked::Stores(text.to_owned())]),
            4 => self.ask("d\n#rust\n", []),
            5 => self.ask("t\n#rust\n", []),
            6 => self.ask("s\n#rust\n", []),
            _ => self.ask("s\n\n", []),
        }
        self.has_ended = true;
    }

    /// What it sends of what it has said: so many bytes at most, but no part of a line
    /// that a silence would end.
    pub(super) fn take_outbox(&mut self, bytes: usize) -> Vec<u8> {
        let first = self.outbox.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let bytes = match self.protocol {
            "board" => self.outbox.len(),
            "mailbox-verbose" => bytes.max(first),
            _ => bytes,
        };
        self.outbox.drain(..bytes.min(self.outbox.len())).collect()
    }

    /// Whether all that it asked for and is sure to be answered was answered.
    pub(super) fn is_answered(&self) -> bool {
        let is_in = self.protocol != "chat" || self.has_seen("Username accepted");
        self.asked.is_empty() || !is_in
    }

    pub(super) fn has_seen(&self, text: &str) -> bool {
        self.seen.windows(text.len()).any(|seen| seen == text.as_bytes())
    }

    /// Looks at bytes, and says what they say of texts.
    pub(super) fn look(&mut self, bytes: &[u8]) -> Vec<Word> {
        self.seen.extend_from_slice(bytes);
        self.partial.extend_from_slice(bytes);
        let mut words = Vec::new();
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            let line = String::from_utf8(line).unwrap();
            match self.protocol {
                "chat" => words.extend(self.answer_of_chat(line.trim_end())),
                // What others say has its author before it.
                "board" if line.contains(": <") => {}
                _ => words.extend(self.answer(line.trim_end())),
            }
        }
        words
    }

    /// The lines of these protocols are answers, each in the place of its request.
    fn answer(&mut self, line: &str) -> Option<Word> {
        if self.protocol == "board" && self.asked.is_empty() {
            return None;
        }
        let asked = self.asked.pop_front();
        let asked = asked.unwrap_or_else(|| panic!("{}: {line:?} answers nothing", self.protocol));
        let is_right = match (self.protocol, &asked) {
            ("mailbox", Asked::Line) => line.parse::<u32>().is_ok(),
            ("mailbox", Asked::Stores(_)) => ["MESSAGE SENT", "MESSAGE FAILED"].contains(&line),
            ("mailbox", Asked::Read) if line == "READ ERROR" => true,
            ("mailbox", Asked::Read) if is_name(line) => {
                // The text follows.
                self.asked.push_front(Asked::Read);
                true
            }
            ("mailbox", Asked::Read) => line.starts_with('<'),
            ("im", _) => line.get(..3).is_some_and(|code| code.parse::<u32>().is_ok()),
            _ => true,
        };
        assert!(is_right, "{}: {line:?} answers {asked:?}", self.protocol);
        let Asked::Stores(text) = asked else {
            return None;
        };
        if ["MESSAGE SENT", "303 ", "operation success"].iter().any(|sent| line.starts_with(sent)) {
            return Some(Word::Acknowledged(text));
        }
        // 304 is unconfirmed; the others say that nothing was stored.
        (!line.starts_with("304 ")).then_some(Word::Refused(text))
    }

    /// Between the answers of chat are lines of others; these are for `/send` alone.
    fn answer_of_chat(&mut self, line: &str) -> Option<Word> {
        let is_stored = line.starts_with("Message left for ");
        if !is_stored && !line.starts_with("No message was left") {
            return None;
        }
        match self.asked.pop_front() {
            Some(Asked::Stores(text)) if is_stored => Some(Word::Acknowledged(text)),
            Some(Asked::Stores(text)) => Some(Word::Refused(text)),
            asked => panic!("chat: {line:?} answers {asked:?}"),
        }
    }
}

fn is_name(line: &str) -> bool {
    OPEN.contains(&line) || LOCKED.contains(&line)
}
