//! The protocol `chat` (seed 004, a chat server in Python): a chat for telnet.
//!
//! ```text
//!  Stranger ──/pass──▶ Stranger
//!  Stranger ──/setname──▶ Stranger ──LoggedIn──▶ Member
//!  Member ──commands──▶ Member
//!  /quit ends the connection; anything else is answered and changes nothing
//! ```

mod announcement;
mod answer;
mod command;
mod private;
pub(crate) mod settings;
pub(crate) mod telnet;

use std::borrow::Cow;
use std::sync::LazyLock;

use postroom_model::{
    Access, Channel, ChannelCommand, ChannelKey, Event, Name, Password, PresenceTerms, Reply,
    Request, Terms, Text, Unknown,
};

use crate::conversation::Conversation;
use crate::dialogue::{Dialogue, Next, ReadLines};
use crate::line::Line;
use crate::protocol::{PostHandling, Protocol};
use crate::session::{DropReason, Input, Outputs, Reading, Session};
use crate::settings::Settings;

pub use answer::LISTED_MAX;

use announcement::push_announcement;
use answer::{
    Asked, NOT_FOUND, push_missed, push_missed_lines, push_post, push_taken_out, push_told,
    write_answer,
};
use command::{Arguments, Command, Stage, split};
use telnet::Telnet;

const GREETING: &str = "Welcome to Postroom. Choose a name with /setname NAME.\n";
const ASK_NAME: &str = "Choose a name first: /setname NAME (or /quit).\n";
const UNKNOWN: &str = "Unknown command. Type /cmd for the commands.\n";
const NAMED_ALREADY: &str = "You have a name already; /quit and come again for another.\n";
const LEFT: &str = "You have left the chat\n";
const CLOSED: &str = "Server has been closed by host\n";
const KICKED: &str = "Disconnected: an operator has ended your session.\n";
const TOO_LATE: &str = "Disconnected: you chose no name in time. Connect again.\n";
const EVICTED: &str =
    "Disconnected: too many connections wait to choose a name. Connect again later.\n";
const REFUSED: &str =
    "Disconnected: too many connections come from your address. Connect again later.\n";

/// The protocol's entry in `PROTOCOLS`.
pub(crate) const PROTOCOL: Protocol = Protocol {
    name: "chat",
    default_port: 4405,
    has_accounts: true,
    guest: None,
    reports: false,
    is_handed_over: false,
    posts: PostHandling::Rendered(push_post),
    refusal: REFUSED,
    begin,
};

fn begin(settings: &Settings, _: Access, outputs: &mut Outputs) -> Box<dyn Session> {
    let dialogue = Chat {
        state: State::Stranger { password: None },
        terms: Terms {
            admits_strangers: true,
            presence: Some(PresenceTerms {
                arrivals: settings.chat.announces,
                ..PresenceTerms::SOLE
            }),
        },
    };
    outputs.front.extend_from_slice(GREETING.as_bytes());
    let conversation = Conversation::begin(dialogue, settings, outputs);
    Box::new(ChatSession { conversation, telnet: Telnet::default() })
}

/// A conversation from whose input the telnet commands are removed.
#[derive(Debug)]
struct ChatSession {
    conversation: Conversation<Chat>,
    telnet: Telnet,
}

impl Session for ChatSession {
    fn input(&mut self, input: Input<'_>, outputs: &mut Outputs) -> Reading {
        let reading = match input {
            Input::Bytes { stream, bytes, proof } if !self.telnet.is_text(bytes) => {
                let bytes = &self.telnet.take(bytes, &mut outputs.front);
                self.conversation.input(Input::Bytes { stream, bytes, proof }, outputs)
            }
            input => self.conversation.input(input, outputs),
        };
        // The lines before a negotiation that is too long are taken first, also where they
        // came in one read with it.
        let takes_bytes = matches!(reading, Reading::Bytes | Reading::Proof);
        if self.telnet.is_too_long() && takes_bytes && self.conversation.is_open() {
            self.conversation.drop_client(DropReason::RuleBroken, outputs);
            return Reading::Nothing;
        }
        reading
    }

    fn shows_posts(&self) -> bool {
        self.conversation.is_open() && self.conversation.dialogue().is_in()
    }
}

#[derive(Debug)]
struct Chat {
    state: State,
    terms: Terms,
}

#[derive(Debug)]
enum State {
    Stranger { password: Option<Password> },
    Member,
}

type Step = crate::dialogue::Step<Asked>;

