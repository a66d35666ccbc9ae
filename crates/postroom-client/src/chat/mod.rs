//! The client for `chat`: it shows the server's lines as they arrive and sends
//! what is typed, to everyone unless it is a command.

mod lines;

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use postroom_model::{Channel, Password};

use self::lines::{
    JOINED, LEFT, announced, author, has_answer, hashtag_in, is_answer, may_answer, shown,
};
use crate::connection::DEAD_AFTER;
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

/// The server's answer once a password is changed.
const PASSWORD_CHANGED: &str = "Your password is changed.";

/// The server's farewell to a client that leaves, ...
const FAREWELL: &str = "You have left the chat";

/// ... and to everyone, when it stops.
const STOPPED: &str = "Server has been closed by host";

/// ... and to one whose session an operator ends.
const KICKED: &str = "Disconnected: an operator has ended your session.";

/// What can be typed: the server's commands and those of this client.
const COMMANDS: [CommandHelp; 22] = [
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
    CommandHelp::new(
        "/join",
        Operand::Hashtag,
        "/join #TAG [KEY]",
        "see the messages with a hashtag",
    ),
    CommandHelp::new("/leave", Operand::Hashtag, "/leave #TAG", "stop seeing them"),
    CommandHelp::new(
        "/say",
        Operand::Hashtag,
        "/say #TAG TEXT",
        "send to everyone who joined a hashtag",
    ),
    CommandHelp::new("/create", Operand::Hashtag, "/create #TAG", "make a private channel"),
    CommandHelp::new("/invite", Operand::Hashtag, "/invite #TAG NAME", "let a user join it"),
    CommandHelp::new("/uninvite", Operand::Hashtag, "/uninvite #TAG NAME", "no longer"),
    CommandHelp::new("/invited", Operand::Hashtag, "/invited #TAG", "list those you let join it"),
    CommandHelp::new(
        "/key",
        Operand::Hashtag,
        "/key #TAG [KEY]",
        "let those join it who know this; without one, no longer",
    ),
    CommandHelp::new("/delete", Operand::Hashtag, "/delete #TAG", "delete it, with its posts"),
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
struct Chat {
    /// The hashtags that were joined, in that order.
    joined: Vec<Channel>,
    /// The password that the server is to take in place of the present one.
    new_password: Option<Password>,
}

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
    // Otherwise the system would have ended the connection.
    const SETTLED_AFTER: Duration = DEAD_AFTER;
    const LEAVE_WORD: &'static str = "/quit";
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
                    if let Some(password) = new_password(&sent) {
                        session.protocol.new_password = Some(password);
                    }
                    session.doubt.sent(line.to_owned(), Instant::now());
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

    fn leaves(line: &str) -> bool {
        line.trim() == "/quit"
    }

    fn lost(session: &mut Session<'_, Self>) {
        session.protocol.new_password = None;
    }

    /// Joins the hashtags again; the server answers each.
    fn returned(session: &mut Session<'_, Self>) -> Result<(), ClientError> {
        let joined = session.protocol.joined.clone();
        joined.iter().try_for_each(|channel| {
            session.live.connection.send(format!("/join {channel}").as_bytes())
        })
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
        self.doubt.heard(Instant::now());
        if is_answer(line) {
            self.doubt.answered_first(has_answer, |asked| may_answer(line, asked));
        }
        self.note(line);
        if !self.acts_on(line) {
            self.live.console.say(&shown(line, self.live.console.colours()))?;
            self.learn_from(line);
        }
        if line == KICKED {
            return Err(ClientError::Kicked { server: self.live.connection.server().clone() });
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
        let entry = match &self.state {
            State::Awaiting(Awaited::Entry(entry)) => entry,
            State::Awaiting(Awaited::Greeting(_)) => {
                return self.is_returning() && protocol_of(line) == Some(Chat::NAME);
            }
            _ => return false,
        };
        let is_kept = entry.password_open && line == PASSWORD_KEPT;
        let is_accepted = line.starts_with(ACCEPTED);
        let is_taken = line.contains(TAKEN) && !is_accepted;
        is_kept
            || (is_taken && self.live.console.is_interactive())
            || (is_accepted && self.is_returning())
    }

    /// Notes what is needed to come back as before. Nobody else can write such a line:
    /// theirs begin with their names.
    fn note(&mut self, line: &str) {
        if let Some(channel) = hashtag_in(line, JOINED) {
            self.protocol.joined.retain(|known| *known != channel);
            self.protocol.joined.push(channel);
        } else if let Some(channel) = hashtag_in(line, LEFT) {
            self.protocol.joined.retain(|known| *known != channel);
        } else if line == PASSWORD_CHANGED
            && let Some(password) = self.protocol.new_password.take()
        {
            self.change_password(password);
        }
    }

    fn enter_as(&mut self, login: Login, password: Option<&Password>) -> Result<(), ClientError> {
        if let Some(password) = password {
            self.live.connection.send(&[b"/pass ", password.as_bytes()].concat())?;
        }
        self.live.connection.send(format!("/setname {}", login.name).as_bytes())?;
        self.tried = password.cloned();
        let has_password = password.is_some();
        let entry = Entry { login, with_password: has_password, password_open: has_password };
        self.state = State::Awaiting(Awaited::Entry(entry));
        self.live.await_answer(Duration::ZERO);
        self.hush()
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
        if self.is_returning() {
            return Err(match line {
                PRESENT => ClientError::AlreadyLoggedIn { server, name },
                _ if is_taken => ClientError::LoginRefused { server, name, with_password },
                _ => ClientError::NameRefused { server, name },
            });
        }
        if !self.can_ask() {
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

/// The new password in a command that asks for one.
fn new_password(sent: &str) -> Option<Password> {
    let (_, new) = sent.strip_prefix("/passwd ")?.split_once(' ')?;
    Password::from_bytes(new.as_bytes()).ok()
}

/// What is sent for a line: a command as it is, anything else as a message to
/// everyone.
fn to_send(line: &str) -> Result<String, ClientError> {
    let text = parse_text(line.as_bytes())?;
    let sent = if line.starts_with('/') {
        line.to_owned()
    } else {
        format!("/all {}", text.as_line().ok_or(ClientError::SeveralLines)?)
    };
    if sent.len() > LINE_BYTES_MAX {
        return Err(ClientError::LineTooLong);
    }
    Ok(sent)
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
}
