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
//! bob S- 0                      all that bob is still sent, no line feed after it:
//!                               then the server ends the connection
//! C: READ                       a client without a name
//! pause 300 ms                  time passes
//! silent bob                    nothing was sent to bob so far (without I/O only)
//! interactive                   what follows is not sent before this point
//! end bob                       the client ends its side
//! leave bob                     the client closes, whatever it has not read
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
mod tcp;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use play::{Cut, Stage, play};
pub(crate) use quiet::{Quiet, Settling};
pub(crate) use tcp::TcpStage;

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
    Send {
        client: String,
        bytes: Vec<u8>,
    },
    Expect {
        client: String,
        line: Vec<u8>,
    },
    End {
        client: String,
    },
    Reset {
        client: String,
    },
    /// What comes before the end, in which there is no line feed.
    Close {
        client: String,
        rest: Vec<u8>,
    },
    Leave {
        client: String,
    },
    Use {
        client: String,
        protocol: String,
    },
    Fill {
        name: String,
        messages: usize,
    },
    Pause(Duration),
    Silent {
        client: String,
    },
    Interactive,
    Listen {
        client: String,
    },
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

    /// The length of the longest line that is sent, its end included.
    pub(crate) fn longest_line(&self) -> usize {
        let sent = self.steps.iter().filter_map(|step| match &step.action {
            Action::Send { bytes, .. } => Some(bytes),
            _ => None,
        });
        let lines = sent.flat_map(|bytes| bytes.split_inclusive(|byte| *byte == b'\n'));
        lines.map(<[u8]>::len).max().unwrap_or(0)
    }

    pub(crate) fn has_pauses(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.action, Action::Pause(_)))
    }

    fn take(&mut self, line: usize, text: &str) {
        if text.is_empty() || text.starts_with('#') || self.is_told_at_the_top(text) {
            return;
        }
        let words: Vec<_> = text.split(' ').collect();
        let Some(action) = said(text).or_else(|| told(&words)) else {
            panic!("{}: no such line: {text:?}", self.place(line));
        };
        self.steps.push(Step { line, action });
    }

    /// Takes a line of those that stand before all steps.
    fn is_told_at_the_top(&mut self, text: &str) -> bool {
        match text.split(' ').collect::<Vec<_>>()[..] {
            _ if !self.steps.is_empty() => return false,
            ["set", setting] => {
                let Some((key, value)) = setting.split_once('=') else {
                    return false;
                };
                self.settings.push((key.to_owned(), value.to_owned()));
            }
            ["account", name, password] => {
                self.accounts.push((name.to_owned(), password.to_owned()));
            }
            _ => return false,
        }
        true
    }
}

/// A line that says what happens.
fn told(words: &[&str]) -> Option<Action> {
    Some(match *words {
        ["use", client, protocol] => {
            Action::Use { client: client.to_owned(), protocol: protocol.to_owned() }
        }
        ["fill", name, messages] => {
            Action::Fill { name: name.to_owned(), messages: messages.parse().ok()? }
        }
        ["pause", time, "ms"] => Action::Pause(Duration::from_millis(time.parse().ok()?)),
        ["interactive"] => Action::Interactive,
        ["kill"] => Action::Kill,
        ["restart"] => Action::Restart,
        ["stop"] => Action::Stop,
        ["start"] => Action::Start,
        [happening] => happened(happening, "")?,
        [happening, client] => happened(happening, client)?,
        _ => return None,
    })
}

/// What happens to a client.
fn happened(happening: &str, client: &str) -> Option<Action> {
    let client = client.to_owned();
    Some(match happening {
        "end" => Action::End { client },
        "leave" => Action::Leave { client },
        "reset" => Action::Reset { client },
        "close" => Action::Close { client, rest: Vec::new() },
        "silent" => Action::Silent { client },
        "listen" => Action::Listen { client },
        _ => return None,
    })
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
        "S-" => Some(Action::Close { client, rest: bytes }),
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
                bytes.extend(unescape(part).repeat(times.parse().unwrap()));
                rest = tail;
            }
            _ => panic!("no such escape: \\{kind}"),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}