/// All commands, in the order in which `/cmd` lists those that are valid after the
/// login.
static COMMANDS: &[Command<Chat>] = {
    use Arguments::{None, One, OneOrTwo, Two};
    use Stage::{Always, BeforeName, Named};
    &[
        Command { name: "/setname", stage: BeforeName, arguments: One("NAME", Chat::set_name) },
        Command { name: "/pass", stage: BeforeName, arguments: One("PASSWORD", Chat::pass) },
        Command { name: "/allusers", stage: Named, arguments: None(Chat::all_users) },
        Command { name: "/all", stage: Named, arguments: One("TEXT", Chat::all) },
        Command { name: "/private", stage: Named, arguments: Two("NAME", "TEXT", Chat::private) },
        Command { name: "/join", stage: Named, arguments: OneOrTwo("#TAG", "KEY", Chat::join) },
        Command { name: "/leave", stage: Named, arguments: One("#TAG", Chat::leave) },
        Command { name: "/say", stage: Named, arguments: Two("#TAG", "TEXT", Chat::say) },
        Command { name: "/create", stage: Named, arguments: One("#TAG", Chat::create) },
        Command { name: "/invite", stage: Named, arguments: Two("#TAG", "NAME", Chat::invite) },
        Command { name: "/uninvite", stage: Named, arguments: Two("#TAG", "NAME", Chat::uninvite) },
        Command { name: "/invited", stage: Named, arguments: One("#TAG", Chat::invited) },
        Command { name: "/key", stage: Named, arguments: OneOrTwo("#TAG", "KEY", Chat::key) },
        Command { name: "/delete", stage: Named, arguments: One("#TAG", Chat::delete) },
        Command { name: "/inbox", stage: Named, arguments: None(Chat::inbox) },
        Command { name: "/read", stage: Named, arguments: None(Chat::read) },
        Command { name: "/send", stage: Named, arguments: Two("NAME", "TEXT", Chat::send) },
        Command { name: "/passwd", stage: Named, arguments: Two("OLD", "NEW", Chat::passwd) },
        Command { name: "/block", stage: Named, arguments: One("NAME", Chat::block) },
        Command { name: "/unblock", stage: Named, arguments: One("NAME", Chat::unblock) },
        Command { name: "/blocked", stage: Named, arguments: None(Chat::blocked) },
        Command { name: "/cmd", stage: Named, arguments: None(Chat::list_commands) },
        Command { name: "/quit", stage: Always, arguments: None(Chat::quit) },
    ]
};

/// The answer to `/cmd`, made once: a client can ask for it without end.
static LIST: LazyLock<String> = LazyLock::new(|| {
    let listed = COMMANDS.iter().filter(|command| command.stage != Stage::BeforeName);
    let usages: Vec<String> = listed.map(Command::to_string).collect();
    format!("Commands: {}\n", usages.join(", "))
});

impl Chat {
    /// Whether events are shown. One may arrive between the login and its reply; it must
    /// not be shown before that.
    fn is_in(&self) -> bool {
        matches!(self.state, State::Member)
    }

    fn command(&mut self, line: &[u8]) -> Step {
        let (name, rest) = split(line);
        let is_named = matches!(self.state, State::Member);
        let command = COMMANDS
            .iter()
            .find(|command| command.name.as_bytes() == name)
            .filter(|command| is_named || command.stage != Stage::Named);
        match command {
            Some(command) => {
                command.run(self, rest).unwrap_or_else(|| answer(format!("Usage: {command}\n")))
            }
            None => answer(if is_named { UNKNOWN } else { ASK_NAME }),
        }
    }

    fn set_name(&mut self, name: &[u8]) -> Step {
        let State::Stranger { password } = &mut self.state else {
            return answer(NAMED_ALREADY);
        };
        let (password, terms) = (password.take(), self.terms);
        match Name::from_bytes(name) {
            Ok(name) => Step::AskAlone(Asked::Enter, Request::LogIn { name, password, terms }),
            Err(error) => {
                answer(format!("That is no username: {error}. Choose another: /setname NAME.\n"))
            }
        }
    }

    fn pass(&mut self, given: &[u8]) -> Step {
        let State::Stranger { password } = &mut self.state else {
            return answer(NAMED_ALREADY);
        };
        match Password::from_bytes(given) {
            Ok(given) => {
                *password = Some(given);
                answer("Now choose your name with /setname NAME.\n")
            }
            Err(error) => answer(format!("That is no password: {error}.\n")),
        }
    }

    fn all_users(_: &mut Self) -> Step {
        Step::Ask(Asked::AllUsers, Request::ListPresent)
    }

    fn all(_: &mut Self, text: &[u8]) -> Step {
        with_text(text, |text| Step::Ask(Asked::All, post(Channel::lobby(), text)))
    }

    fn private(_: &mut Self, name: &[u8], text: &[u8]) -> Step {
        let Ok(recipient) = Name::from_bytes(name) else {
            return answer(NOT_FOUND);
        };
        with_text(text, |text| {
            Step::Ask(Asked::Private, Request::Tell { recipient, text, awaits_delivery: false })
        })
    }

