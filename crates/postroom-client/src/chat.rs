//! The client for `chat`: it shows the server's lines as they arrive and sends
//! what is typed, to everyone unless it is a command.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use postroom_model::{Name, Password, Safe};

use crate::colour::Colours;
use crate::console::{CommandHelp, Operand};
use crate::error::Deviation;
use crate::listener::protocol_of;
use crate::live::{self, Flow, Login, Options, Protocol, Session, State};
use crate::parse::parse_text;
use crate::settings::{Client, Settings};
use crate::{ChatArguments, ClientError, Environment, LINE_BYTES_MAX};

/// How long the server may take to greet before the client sends a question, to
/// learn which protocol it speaks.
const GREETING_WAIT_MAX: Duration = Duration::from_secs(2);

/// That question: a command that changes nothing on any listener.
const QUESTION: &[u8] = b"/cmd";

/// The beginning of the server's answer to an accepted name.
const ACCEPTED: &str = "Username accepted";

/// A word in the server's answer to a name that is taken.
const TAKEN: &str = "taken";

/// That answer where no password would help: the account is logged in.
const PRESENT: &str = "That username is taken. Choose another: /setname NAME.";

/// The server's answer to a password before a name, the order in which this
/// client sends them.
const PASSWORD_KEPT: &str = "Now choose your name with /setname NAME.";

/// The server's farewell to a client that leaves, ...
const FAREWELL: &str = "You have left the chat";

/// ... and to everyone, when it stops.
const STOPPED: &str = "Server has been closed by host";

/// What can be typed: the server's commands and those of this client.
const COMMANDS: [CommandHelp; 16] = [
    CommandHelp::new(
        "/all",
        Operand::Text,
        "/all TEXT",
        "send to everyone, like a line without a command",
    ),
    CommandHelp::new("/allusers", Operand::None, "/allusers", "list the users who are logged in"),
    CommandHelp::new(
        "/private",
        Operand::Name,
        "/private NAME TEXT",
        "send to one user who is logged in",
    ),
    CommandHelp::new("/join", Operand::Hashtag, "/join #TAG", "see the messages with a hashtag"),
    CommandHelp::new("/leave", Operand::Hashtag, "/leave #TAG", "stop seeing them"),
    CommandHelp::new(
        "/say",
        Operand::Hashtag,
        "/say #TAG TEXT",
        "send to everyone who joined a hashtag",
    ),
    CommandHelp::new("/inbox", Operand::None, "/inbox", "count your unread messages"),
    CommandHelp::new("/read", Operand::None, "/read", "read the earliest unread message"),
    CommandHelp::new(
        "/send",
        Operand::Name,
        "/send NAME TEXT",
        "leave a message in the mailbox of any user",
    ),
    CommandHelp::new("/passwd", Operand::Text, "/passwd OLD NEW", "change your password"),
    CommandHelp::new("/block", Operand::Name, "/block NAME", "refuse the messages of a user"),
    CommandHelp::new("/unblock", Operand::Name, "/unblock NAME", "accept them again"),
    CommandHelp::new("/blocked", Operand::None, "/blocked", "list the users you have blocked"),
    CommandHelp::new("/cmd", Operand::None, "/cmd", "list the commands of the server"),
    CommandHelp::new("/help", Operand::None, "/help", "show this list"),
    CommandHelp::new("/quit", Operand::None, "/quit", "leave"),
];

/// Runs the client at the standard input and output, for a person at a terminal
/// or for a script, until they leave.
///
/// Signals that ask the process to end leave cleanly and stay taken over
/// afterwards: call this in a process that ends with it.
pub fn chat(arguments: &ChatArguments, environment: &Environment) -> Result<(), ClientError> {
    live::run::<Chat>(options(arguments, environment)?)
}

