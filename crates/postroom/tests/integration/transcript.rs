//! Transcripts: what clients send and what a server answers, line by line.
//!
//! ```text
//! # A comment, to the end of its line.
//! set mailbox.capacity=2        at the top: a setting of the server
//! account dora secret           at the top: an account with a password
//! fill alice 100                leaves so many messages in a mailbox
//! use bob mailbox-verbose       the listener of a client, unless the folder's
//! bob C: LOGIN bob              sent by the client bob, with a line feed
//! bob C- EXIT                   the same without one
//! bob S: 0                      the next line that bob is sent
//! C: READ                       a client without a name
//! pause 300 ms                  time passes
//! silent bob                    nothing was sent to bob so far (without I/O only)
//! interactive                   what follows is not sent before this point
//! end bob                       the client ends its side
//! reset bob                     the client resets its connection
//! close bob                     the server ends the connection, no line more
//! kill                          the server is killed, and started again
//! restart                       the server is stopped, and started again
//! stop                          the server is asked to stop
//! start                         it has stopped, and is started again
//! ```
//!
//! A client of `im` has a second stream, which the server opens: `bob.b`.
//!
//! ```text
//! listen bob                    bob listens on a port of its own
//! bob C: /port {port}           that port
//! bob.b S: /from jacky Hi       sent over the second stream
//! ```
//!
//! In a line, `\r`, `\t` and `\\` are what they are elsewhere, `\xFF` is a byte
//! and `\(64*ab)` is `ab` 64 times. At the end all connections that are left are
//! ended by their clients, and nothing more must come.

mod play;
mod quiet;
mod wire;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use play::{Cut, Stage, play};
pub(crate) use quiet::{Quiet, Settling};
pub(crate) use wire::Wire;

/// One file of lines.
#[derive(Debug)]
pub(crate) struct Transcript {
    path: PathBuf,
    /// The protocol that clients speak unless told otherwise.
    protocol: String,
    pub(crate) settings: Vec<(String, String)>,
    pub(crate) accounts: Vec<(String, String)>,
    pub(crate) steps: Vec<Step>,
}

/// What one line says, and its number.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) action: Action,
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    Send { client: String, bytes: Vec<u8> },
    Expect { client: String, line: Vec<u8> },
    End { client: String },
    Reset { client: String },
    Close { client: String },
    Use { client: String, protocol: String },
    Fill { name: String, messages: usize },
    Pause(Duration),
    Silent { client: String },
    Interactive,
    Listen { client: String },
    Kill,
    Restart,
    Stop,
    Start,
}

impl Transcript {
    /// All transcripts of a protocol.
    pub(crate) fn all(protocol: &str) -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../postroom-protocol/transcripts")
            .join(protocol);
        let mut paths: Vec<_> =
            std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        assert!(!paths.is_empty(), "no transcripts in {}", folder.display());
        paths.into_iter().map(|path| Self::read(path, protocol)).collect()
    }

    fn read(path: PathBuf, protocol: &str) -> Self {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut transcript = Self {
            path,
            protocol: protocol.to_owned(),
            settings: Vec::new(),
            accounts: Vec::new(),
            steps: Vec::new(),
        };
        for (number, line) in (1..).zip(text.lines()) {
            transcript.take(number, line);
        }
        transcript
    }

    /// Where a line is, for people.
    pub(crate) fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }

    pub(crate) fn protocol(&self) -> &str {
        &self.protocol
    }

    /// A setting, where the transcript has it.
    pub(crate) fn setting(&self, key: &str) -> Option<&str> {
        let found = self.settings.iter().rfind(|(known, _)| known == key)?;
        Some(&found.1)
    }

    /// The length of the longest single write.
    pub(crate) fn longest_line(&self) -> usize {
        let sent = self.steps.iter().map(|step| match &step.action {
            Action::Send { bytes, .. } => bytes.len(),
            _ => 0,
        });
        sent.max().unwrap_or(0)
    }

    pub(crate) fn has_pauses(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.action, Action::Pause(_)))
    }

    fn take(&mut self, line: usize, text: &str) {
        let bad = || -> ! { panic!("{}: no such line: {text:?}", self.place(line)) };
        if text.is_empty() || text.starts_with('#') {
            return;
        }
        if let Some(action) = said(text) {
            self.steps.push(Step { line, action });
            return;
        }
        let words: Vec<_> = text.split(' ').collect();
        let action = match words[..] {
            ["set", setting] if self.steps.is_empty() => {
                let (key, value) = setting.split_once('=').unwrap_or_else(|| bad());
                self.settings.push((key.to_owned(), value.to_owned()));
                return;
            }
            ["account", name, password] if self.steps.is_empty() => {
                self.accounts.push((name.to_owned(), password.to_owned()));
                return;
            }
            ["use", client, protocol] => {
                Action::Use { client: client.to_owned(), protocol: protocol.to_owned() }
            }
            ["fill", name, messages] => {
                let messages = messages.parse().unwrap_or_else(|_| bad());
                Action::Fill { name: name.to_owned(), messages }
            }
            ["pause", time, "ms"] => {
                Action::Pause(Duration::from_millis(time.parse().unwrap_or_else(|_| bad())))
            }
            ["end", client] => Action::End { client: client.to_owned() },
            ["reset", client] => Action::Reset { client: client.to_owned() },
            ["close", client] => Action::Close { client: client.to_owned() },
            ["silent", client] => Action::Silent { client: client.to_owned() },
            ["listen", client] => Action::Listen { client: client.to_owned() },
            ["stop"] => Action::Stop,
            ["start"] => Action::Start,
            ["silent"] => Action::Silent { client: String::new() },
            ["reset"] => Action::Reset { client: String::new() },
            ["close"] => Action::Close { client: String::new() },
            ["end"] => Action::End { client: String::new() },
            ["interactive"] => Action::Interactive,
            ["kill"] => Action::Kill,
            ["restart"] => Action::Restart,
            _ => bad(),
        };
        self.steps.push(Step { line, action });
    }
}

/// A line that a client or the server says.
fn said(text: &str) -> Option<Action> {
    let (client, rest) = match text.as_bytes() {
        [b'C' | b'S', b':' | b'-', ..] => ("", text),
        _ => text.split_once(' ')?,
    };
    let client = client.to_owned();
    let (mark, said) = rest.split_at_checked(2)?;
    let mut bytes = unescape(said.strip_prefix(' ').unwrap_or(said));
    match mark {
        "C:" => {
            bytes.push(b'\n');
            Some(Action::Send { client, bytes })
        }
        "C-" => Some(Action::Send { client, bytes }),
        "S:" => Some(Action::Expect { client, line: bytes }),
        _ => None,
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let (kind, tail) = escape.split_at(1);
        rest = tail;
        match kind {
            "r" => bytes.push(b'\r'),
            "t" => bytes.push(b'\t'),
            "\\" => bytes.push(b'\\'),
            "x" => {
                let (digits, tail) = tail.split_at(2);
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                rest = tail;
            }
            "(" => {
                let (repeated, tail) = tail.split_once(')').unwrap();
                let (times, part) = repeated.split_once('*').unwrap();
                bytes.extend(part.repeat(times.parse().unwrap()).bytes());
                rest = tail;
            }
            _ => panic!("no such escape: \\{kind}"),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}