    fn join(_: &mut Self, tag: &[u8], key: Option<&[u8]>) -> Step {
        with_tag(tag, |channel| {
            with_key(&channel, key, |key| {
                let asked = Asked::Join(channel.clone());
                Step::Ask(
                    asked,
                    match key {
                        Some(key) => Request::JoinWithKey { channel: channel.clone(), key },
                        None => Request::Join(channel.clone()),
                    },
                )
            })
        })
    }

    fn leave(_: &mut Self, tag: &[u8]) -> Step {
        with_tag(tag, |tag| Step::Ask(Asked::Leave(tag.clone()), Request::Leave(tag)))
    }

    fn say(_: &mut Self, tag: &[u8], text: &[u8]) -> Step {
        with_tag(tag, |tag| {
            with_text(text, |text| Step::Ask(Asked::Say(tag.clone()), post(tag, text)))
        })
    }

    fn create(_: &mut Self, tag: &[u8]) -> Step {
        manage(tag, ChannelCommand::MakePrivate)
    }

    fn invite(_: &mut Self, tag: &[u8], name: &[u8]) -> Step {
        set_invited(tag, name, true)
    }

    fn uninvite(_: &mut Self, tag: &[u8], name: &[u8]) -> Step {
        set_invited(tag, name, false)
    }

    fn invited(_: &mut Self, tag: &[u8]) -> Step {
        manage(tag, ChannelCommand::ListInvited)
    }

    fn key(_: &mut Self, tag: &[u8], key: Option<&[u8]>) -> Step {
        with_tag(tag, |channel| {
            with_key(&channel, key, |key| {
                let (channel, command) = (channel.clone(), ChannelCommand::SetKey(key));
                Step::Ask(
                    Asked::Manage(channel.clone()),
                    Request::ManageChannel { channel, command },
                )
            })
        })
    }

    fn delete(_: &mut Self, tag: &[u8]) -> Step {
        manage(tag, ChannelCommand::Delete)
    }

    fn inbox(_: &mut Self) -> Step {
        Step::Ask(Asked::Inbox, Request::CountUnread)
    }

    fn read(_: &mut Self) -> Step {
        Step::Ask(Asked::Read, Request::Read)
    }

    fn send(_: &mut Self, name: &[u8], text: &[u8]) -> Step {
        match Name::from_bytes(name) {
            Ok(recipient) => with_text(text, |text| {
                let asked = Asked::Send(recipient.clone().into());
                Step::Ask(asked, Request::Compose { recipient, text, unknown: Unknown::Register })
            }),
            Err(error) => answer(format!("That is no username: {error}.\n")),
        }
    }

    fn passwd(_: &mut Self, old: &[u8], new: &[u8]) -> Step {
        match (Password::from_bytes(old), Password::from_bytes(new)) {
            (Ok(old), Ok(new)) => {
                Step::AskAlone(Asked::Passwd, Request::ChangePassword { old, new })
            }
            (Err(error), _) | (_, Err(error)) => {
                answer(format!("Your password was not changed: {error}.\n"))
            }
        }
    }

    fn block(_: &mut Self, name: &[u8]) -> Step {
        set_blocked(name, true)
    }

    fn unblock(_: &mut Self, name: &[u8]) -> Step {
        set_blocked(name, false)
    }

    fn blocked(_: &mut Self) -> Step {
        Step::Ask(Asked::Blocked, Request::ListBlocked)
    }

    fn list_commands(_: &mut Self) -> Step {
        answer(LIST.as_str())
    }

    fn quit(_: &mut Self) -> Step {
        Step::Leave(LEFT)
    }
}

fn answer(answer: impl Into<Cow<'static, str>>) -> Step {
    Step::Answer(answer.into())
}

fn post(channel: Channel, text: Text) -> Request {
    Request::Post { channels: vec![channel], text, awaits_delivery: false }
}

fn set_blocked(name: &[u8], is_blocked: bool) -> Step {
    match Name::of_sender_from_bytes(name) {
        Ok(sender) => Step::Ask(Asked::Block, Request::Block { sender, is_blocked }),
        Err(error) => answer(format!("That is no username: {error}.\n")),
    }
}

/// Does something with a private channel.
fn manage(tag: &[u8], command: ChannelCommand) -> Step {
    with_tag(tag, |channel| {
        Step::Ask(Asked::Manage(channel.clone()), Request::ManageChannel { channel, command })
    })
}