/// Does as [`chat`] with lines from `input`, which must not be buffered, and
/// without prompts; signals keep their meaning.
pub fn chat_with<R: Read + AsFd>(
    arguments: &ChatArguments,
    environment: &Environment,
    input: R,
    output: &mut dyn Write,
) -> Result<(), ClientError> {
    live::run_with::<Chat>(options(arguments, environment)?, input, output)
}

fn options(arguments: &ChatArguments, environment: &Environment) -> Result<Options, ClientError> {
    let settings = Settings::new(Client::Chat, arguments.given()?, environment)?;
    Options::new(settings, arguments.timeout)
}

/// The protocol `chat`.
#[derive(Debug, Default)]
struct Chat;

/// What the server is to send next.
#[derive(Debug)]
enum Awaited {
    /// Its greeting.
    Greeting(Greeting),
    /// The answer to a name.
    Entry(Entry),
}

/// How far the client has come in waiting for a greeting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Greeting {
    /// It is due: this protocol's listener speaks first.
    Due,
    /// It did not arrive in time. Another protocol's listener waits for a
    /// request, so one was sent: the answer tells which protocol it is.
    Asked,
    /// It arrived late; the answer to the request follows it.
    Late,
}

/// A name that was sent.
#[derive(Clone, Debug)]
struct Entry {
    login: Login,
    with_password: bool,
    /// The answer to the password has not arrived.
    password_open: bool,
}

impl Protocol for Chat {
    const NAME: &'static str = "chat";
    const COMMANDS: &'static [CommandHelp] = &COMMANDS;
    const HELP: Option<&'static str> =
        Some("A line that is not a command goes to everyone. The commands:");
    const LEAVE: &'static [u8] = b"/quit";
    type Awaited = Awaited;

    fn start(session: &mut Session<'_, Self>) -> Result<(), ClientError> {
        session.state = State::Awaiting(Awaited::Greeting(Greeting::Due));
        session.live.await_at_first(GREETING_WAIT_MAX);
        Ok(())
    }

    fn take_name(session: &mut Session<'_, Self>, typed: &str) -> Result<(), ClientError> {
        match typed.trim() {
            "/quit" => session.leave(),
            // A person who reads the server's greeting may type the command itself.
            trimmed => session.take_name(trimmed.strip_prefix("/setname").unwrap_or(typed)),
        }
    }

    fn begin_login(session: &mut Session<'_, Self>, login: Login) -> Result<(), ClientError> {
        session.enter_as(login, session.password.clone().as_ref())
    }

    fn log_in(
        session: &mut Session<'_, Self>,
        login: Login,
        password: &Password,
    ) -> Result<(), ClientError> {
        session.enter_as(login, Some(password))
    }

    fn take_command(session: &mut Session<'_, Self>, line: &str) -> Result<(), ClientError> {
        match line.trim() {
            "/help" => session.help(),
            "/quit" => session.leave(),
            _ => match to_send(line) {
                Ok(sent) => {
                    session.live.learn_hashtags(line);
                    session.live.connection.send(sent.as_bytes())
                }
                Err(error) => session.live.refuse(&error),
            },
        }
    }

    fn take_line(session: &mut Session<'_, Self>, line: &str) -> Result<Flow, ClientError> {
        session.take_line(line.strip_suffix('\r').unwrap_or(line))
    }

    fn ended(session: &Session<'_, Self>) -> ClientError {
        match session.state {
            State::Awaiting(Awaited::Greeting(Greeting::Asked)) => {
                session.live.connection.unanswered()
            }
            _ => session.live.connection.gone(),
        }
    }

    /// The deadline of the greeting is not the last.
    fn late(session: &mut Session<'_, Self>) -> Result<Flow, ClientError> {
        if !matches!(session.state, State::Awaiting(Awaited::Greeting(Greeting::Due))) {
            return session.live.late();
        }
        session.state = State::Awaiting(Awaited::Greeting(Greeting::Asked));
        session.live.await_answer(Duration::ZERO);
        session.live.connection.send(QUESTION)?;
        Ok(Flow::On)
    }
}

