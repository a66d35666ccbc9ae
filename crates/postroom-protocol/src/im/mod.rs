//! The protocol `im` (seed 002, a course's instant messenger): numeric replies on one
//! stream, pushes on another that the server opens back to the client.
//!
//! ```text
//!  Stranger ──/login──▶ Stranger ──LoggedIn──▶ Member, without a back stream
//!  Member ──/port──▶ dialled ──▶ Member, with a back stream: `Pushes` begin
//!  Member ──/list, /to, /toall──▶ Member
//!  an exit, or the end of either stream, ends the session
//! ```

mod command;
pub(crate) mod delivery_receipt;
mod push;
pub(crate) mod settings;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use postroom_model::{
    Access, Channel, Event, LogInRefusal, Name, NotTold, Notice, Password, Posted, PresenceTerms,
    Reply, Request, Shown, Terms, Text, Unknown,
};

use crate::conversation::Conversation;
use crate::dialogue::{Dialogue, Next};
use crate::line::Line;
use crate::protocol::{PostHandling, Protocol};
use crate::session::{Close, Dial, DropReason, Input, Outputs, Reading, Session, Stream};
use crate::settings::Settings;

use command::{Command, credentials};
use push::{Pushes, UNANSWERED};

const LOGGED_IN: &str = "101 Authentication successful\n";
const NOT_LOGGED_IN: &str = "102 Authentication Failed\n";
const LOGGED_IN_ALREADY: &str = "103 You are already logged in\n";
const CONNECTED: &str = "201 Build connection successful\n";
const NOT_CONNECTED: &str = "202 Build connection failed\n";
const DELIVERED: &str = "303 Message delivery successful\n";
const NOT_DELIVERED: &str = "304 Message delivery failed\n";
const BYE: &str = "310 Bye bye\n";
const UNRECOGNIZED: &str = "401 Unrecognized message\n";

/// Maximum bytes of the answer to `/list`; names that do not fit are omitted.
const LIST_BYTES_MAX: usize = 32_768;

/// The terms of a session of this protocol: a password is required, and the presence is
/// exclusive.
const TERMS: Terms = Terms {
    admits_strangers: false,
    presence: Some(PresenceTerms { mail: true, confirms_posts: true, ..PresenceTerms::SOLE }),
};

/// The protocol's entry in `PROTOCOLS`.
pub(crate) const PROTOCOL: Protocol = Protocol {
    name: "im",
    default_port: 4403,
    has_accounts: true,
    guest: None,
    reports: false,
    is_handed_over: false,
    posts: PostHandling::Queued,
    refusal: "",
    begin,
};

fn begin(settings: &Settings, _: Access, outputs: &mut Outputs) -> Box<dyn Session> {
    let dialogue = Im {
        state: State::Stranger,
        delivery_limit: settings.im.delivery_limit,
        stores_for_absent: settings.im.stores_for_absent,
    };
    Box::new(ImSession {
        conversation: Conversation::begin(dialogue, settings, outputs),
        pushes: Pushes::new(settings.output_bytes_max, settings.im.unanswered_limit),
        broadcast_verb: Arc::clone(&settings.im.broadcast_verb),
    })
}

/// Both streams of a client.
#[derive(Debug)]
struct ImSession {
    conversation: Conversation<Im>,
    pushes: Pushes,
    broadcast_verb: Arc<str>,
}

impl ImSession {
    fn event(&mut self, event: &Event, outputs: &mut Outputs) {
        match event {
            Event::Told(told) => {
                let shown = Shown::new(&told.text);
                self.pushes.add("/from", told.sender.as_str(), shown, told.mark, outputs);
            }
            Event::Mail => self.pushes.mail(),
            Event::Withdrawn(mark) => self.pushes.withdraw(*mark),
            Event::Announced(_)
            | Event::Missed { .. }
            | Event::MissedLines(_)
            | Event::PostDeleted { .. }
            | Event::TakenOut(_) => {}
        }
    }

