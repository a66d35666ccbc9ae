//! The protocol `chat` (seed 004): a room for telnet.
//!
//! ```text
//!  Stranger ──/pass──▶ Stranger
//!  Stranger ──/setname──▶ Stranger ──LoggedIn──▶ Member
//!  Member ──commands──▶ Member
//!  /quit ends the connection; anything else is answered and changes nothing
//! ```

mod answer;
mod command;
pub(crate) mod settings;
mod telnet;

use std::borrow::Cow;

use postroom_model::{
    Channel, Event, Name, Notice, Password, Posted, PresenceTerms, Reply, Request, Terms, Text,
    Unknown,
};

use crate::conversation::Conversation;
use crate::dialogue::{Dialogue, Next};
use crate::line::Line;
use crate::protocol::Protocol;
use crate::session::{DropReason, Input, Outputs, Session, Stream};
use crate::settings::Settings;

use answer::{Asked, NOT_FOUND, push_attendee, push_post, push_told, write_answer};
use command::{COMMANDS, Command, Mistake};
use telnet::Telnet;

const GREETING: &str = "Welcome to Postroom. Choose a name with /setname NAME.\n";
const ASK_NAME: &str = "Choose a name first: /setname NAME (or /quit).\n";
const UNKNOWN: &str = "Unknown command. Type /cmd for the commands.\n";
const LEFT: &str = "You have left the chat\n";
const CLOSED: &str = "Server has been closed by host\n";
const TOO_LATE: &str = "Disconnected: you chose no name in time. Connect again.\n";
const EVICTED: &str =
    "Disconnected: too many connections wait to choose a name. Connect again later.\n";

/// The protocol, as a listener needs to know it.
pub(crate) const PROTOCOL: Protocol =
    Protocol { name: "chat", default_port: 4405, reports: false, begin };

fn begin(settings: &Settings, outputs: &mut Outputs) -> Box<dyn Session> {
    let room = Room {
        state: State::Stranger { password: None },
        terms: Terms {
            admits_strangers: true,
            presence: Some(PresenceTerms {
                alone: true,
                arrivals: settings.chat.announces,
                mail: false,
            }),
        },
    };
    outputs.front.extend_from_slice(GREETING.as_bytes());
    let conversation = Conversation::begin(room, settings, outputs);
    Box::new(Chat { conversation, telnet: Telnet::default() })
}

/// A conversation with telnet's own bytes taken out.
#[derive(Debug)]
struct Chat {
    conversation: Conversation<Room>,
    telnet: Telnet,
}

impl Session for Chat {
    fn input(&mut self, input: Input<'_>, outputs: &mut Outputs) {
        match input {
            Input::Bytes { bytes, proof, .. } if !self.telnet.is_text(bytes) => {
                match self.telnet.take(bytes, &mut outputs.front) {
                    Ok(text) => {
                        let (stream, bytes) = (Stream::Front, &text[..]);
                        self.conversation.input(Input::Bytes { stream, bytes, proof }, outputs);
                    }
                    Err(telnet::TooLong) => {
                        self.conversation.drop_client(DropReason::RuleBroken, outputs);
                    }
                }
            }
            input => self.conversation.input(input, outputs),
        }
    }

    fn awaits_proof(&self) -> bool {
        self.conversation.awaits_proof()
    }

    fn takes_bytes(&self) -> bool {
        self.conversation.takes_bytes()
    }
}

#[derive(Debug)]
struct Room {
    state: State,
    terms: Terms,
}

#[derive(Debug)]
enum State {
    Stranger { password: Option<Password> },
    Member,
}

type Step = crate::dialogue::Step<Asked>;

impl Room {
    fn command(&mut self, command: Command<'_>) -> Step {
        match (command, &mut self.state) {
            (Command::Quit, _) => Step::Leave(LEFT),
            (Command::SetName { name }, State::Stranger { password }) => {
                let password = password.take();
                self.enter(name, password)
            }
            (Command::Pass { password: given }, State::Stranger { password }) => {
                match Password::from_bytes(given) {
                    Ok(given) => {
                        *password = Some(given);
                        answer("Now choose your name with /setname NAME.\n")
                    }
                    Err(error) => answer(format!("That is no password: {error}.\n")),
                }
            }
            (_, State::Stranger { .. }) => answer(ASK_NAME),
            (Command::SetName { .. } | Command::Pass { .. }, State::Member) => {
                answer("You have a name already; /quit and come again for another.\n")
            }
            (command, State::Member) => Self::member_command(command),
        }
    }

    fn enter(&mut self, word: &[u8], password: Option<Password>) -> Step {
        match Name::from_bytes(word) {
            Ok(name) => {
                Step::AskAlone(Asked::Enter, Request::LogIn { name, password, terms: self.terms })
            }
            Err(error) => {
                answer(format!("That is no username: {error}. Choose another: /setname NAME.\n"))
            }
        }
    }

