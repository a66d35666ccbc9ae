//! Parsing a transcript.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name of the protocol whose clients say several lines at once. The program does not serve
/// it.
pub const LINES: &str = "lines";

/// A parsed transcript file.
#[derive(Debug)]
pub struct Transcript {
    path: PathBuf,
    /// The default protocol of the clients.
    protocol: String,
    /// The server's settings, as keys and values.
    pub settings: Vec<(String, String)>,
    /// Accounts with passwords.
    pub accounts: Vec<(String, String)>,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// The action of one line, and its number.
#[derive(Clone, Debug)]
pub struct Step {
    /// The number of the line.
    pub line: usize,
    /// The action.
    pub action: Action,
}

/// An action, as the documentation of [the module](super) lists them.
#[expect(missing_docs, reason = "the module documents the lines")]
#[derive(Clone, Debug)]
pub enum Action {
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
    /// The bytes before the end, without a line feed.
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
    #[must_use]
    pub fn all(protocol: &str) -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../postroom-protocol/transcripts")
            .join(protocol);
        let entries = std::fs::read_dir(&folder).expect("a protocol has a folder of transcripts");
        let path = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("it is read").path();
        let mut paths: Vec<_> = entries.map(path).collect();
        paths.sort();
        assert!(!paths.is_empty(), "no transcripts in {}", folder.display());
        paths.into_iter().map(|path| Self::read(path, protocol)).collect()
    }

    fn read(path: PathBuf, protocol: &str) -> Self {
        let text = std::fs::read_to_string(&path).expect("a transcript is UTF-8");
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

    /// The place of a line, for messages to people.
    #[must_use]
    pub fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }

    /// The default protocol of the clients.
    #[must_use]
    pub fn protocol(&self) -> &str {
        &self.protocol
    }

    /// A setting of the transcript, if it has it.
    #[must_use]
    pub fn setting(&self, key: &str) -> Option<&str> {
        let found = self.settings.iter().rfind(|(known, _)| known == key)?;
        Some(&found.1)
    }

    /// The length of the longest line that a client sends, with its end.
    #[must_use]
    pub fn longest_line(&self) -> usize {
        let sent = self.steps.iter().filter_map(|step| match &step.action {
            Action::Send { bytes, .. } => Some(bytes),
            _ => None,
        });
        let lines = sent.flat_map(|bytes| bytes.split_inclusive(|byte| *byte == b'\n'));
        lines.map(<[u8]>::len).max().unwrap_or(0)
    }

    /// Whether it can be played without I/O only: a client says several lines at once.
    #[must_use]
    pub fn is_without_io(&self) -> bool {
        let is_lines =
            |step: &Step| matches!(&step.action, Action::Use { protocol, .. } if protocol == LINES);
        self.steps.iter().any(is_lines)
    }

    /// Whether the transcript has a pause.
    #[must_use]
    pub fn has_pauses(&self) -> bool {
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

    /// Parses a line of the header, before all steps.
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

/// Parses a line with an action.
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

/// Parses the action of a client.
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

/// Parses a line that a client or the server sends.
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
                bytes.push(u8::from_str_radix(digits, 16).expect("two hexadecimal digits"));
                rest = tail;
            }
            "(" => {
                let (repeated, tail) = tail.split_once(')').expect("an end of \\(");
                let (times, part) = repeated.split_once('*').expect("TIMES*PART");
                let times = times.parse().expect("TIMES is a number");
                bytes.extend(unescape(part).repeat(times));
                rest = tail;
            }
            _ => panic!("no such escape: \\{kind}"),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}
