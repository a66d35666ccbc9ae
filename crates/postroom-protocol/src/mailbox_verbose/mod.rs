//! The protocol `mailbox-verbose` (seed 000, a mail system for people): the same
//! mailboxes in full sentences. It answers a client that breaks a rule.
//!
//! ```text
//!  Stranger ──PASS──▶ Stranger
//!  Stranger ──LOGIN──▶ Stranger ──LoggedIn──▶ Member
//!  Member ──COMPOSE, READ──▶ Member
//!  EXIT ends the connection; anything else is answered and changes nothing
//! ```

mod command;

use std::io::Write as _;

use postroom_model::{
    Access, ComposeRefusal, Delivery, Name, Password, PasswordError, Reply, Request, Terms, Text,
    Unknown, push_joined,
};

use crate::conversation::Conversation;
use crate::dialogue::{Dialogue, Next, PauseRule, Step, password_refusal};
use crate::line::Line;
use crate::protocol::{PostHandling, Protocol};
use crate::session::{Close, Outputs, Session};
use crate::settings::Settings;

use command::Command;

const LOGIN_ERROR: &str = "LOGIN ERROR\n";
const UNKNOWN: &str = "UNKNOWN COMMAND\n";

const NOT_STORED: &str = "MESSAGE FAILED. The server cannot store messages at present.\n";
const NOT_CHANGED: &str = "PASSWORD FAILED. The server cannot store it at present.\n";
const NOT_READ: &str = "MESSAGE FAILED. The server cannot read messages at present.\n";

/// The protocol's entry in `PROTOCOLS`.
pub(crate) const PROTOCOL: Protocol = Protocol {
    name: "mailbox-verbose",
    default_port: 4402,
    has_accounts: true,
    guest: None,
    reports: false,
    is_handed_over: false,
    posts: PostHandling::None,
    refusal: "",
    begin,
};

fn begin(settings: &Settings, _: Access, outputs: &mut Outputs) -> Box<dyn Session> {
    let pause = PauseRule { after: settings.pause, bytes_max: settings.paused_bytes_max };
    let dialogue = MailboxVerbose { state: State::Stranger { password: None }, pause };
    Box::new(Conversation::begin(dialogue, settings, outputs))
}

#[derive(Debug)]
struct MailboxVerbose {
    state: State,
    pause: PauseRule,
}

#[derive(Debug)]
enum State {
    Stranger { password: Option<Result<Password, PasswordError>> },
    Member { name: Name },
}

/// The command behind a request.
#[derive(Clone, Copy, Debug)]
enum Asked {
    LogIn,
    Compose,
    Read,
    Passwd,
}

impl MailboxVerbose {
    fn command(&mut self, command: &Command<'_>) -> Step<Asked> {
        match *command {
            Command::Pass(given) => self.pass(given),
            Command::LogIn(name) => self.log_in(name),
            Command::Compose { name, recipient, text } if self.is(name) => compose(recipient, text),
            Command::Read { name } if self.is(name) => Step::Ask(Asked::Read, Request::Read),
            Command::Compose { .. } | Command::Read { .. } => Step::Answer(LOGIN_ERROR.into()),
            Command::Passwd { old, new } => self.passwd(old, new),
            Command::Exit => Step::Close(Close::Asked),
        }
    }

    fn pass(&mut self, given: &[u8]) -> Step<Asked> {
        match &mut self.state {
            State::Stranger { password } => {
                *password = Some(Password::from_bytes(given));
                Step::Silence
            }
            State::Member { .. } => Step::Answer(UNKNOWN.into()),
        }
    }

    fn log_in(&mut self, name: &[u8]) -> Step<Asked> {
        let State::Stranger { password } = &mut self.state else {
            return Step::Answer(LOGIN_ERROR.into());
        };
        // A new name must not be registered without the password that was meant for it.
        match (password.take().transpose(), Name::from_bytes(name)) {
            (Ok(password), Ok(name)) => Step::AskAlone(
                Asked::LogIn,
                Request::LogIn { name, password, terms: Terms::WITHOUT_PRESENCE },
            ),
            _ => Step::Answer(LOGIN_ERROR.into()),
        }
    }

    fn passwd(&self, old: &[u8], new: &[u8]) -> Step<Asked> {
        if let State::Stranger { .. } = self.state {
            return Step::Answer(UNKNOWN.into());
        }
        match (Password::from_bytes(old), Password::from_bytes(new)) {
            (Ok(old), Ok(new)) => {
                Step::AskAlone(Asked::Passwd, Request::ChangePassword { old, new })
            }
            (Err(error), _) | (_, Err(error)) => {
                let error = capitalised(&error.to_string());
                Step::Answer(format!("PASSWORD FAILED. {error}.\n").into())
            }
        }
    }