    fn posted(&mut self, posted: &Posted, outputs: &mut Outputs) {
        if self.pushes.is_open() {
            let sender = posted.post().author.to_string();
            let verb = &self.broadcast_verb;
            self.pushes.add(verb, &sender, posted.shown().clone(), posted.mark, outputs);
        } else {
            // A broadcast goes to clients with a back stream; its sender must not wait
            // for the others.
            outputs.notices.extend(posted.mark.map(Notice::Delivered));
        }
    }
}

impl Session for ImSession {
    fn input(&mut self, input: Input<'_>, outputs: &mut Outputs) -> Reading {
        if self.conversation.is_closed() {
            return Reading::Nothing;
        }
        match input {
            Input::Bytes { stream: Stream::Back, bytes, .. } => self.pushes.bytes(bytes, outputs),
            Input::End { stream: Stream::Back, .. } => {
                self.conversation.drop_client(DropReason::BackStreamEnded, outputs);
            }
            Input::Reply(reply) if self.conversation.take_aside() => match reply {
                Reply::Unknown => {
                    self.conversation.drop_client(DropReason::OutcomeUnknown, outputs);
                }
                reply => self.pushes.reply(reply, outputs),
            },
            Input::Event(event) => self.event(event, outputs),
            Input::Post(posted) => self.posted(posted, outputs),
            Input::Elapsed(UNANSWERED) => {
                self.conversation.drop_client(DropReason::Unresponsive, outputs);
            }
            Input::Stop => {
                self.pushes.force_quit(outputs);
                self.conversation.input(Input::Stop, outputs);
            }
            input => {
                self.conversation.input(input, outputs);
            }
        }
        if !self.pushes.is_open() && self.conversation.dialogue().has_back_stream() {
            self.pushes.open(outputs);
        }
        if !self.conversation.is_closed()
            && let Some(request) = self.pushes.take_request()
        {
            self.conversation.ask_aside(request, outputs);
        }
        match self.conversation.reading(outputs) {
            reading @ (Reading::Nothing | Reading::Lines) => reading,
            // On the back stream only a 302 is proof.
            Reading::Bytes | Reading::Proof => Reading::Bytes,
        }
    }

    fn queued_bytes(&self) -> usize {
        self.pushes.waiting_bytes()
    }
}

/// The dialogue on the stream of commands.
#[derive(Debug)]
struct Im {
    state: State,
    delivery_limit: Duration,
    stores_for_absent: bool,
}

type Step = crate::dialogue::Step<Asked>;

/// The command behind a request.
#[derive(Debug)]
enum Asked {
    LogIn,
    List,
    /// The text to store in the mailbox if the recipient is absent, if configured.
    To {
        unless_told: Option<Box<(Name, Text)>>,
    },
    ToAll,
    /// The text for an absent recipient, to be stored in the mailbox.
    Store,
}

#[derive(Debug)]
enum State {
    Stranger,
    Member { name: Name, has_back_stream: bool },
}

impl Im {
    fn has_back_stream(&self) -> bool {
        matches!(self.state, State::Member { has_back_stream: true, .. })
    }

    fn command(&mut self, command: Command<'_>) -> Step {
        match (command, &self.state) {
            (Command::Exit, _) => Step::Leave(BYE),
            (Command::LogIn(words), State::Stranger) => Self::log_in(words),
            (Command::LogIn(_), _) => answer(LOGGED_IN_ALREADY),
            (_, State::Stranger) => answer(UNRECOGNIZED),
            (Command::Port(port), State::Member { name, has_back_stream: false }) => {
                dial(port, name)
            }
            (Command::Port(_), State::Member { .. }) => answer(NOT_CONNECTED),
            (Command::List, State::Member { .. }) => Step::Ask(Asked::List, Request::ListPresent),
            (Command::To { name: to, text }, State::Member { name, .. }) => {
                match (Name::from_bytes(to), Text::from_bytes(text)) {
                    (Ok(to), Ok(text)) if to != *name => self.tell(to, text),
                    _ => answer(NOT_DELIVERED),
                }
            }
            (Command::ToAll(text), State::Member { .. }) => match Text::from_bytes(text) {
                Ok(text) => {
                    let channels = vec![Channel::lobby()];
                    let post = Request::Post { channels, text, awaits_delivery: true };
                    Step::AskWithin(Asked::ToAll, post, self.delivery_limit)
                }
                Err(_) => answer(NOT_DELIVERED),
            },
        }
    }