fn with_key(
    channel: &Channel,
    key: Option<&[u8]>,
    step: impl FnOnce(Option<ChannelKey>) -> Step,
) -> Step {
    match key.map(|typed| ChannelKey::of(channel, typed)).transpose() {
        Ok(key) => step(key),
        Err(error) => answer(format!("That is no key: {error}.\n")),
    }
}

fn set_invited(tag: &[u8], name: &[u8], is_invited: bool) -> Step {
    match Name::from_bytes(name) {
        Ok(name) => manage(tag, ChannelCommand::Invite { name, is_invited }),
        Err(error) => answer(format!("That is no username: {error}.\n")),
    }
}

fn with_text(text: &[u8], step: impl FnOnce(Text) -> Step) -> Step {
    match Text::from_bytes(text) {
        Ok(text) => step(text),
        Err(error) => answer(format!("Nothing was said: {error}.\n")),
    }
}

/// All present accounts are in `#lobby`: a session neither joins nor leaves it, and
/// `/all` posts there.
fn with_tag(tag: &[u8], step: impl FnOnce(Channel) -> Step) -> Step {
    match std::str::from_utf8(tag).ok().and_then(Channel::parse) {
        Some(channel) if channel.is_lobby() => {
            answer("Everyone is in #lobby: speak there with /all TEXT.\n")
        }
        Some(channel) => step(channel),
        None => answer("A hashtag is # and 1 to 64 letters, digits or _: #rust.\n"),
    }
}

impl Dialogue for Chat {
    type Asked = Asked;

    const READ_LINES: ReadLines = ReadLines::Each;

    fn line(&mut self, line: Line<'_>) -> Step {
        match line {
            Line::Whole(line) => self.command(line),
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
        match event {
            _ if !self.is_in() => {}
            Event::Told(told) => {
                push_told(&mut outputs.front, told);
                outputs.delivered_once_acknowledged.extend(told.mark);
            }
            Event::Announced(announcement) => {
                push_announcement(&mut outputs.front, announcement);
            }
            Event::Missed { channel, missed } => push_missed(&mut outputs.front, channel, *missed),
            Event::MissedLines(missed) => push_missed_lines(&mut outputs.front, *missed),
            Event::TakenOut(channel) => push_taken_out(&mut outputs.front, channel),
            Event::Mail | Event::Withdrawn(_) | Event::PostDeleted { .. } => {}
        }
    }

    fn farewell(&mut self, reason: DropReason, answer: &mut Vec<u8>) {
        let farewell = match reason {
            DropReason::LogInLimit => TOO_LATE,
            DropReason::Evicted => EVICTED,
            DropReason::Kicked => KICKED,
            _ => CLOSED,
        };
        answer.extend_from_slice(farewell.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer_to(chat: &mut Chat, line: &str) -> String {
        match chat.line(Line::Whole(line.as_bytes())) {
            Step::Answer(answer) => answer.into_owned(),
            step => format!("{step:?}"),
        }
    }

    fn chat(state: State) -> Chat {
        Chat { state, terms: Terms::WITHOUT_PRESENCE }
    }

    #[test]
    fn cmd_lists_the_usage_of_every_command_that_a_name_can_use() {
        let listed = answer_to(&mut chat(State::Member), "/cmd");
        let expected = "Commands: /allusers, /all TEXT, /private NAME TEXT, /join #TAG [KEY], \
            /leave #TAG, /say #TAG TEXT, /create #TAG, /invite #TAG NAME, /uninvite #TAG NAME, \
            /invited #TAG, /key #TAG [KEY], /delete #TAG, /inbox, /read, /send NAME TEXT, \
            /passwd OLD NEW, /block NAME, /unblock NAME, /blocked, /cmd, /quit\n";
        assert_eq!(listed, expected);
    }

    #[test]
    fn a_command_in_a_wrong_form_is_answered_by_its_usage_where_it_has_a_meaning() {
        let (mut member, mut stranger) =
            (chat(State::Member), chat(State::Stranger { password: None }));
        for command in COMMANDS {
            let line = match command.arguments {
                Arguments::None(_) => format!("{} now", command.name),
                Arguments::One(..) | Arguments::OneOrTwo(..) | Arguments::Two(..) => {
                    command.name.to_owned()
                }
            };
            let usage = format!("Usage: {command}\n");
            assert_eq!(answer_to(&mut member, &line), usage);
            let is_named = command.stage == Stage::Named;
            let expected = if is_named { ASK_NAME } else { &usage };
            assert_eq!(answer_to(&mut stranger, &line), expected, "{line}");
        }
        for line in ["", "hello", "/", "/ALL x", " /quit", "/allx"] {
            assert_eq!(answer_to(&mut member, line), UNKNOWN, "{line:?}");
            assert_eq!(answer_to(&mut stranger, line), ASK_NAME, "{line:?}");
        }
    }
}
