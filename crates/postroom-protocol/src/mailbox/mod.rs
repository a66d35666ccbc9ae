//! The protocol `mailbox` (seed 001, a mail system for programs): strict and
//! case-sensitive. It drops a client that breaks a rule.
//!
//! ```text
//!  Stranger ──PASS──▶ Stranger
//!  Stranger ──LOGIN──▶ Stranger ──LoggedIn──▶ Member
//!  Member ──COMPOSE name──▶ Writing ──any line──▶ Member
//!  Member ──READ──▶ Member
//!  anything else, and EXIT, ends the connection
//! ```

mod command;

use std::io::Write as _;

use postroom_model::{
    Access, Name, NameError, Password, Reply, Request, Terms, Text, Unknown, push_joined,
};

use crate::conversation::Conversation;
use crate::dialogue::{Dialogue, Next, Step};
use crate::line::Line;
use crate::protocol::{PostHandling, Protocol};
use crate::session::{Close, DropReason, Outputs, Session};
use crate::settings::Settings;

use command::Command;

const DROP: Step<Asked> = Step::Close(Close::Dropped(DropReason::RuleBroken));
const FAILED: &str = "MESSAGE FAILED\n";

/// The protocol's entry in `PROTOCOLS`.
pub(crate) const PROTOCOL: Protocol = Protocol {
    name: "mailbox",
    default_port: 4401,
    has_accounts: true,
    guest: None,
    reports: false,
    is_handed_over: false,
    posts: PostHandling::None,
    refusal: "",
    begin,
};

fn begin(settings: &Settings, _: Access, outputs: &mut Outputs) -> Box<dyn Session> {
    let dialogue = Mailbox { state: State::Stranger { password: None } };
    Box::new(Conversation::begin(dialogue, settings, outputs))
}

#[derive(Debug)]
struct Mailbox {
    state: State,
}

#[derive(Debug)]
enum State {
    Stranger { password: Option<Password> },
    Member,
    Writing { recipient: Result<Name, NameError> },
}

/// The command behind a request.
#[derive(Clone, Copy, Debug)]
enum Asked {
    LogIn,
    Compose,
    Read,
}

impl Mailbox {
    fn command(&mut self, line: &[u8]) -> Option<Step<Asked>> {
        match (Command::parse(line)?, &mut self.state) {
            (Command::Pass(given), State::Stranger { password }) => {
                *password = Some(Password::from_bytes(given).ok()?);
                Some(Step::Silence)
            }
            (Command::LogIn(name), State::Stranger { password }) => {
                let (name, password) = (Name::from_bytes(name).ok()?, password.take());
                Some(Step::AskAlone(
                    Asked::LogIn,
                    Request::LogIn { name, password, terms: Terms::WITHOUT_PRESENCE },
                ))
            }
            (Command::Compose(recipient), State::Member) => {
                self.state = State::Writing { recipient: Name::from_bytes(recipient) };
                Some(Step::Begin)
            }
            (Command::Read, State::Member) => Some(Step::Ask(Asked::Read, Request::Read)),
            (Command::Exit, State::Member) => Some(Step::Close(Close::Asked)),
            _ => None,
        }
    }

    fn body(recipient: Result<Name, NameError>, line: &[u8]) -> Step<Asked> {
        match (recipient, Text::from_bytes(line)) {
            (Ok(recipient), Ok(text)) => Step::Ask(
                Asked::Compose,
                Request::Compose { recipient, text, unknown: Unknown::Register },
            ),
            _ => Step::Answer(FAILED.into()),
        }
    }
}

impl Dialogue for Mailbox {
    type Asked = Asked;

    fn line(&mut self, line: Line<'_>) -> Step<Asked> {
        let Line::Whole(line) = line else { return DROP };
        match std::mem::replace(&mut self.state, State::Member) {
            State::Writing { recipient } => Self::body(recipient, line),
            state => {
                self.state = state;
                self.command(line).unwrap_or(DROP)
            }
        }
    }

    fn reply(&mut self, asked: Asked, reply: Reply, answer: &mut Vec<u8>) -> Next<Asked> {
        match (asked, reply) {
            (Asked::LogIn, Reply::LoggedIn { unread, .. }) => {
                self.state = State::Member;
                // Writing to memory does not fail.
                let _ = writeln!(answer, "{unread}");
            }
            (Asked::LogIn, _) => {
                return Next::Close(Close::Dropped(DropReason::LogInRefused));
            }
            (Asked::Compose, Reply::Composed(_)) => answer.extend_from_slice(b"MESSAGE SENT\n"),
            (Asked::Compose, _) => answer.extend_from_slice(FAILED.as_bytes()),
            (Asked::Read, Reply::Read(delivery)) => {
                answer.extend_from_slice(delivery.sender.as_str().as_bytes());
                answer.push(b'\n');
                push_joined(answer, &delivery.text);
                answer.push(b'\n');
            }
            (Asked::Read, _) => answer.extend_from_slice(b"READ ERROR\n"),
        }
        Next::Continue
    }
}