impl Session<'_, Chat> {
    fn take_line(&mut self, line: &str) -> Result<Flow, ClientError> {
        let is_foreign = protocol_of(line).is_some_and(|met| met != Chat::NAME);
        if is_foreign && matches!(self.state, State::Awaiting(Awaited::Greeting(_))) {
            let deviation = Deviation::unexpected("a connection", line);
            return Err(self.live.connection.deviation(deviation));
        }
        if !self.acts_on(line) {
            self.live.console.say(&shown(line, self.live.console.colours()))?;
            self.learn_from(line);
        }
        if line == STOPPED {
            return Err(ClientError::Stopped { server: self.live.connection.server().clone() });
        }
        match &self.state {
            State::Leaving if line == FAREWELL => return Ok(Flow::Done),
            State::Awaiting(Awaited::Greeting(Greeting::Asked)) => {
                self.state = State::Awaiting(Awaited::Greeting(Greeting::Late));
            }
            State::Awaiting(Awaited::Greeting(_)) => self.begin()?,
            State::Awaiting(Awaited::Entry(entry)) => self.entry_answered(entry.clone(), line)?,
            _ => {}
        }
        Ok(Flow::On)
    }

    /// Whether the client itself does what the line advises, so that the advice
    /// would only puzzle a person.
    fn acts_on(&self, line: &str) -> bool {
        let State::Awaiting(Awaited::Entry(entry)) = &self.state else { return false };
        let is_kept = entry.password_open && line == PASSWORD_KEPT;
        let is_taken = line.contains(TAKEN) && !line.starts_with(ACCEPTED);
        is_kept || (is_taken && self.live.console.is_interactive())
    }

    fn enter_as(&mut self, login: Login, password: Option<&Password>) -> Result<(), ClientError> {
        if let Some(password) = password {
            self.live.connection.send(&[b"/pass ", password.as_bytes()].concat())?;
        }
        self.live.connection.send(format!("/setname {}", login.name).as_bytes())?;
        let has_password = password.is_some();
        let entry = Entry { login, with_password: has_password, password_open: has_password };
        self.state = State::Awaiting(Awaited::Entry(entry));
        self.live.await_answer(Duration::ZERO);
        self.live.console.ask(None)
    }

    fn entry_answered(&mut self, entry: Entry, line: &str) -> Result<(), ClientError> {
        if line.starts_with(ACCEPTED) {
            self.enter(&entry.login.name)
        } else if entry.password_open && !line.contains(TAKEN) {
            let entry = Entry { password_open: false, ..entry };
            self.state = State::Awaiting(Awaited::Entry(entry));
            Ok(())
        } else {
            self.refused(entry, line)
        }
    }

    /// A person may try a password or another name; for a script it is an error.
    fn refused(&mut self, entry: Entry, line: &str) -> Result<(), ClientError> {
        let Entry { login, with_password, .. } = entry;
        let is_taken = line.contains(TAKEN);
        let (server, name) = (self.live.connection.server().clone(), login.name.clone());
        if !self.live.console.is_interactive() {
            return Err(if is_taken {
                ClientError::NameTaken { server, name }
            } else {
                ClientError::NameRefused { server, name }
            });
        }
        if line == PRESENT {
            let reason = format!("{name} is already logged in; choose another name.");
            self.live.console.say(&reason)?;
        }
        if !is_taken || line == PRESENT {
            return self.choose_another_name();
        }
        let reason = if with_password {
            "The password is wrong.".to_owned()
        } else {
            format!("{name} is taken; if the account is yours, enter its password.")
        };
        let error = ClientError::LoginRefused { server, name, with_password: true };
        self.retry(login, with_password, &reason, error)
    }

    /// Remembers the names and hashtags of a line for Tab.
    fn learn_from(&mut self, line: &str) {
        for name in announced(line) {
            self.live.learn_name(name);
        }
        let words: Vec<_> = line.split(' ').take(4).collect();
        match words[..] {
            // A row of /allusers.
            [name] => self.live.learn_name(name),
            // The sender of what /read gives.
            ["from", name, ..] => self.live.learn_name(name.trim_end_matches(':')),
            ["Message", "left", "for", name] => self.live.learn_name(name.trim_end_matches('.')),
            _ => self.live.learn_name(author(line).unwrap_or_default()),
        }
        self.live.learn_hashtags(line);
    }
}