    fn member_command(command: Command<'_>) -> Step {
        match command {
            Command::Help => answer(COMMANDS),
            Command::AllUsers => Step::Ask(Asked::AllUsers, Request::ListPresent),
            Command::All { text } => {
                with_text(text, |text| Step::Ask(Asked::All, post(Channel::lobby(), text)))
            }
            Command::Private { name, text } => match Name::from_bytes(name) {
                Ok(recipient) => with_text(text, |text| {
                    Step::Ask(
                        Asked::Private,
                        Request::Tell { recipient, text, awaits_delivery: false },
                    )
                }),
                Err(_) => answer(NOT_FOUND),
            },
            Command::Join { tag } => with_tag(tag, |channel| {
                Step::Ask(Asked::Join(channel.clone()), Request::Join(channel))
            }),
            Command::Leave { tag } => with_tag(tag, |channel| {
                Step::Ask(Asked::Leave(channel.clone()), Request::Leave(channel))
            }),
            Command::Say { tag, text } => with_tag(tag, |channel| {
                with_text(text, |text| Step::Ask(Asked::Say(channel.clone()), post(channel, text)))
            }),
            Command::Inbox => Step::Ask(Asked::Inbox, Request::CountUnread),
            Command::Read => Step::Ask(Asked::Read, Request::Read),
            Command::Send { name, text } => match Name::from_bytes(name) {
                Ok(recipient) => with_text(text, |text| {
                    Step::Ask(
                        Asked::Send(recipient.clone().into()),
                        Request::Compose { recipient, text, unknown: Unknown::Register },
                    )
                }),
                Err(error) => answer(format!("That is no username: {error}.\n")),
            },
            // Taken care of by whoever calls this.
            Command::SetName { .. } | Command::Pass { .. } | Command::Quit => Step::Silence,
        }
    }
}

fn answer(answer: impl Into<Cow<'static, str>>) -> Step {
    Step::Answer(answer.into())
}

fn post(channel: Channel, text: Text) -> Request {
    Request::Post { channels: vec![channel], text, awaits_delivery: false }
}

fn with_text(text: &[u8], step: impl FnOnce(Text) -> Step) -> Step {
    match Text::from_bytes(text) {
        Ok(text) => step(text),
        Err(error) => answer(format!("Nothing was said: {error}.\n")),
    }
}

/// Everyone present is in `#lobby`: it is neither joined nor left, and `/all` is
/// the way to speak there.
fn with_tag(tag: &[u8], step: impl FnOnce(Channel) -> Step) -> Step {
    match std::str::from_utf8(tag).ok().and_then(Channel::parse) {
        Some(channel) if channel.is_lobby() => {
            answer("Everyone is in #lobby: speak there with /all TEXT.\n")
        }
        Some(channel) => step(channel),
        None => answer("A hashtag is # and 1 to 64 letters, digits or _: #rust.\n"),
    }
}

impl Dialogue for Room {
    type Asked = Asked;

    fn line(&mut self, line: Line<'_>) -> Step {
        let is_stranger = !matches!(self.state, State::Member);
        match line {
            Line::Whole(line) => match Command::parse(line) {
                Ok(command) => self.command(command),
                Err(Mistake::Usage(usage)) if !is_stranger || Command::is_for_strangers(usage) => {
                    answer(format!("Usage: {usage}\n"))
                }
                Err(_) if is_stranger => answer(ASK_NAME),
                Err(_) => answer(UNKNOWN),
            },
            Line::TooLong => answer("Nothing was said: the line is too long.\n"),
        }
    }

    fn reply(&mut self, asked: Asked, reply: Reply, answer: &mut Vec<u8>) -> Next<Asked> {
        if let Reply::LoggedIn { .. } = reply {
            self.state = State::Member;
        }
        // Writing to memory does not fail.
        let _ = write_answer(answer, &asked, reply);
        Next::Continue
    }

    fn event(&mut self, event: &Event, outputs: &mut Outputs) {
        // Who has just been let in may be told of what happened with it, before it
        // is told that it is in.
        let is_in = matches!(self.state, State::Member);
        match event {
            Event::Posted(Posted { mark, .. }) if !is_in => {
                outputs.notices.extend(mark.map(Notice::Delivered));
            }
            _ if !is_in => {}
            Event::Posted(posted) => {
                push_post(&mut outputs.front, posted);
                // Only who speaks the protocol that waits has to say so.
                outputs.notices.extend(posted.mark.map(Notice::Delivered));
            }
            Event::Told(told) => {
                push_told(&mut outputs.front, told);
                outputs.delivered_once_acknowledged.extend(told.mark);
            }
            Event::Arrived(attendee) => push_attendee(&mut outputs.front, attendee, "joined"),
            Event::Departed(attendee) => push_attendee(&mut outputs.front, attendee, "left"),
            Event::Mail | Event::Withdrawn(_) => {}
        }
    }

    fn farewell(&mut self, reason: DropReason, answer: &mut Vec<u8>) {
        let farewell = match reason {
            DropReason::LogInLimit => TOO_LATE,
            DropReason::Evicted => EVICTED,
            _ => CLOSED,
        };
        answer.extend_from_slice(farewell.as_bytes());
    }
}
