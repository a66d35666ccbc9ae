//! A client that says plausible things.

/// The listeners, as the clients below know them.
pub(super) const PROTOCOLS: [&str; 5] = ["mailbox", "mailbox-verbose", "im", "board", "chat"];

/// Accounts without a password.
pub(super) const OPEN: [&str; 4] = ["ann", "bob", "cat", "dan"];

/// Accounts with the password `1`: im asks for one.
pub(super) const LOCKED: [&str; 2] = ["ian", "ida"];

/// A client of one listener.
pub(super) struct Client {
    protocol: &'static str,
    name: &'static str,
    /// What it has said.
    pub(super) outbox: Vec<u8>,
    /// It has asked for an end: what it says further is not answered.
    has_ended: bool,
}

impl Client {
    pub(super) fn new(protocol: &'static str, name: usize) -> Self {
        let names = if protocol == "im" { &LOCKED[..] } else { &OPEN[..] };
        let name = names[name % names.len()];
        let mut client = Self { protocol, name, outbox: Vec::new(), has_ended: false };
        client.log_in();
        client
    }

    fn log_in(&mut self) {
        let name = self.name;
        match self.protocol {
            "im" => self.ask(&format!("/login {name} 1\n/port 30232\n")),
            "chat" => self.ask(&format!("/setname {name}\n")),
            "board" => {}
            _ => self.ask(&format!("LOGIN {name}\n")),
        }
    }

    fn ask(&mut self, line: &str) {
        self.outbox.extend_from_slice(line.as_bytes());
    }

    /// Says its next line, of which `text` may be a part.
    pub(super) fn say(&mut self, which: usize, text: &str) {
        if self.has_ended {
            return;
        }
        let (own, to) = (self.name, [OPEN[which / 8 % 4], LOCKED[which / 8 % 2]][which / 32 % 2]);
        match (self.protocol, which % 8) {
            ("mailbox", 0..=3) => self.ask(&format!("COMPOSE {to}\n{text}\n")),
            ("mailbox" | "mailbox-verbose", 4) => self.leave("EXIT\n"),
            ("mailbox", _) => self.ask("READ\n"),
            ("mailbox-verbose", 0..=3) => self.ask(&format!("COMPOSE {own} {to} {text}\n")),
            ("mailbox-verbose", 5) => self.ask("LIST\n"),
            ("mailbox-verbose", _) => self.ask(&format!("READ {own}\n")),
            ("im", 0..=2) => self.ask(&format!("/toall {text}\n")),
            ("im", 3 | 4) => self.ask(&format!("/to {to} live\n")),
            ("im", 5) => self.leave("/exit\n"),
            ("im", _) => self.ask("/list\n"),
            ("board", which) => self.ask_board(which, text),
            ("chat", 0) if own == OPEN[0] => self.ask(&format!("/all {text}\n")),
            ("chat", 0 | 1) => self.ask(&format!("/say #rust {text}\n")),
            ("chat", 2 | 3) => self.ask(&format!("/send {to} {text}\n")),
            ("chat", 4) => self.ask(&format!("/private {to} live\n")),
            ("chat", 5) => self.ask("/read\n/inbox\n"),
            ("chat", 6) => self.ask("/join #rust\n/leave #go\n/allusers\n"),
            _ => self.leave("/quit\n"),
        }
    }

    fn leave(&mut self, line: &str) {
        self.ask(line);
        self.has_ended = true;
    }

    /// A connection to the board is for one request.
    fn ask_board(&mut self, which: usize, text: &str) {
        match which {
            0..=3 => self.ask(&format!("u\n{text} #rust")),
            4 => self.ask("d\n#rust\n"),
            5 => self.ask("t\n#rust\n"),
            6 => self.ask("s\n#rust\n"),
            _ => self.ask("s\n\n"),
        }
        self.has_ended = true;
    }
}