    fn log_in(words: &[u8]) -> Step {
        let found = credentials(words).and_then(|(name, password)| {
            Some((Name::from_bytes(name).ok()?, Password::from_bytes(password).ok()?))
        });
        match found {
            Some((name, password)) => {
                let password = Some(password);
                Step::AskAlone(Asked::LogIn, Request::LogIn { name, password, terms: TERMS })
            }
            None => answer(NOT_LOGGED_IN),
        }
    }

    fn tell(&self, recipient: Name, text: Text) -> Step {
        let said = || (recipient.clone(), text.clone()).into();
        let unless_told = self.stores_for_absent.then(said);
        let tell = Request::Tell { recipient, text, awaits_delivery: true };
        Step::AskWithin(Asked::To { unless_told }, tell, self.delivery_limit)
    }

    fn logged_in(&mut self, reply: Reply) -> &'static str {
        match reply {
            Reply::LoggedIn { name, .. } => {
                self.state = State::Member { name, has_back_stream: false };
                LOGGED_IN
            }
            Reply::LogInRefused(LogInRefusal::Present) => LOGGED_IN_ALREADY,
            _ => NOT_LOGGED_IN,
        }
    }
}

fn answer(answer: &'static str) -> Step {
    Step::Answer(answer.into())
}

fn dial(port: &[u8], account: &Name) -> Step {
    let port = std::str::from_utf8(port).ok().and_then(|port| port.parse().ok());
    match port {
        Some(port) => Step::Dial(Dial { port, account: account.clone() }),
        None => answer(NOT_CONNECTED),
    }
}

impl Dialogue for Im {
    type Asked = Asked;

    fn line(&mut self, line: Line<'_>) -> Step {
        match line {
            Line::Whole(line) => match Command::parse(line) {
                Some(command) => self.command(command),
                None => answer(UNRECOGNIZED),
            },
            Line::TooLong => answer(UNRECOGNIZED),
        }
    }

    fn reply(&mut self, asked: Asked, reply: Reply, answer: &mut Vec<u8>) -> Next<Asked> {
        let code = match (asked, reply) {
            (Asked::LogIn, reply) => self.logged_in(reply),
            (Asked::List, Reply::Present(names)) => {
                push_list(answer, &names);
                return Next::Continue;
            }
            (Asked::To { unless_told: Some(said) }, Reply::NotTold(NotTold::Absent)) => {
                let (recipient, text) = *said;
                let unknown = Unknown::Refuse;
                let compose = Request::Compose { recipient, text, unknown };
                return Next::AskAlone(Asked::Store, compose);
            }
            (_, Reply::Told | Reply::Posted(_) | Reply::Composed(_)) => DELIVERED,
            _ => NOT_DELIVERED,
        };
        answer.extend_from_slice(code.as_bytes());
        Next::Continue
    }

    fn outcome_unknown(&mut self, asked: Asked, answer: &mut Vec<u8>) -> Next<Asked> {
        match asked {
            // 304 means no receipt, perhaps delivered, which is what the server knows.
            Asked::To { .. } | Asked::ToAll | Asked::Store => {
                answer.extend_from_slice(NOT_DELIVERED.as_bytes());
                Next::Continue
            }
            Asked::LogIn | Asked::List => Next::Close(Close::Dropped(DropReason::OutcomeUnknown)),
        }
    }

    fn dialled(&mut self, is_connected: bool, answer: &mut Vec<u8>) {
        if let State::Member { has_back_stream, .. } = &mut self.state {
            *has_back_stream = is_connected;
        }
        let code = if is_connected { CONNECTED } else { NOT_CONNECTED };
        answer.extend_from_slice(code.as_bytes());
    }
}

fn push_list(answer: &mut Vec<u8>, names: &[Name]) {
    let begin = answer.len();
    answer.extend_from_slice(b"301");
    for name in names {
        if answer.len() - begin + 1 + name.as_str().len() > LIST_BYTES_MAX {
            break;
        }
        // Writing to memory does not fail.
        let _ = write!(answer, " {name}");
    }
    answer.push(b'\n');
}