    /// Whether the session is logged in as `name`.
    fn is(&self, name: &[u8]) -> bool {
        match &self.state {
            State::Member { name: own } => Name::from_bytes(name).is_ok_and(|name| name == *own),
            State::Stranger { .. } => false,
        }
    }
}

fn compose(recipient: &[u8], text: &[u8]) -> Step<Asked> {
    let refused = |error: String| Step::Answer(format!("MESSAGE FAILED. {error}.\n").into());
    match (Name::from_bytes(recipient), Text::from_bytes(text)) {
        (Ok(recipient), Ok(text)) => Step::Ask(
            Asked::Compose,
            Request::Compose { recipient, text, unknown: Unknown::Register },
        ),
        (Err(error), _) => refused(capitalised(&error.to_string())),
        (_, Err(error)) => refused(capitalised(&error.to_string())),
    }
}

fn capitalised(sentence: &str) -> String {
    let mut characters = sentence.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

impl Dialogue for MailboxVerbose {
    type Asked = Asked;

    fn line(&mut self, line: Line<'_>) -> Step<Asked> {
        match line {
            Line::Whole(line) => match Command::parse(line) {
                Some(command) => self.command(&command),
                None => Step::Answer(UNKNOWN.into()),
            },
            Line::TooLong => Step::Answer(UNKNOWN.into()),
        }
    }

    fn reply(&mut self, asked: Asked, reply: Reply, answer: &mut Vec<u8>) -> Next<Asked> {
        // Writing to memory does not fail.
        let _ = match (asked, reply) {
            (Asked::LogIn, Reply::LoggedIn { name, registered, unread }) => {
                let written = write_welcome(answer, &name, registered, unread);
                self.state = State::Member { name };
                written
            }
            (Asked::LogIn, _) => answer.write_all(LOGIN_ERROR.as_bytes()),
            (Asked::Compose, Reply::Composed(composed)) if composed.get().registered => {
                answer.write_all(b"MESSAGE SENT SUCCESSFULLY TO NEW USER.\n")
            }
            (Asked::Compose, Reply::Composed(_)) => {
                answer.write_all(b"MESSAGE SENT SUCCESSFULLY.\n")
            }
            (Asked::Compose, Reply::NotComposed(refusal)) => write_refusal(answer, &refusal),
            (Asked::Compose, _) => answer.write_all(NOT_STORED.as_bytes()),
            (Asked::Read, Reply::Read(delivery)) => write_delivery(answer, &delivery),
            (Asked::Read, Reply::NothingUnread) => answer.write_all(b"No More Unread Messages.\n"),
            (Asked::Read, _) => answer.write_all(NOT_READ.as_bytes()),
            (Asked::Passwd, Reply::PasswordChanged(_)) => {
                answer.write_all(b"PASSWORD CHANGED SUCCESSFULLY.\n")
            }
            (Asked::Passwd, Reply::PasswordNotChanged(refusal)) => {
                let reason = capitalised(password_refusal(refusal));
                writeln!(answer, "PASSWORD FAILED. {reason}.")
            }
            (Asked::Passwd, _) => answer.write_all(NOT_CHANGED.as_bytes()),
        };
        Next::Continue
    }

    fn pause(&self) -> Option<PauseRule> {
        Some(self.pause)
    }
}

fn write_welcome(
    answer: &mut Vec<u8>,
    name: &Name,
    registered: bool,
    unread: u32,
) -> std::io::Result<()> {
    if registered {
        writeln!(answer, "Login successful with new username. Welcome {name}")
    } else {
        writeln!(answer, "Login successful. Welcome {name}. You have {unread} unread messages.")
    }
}

fn write_refusal(answer: &mut Vec<u8>, refusal: &ComposeRefusal) -> std::io::Result<()> {
    match refusal {
        ComposeRefusal::MailboxFull { recipient, capacity, .. } => writeln!(
            answer,
            "MESSAGE FAILED. UNREAD MESSAGE IS MORE THAN {capacity} FOR THE USERNAME <{recipient}>."
        ),
        ComposeRefusal::DiskFull => writeln!(answer, "MESSAGE FAILED. The server's disk is full."),
        ComposeRefusal::TooManyAccounts => {
            writeln!(answer, "MESSAGE FAILED. The server takes no more new users.")
        }
        ComposeRefusal::LooksAlike => {
            writeln!(answer, "MESSAGE FAILED. The new name looks like that of another user.")
        }
        ComposeRefusal::Unknown => {
            writeln!(answer, "MESSAGE FAILED. There is no user of this name.")
        }
        ComposeRefusal::MayNotCreate => {
            writeln!(answer, "MESSAGE FAILED. You have created too many new users lately.")
        }
    }
}

fn write_delivery(answer: &mut Vec<u8>, delivery: &Delivery) -> std::io::Result<()> {
    write!(answer, "{} {} ", delivery.remaining, delivery.sender)?;
    push_joined(answer, &delivery.text);
    answer.write_all(b"\n")
}