/// What is sent for a line: a command as it is, anything else as a message to
/// everyone.
fn to_send(line: &str) -> Result<String, ClientError> {
    let text = parse_text(line.as_bytes())?;
    let sent =
        if line.starts_with('/') { line.to_owned() } else { format!("/all {}", text.as_str()) };
    if sent.len() > LINE_BYTES_MAX {
        return Err(ClientError::LineTooLong);
    }
    Ok(sent)
}

/// The server's line, safe to show, with the author's name in its colour:
/// `john: hello`, `john(private): hi`, `john(#tag): text`.
fn shown(line: &str, colours: Colours) -> String {
    match author(line) {
        Some(name) => format!("{}{}", colours.name(name), Safe(&line[name.len()..])),
        None => Safe(line).to_string(),
    }
}

/// The names in a line that announces who has joined or left: `ann, bob and 2 more have
/// joined, eve has left (4 users active)`.
fn announced(line: &str) -> impl Iterator<Item = &str> {
    let list = line.strip_suffix(" active)").and_then(|line| line.rsplit_once(" ("));
    let parts = list.filter(|_| author(line).is_none()).into_iter();
    parts
        .flat_map(|(list, _)| list.split(", "))
        .flat_map(|part| {
            let words: Vec<_> = part.split(' ').collect();
            match words[..] {
                [name, "and", other, "have", ..] => [Some(name), Some(other)],
                _ => [words.first().copied(), None],
            }
        })
        .flatten()
}

/// The author of a line, if it has one.
fn author(line: &str) -> Option<&str> {
    line.split_once(": ")
        .map(|(start, _)| start.split_once('(').map_or(start, |(name, _)| name))
        .filter(|name| Name::new(name).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_not_a_command_is_for_everyone() {
        assert_eq!(to_send("hello everyone").unwrap(), "/all hello everyone");
        assert_eq!(to_send("/private mary hi").unwrap(), "/private mary hi");
        assert_eq!(to_send(" /cmd").unwrap(), "/all  /cmd");
        assert!(matches!(to_send(&"x".repeat(8_190)), Err(ClientError::LineTooLong)));
        assert!(matches!(to_send("a\0"), Err(ClientError::Text(_))));
    }

    #[test]
    fn the_names_of_an_announcement_are_known() {
        let names = |line| announced(line).collect::<Vec<_>>().join(" ");
        for (line, expected) in [
            ("ann has joined (1 user active)", "ann"),
            ("ann and and have joined (2 users active)", "ann and"),
            ("ann, bob and cat have left (0 users active)", "ann bob cat"),
            ("a, b, c, d, e and 12 more have joined, f has left (9 users active)", "a b c d e f"),
            ("ann and 12 have joined, eve has left (2 users active)", "ann 12 eve"),
            ("ann: bob has joined (2 users active)", ""),
            ("(12 posts missed in #rust)", ""),
        ] {
            assert_eq!(names(line), expected, "{line}");
        }
    }

    #[test]
    fn the_name_before_a_message_has_its_colour() {
        let john = Colours::Names.name("john");
        for rest in [": hello: all", "(private): hi", "(#rust): text"] {
            assert_eq!(shown(&format!("john{rest}"), Colours::Names), format!("{john}{rest}"));
        }
        for line in ["Users in chat:", "User not found: john", "john hello", "", ": x"] {
            assert_eq!(shown(line, Colours::Names), line);
        }
        assert_eq!(shown("john: \u{1b}[2J\u{202e}", Colours::None), "john: ^[[2J");
        assert_eq!(shown("\u{1b}: x", Colours::Names), "^[: x");
    }
}
