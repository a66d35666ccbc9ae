//! The client for the chat room: what the server says is shown as it comes, and
//! what is typed is sent, to all where it is not a command.

use std::fmt::Display;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use postroom_model::{Name, Password, Safe};

use crate::colour::Colours;
use crate::console::{CommandHelp, Operand, Prompt};
use crate::error::Deviation;
use crate::listener::protocol_of;
use crate::live::{Call, Flow, Live, Woken};
use crate::parse::{parse_name, parse_text};
use crate::password::{AGAIN, PASSWORDS_MAX};
use crate::typed::Typed;
use crate::{ChatArguments, ClientError, LINE_BYTES_MAX, ServerAddress, password};

/// The protocol's name.
const PROTOCOL: &str = "chat";

/// How long the server may take to greet before it is asked what it is.
const GREETING_WAIT_MAX: Duration = Duration::from_secs(2);

/// What is asked then: a command that changes nothing, here or elsewhere.
const QUESTION: &[u8] = b"/cmd";

/// How the server's word that the name is in begins.
const ACCEPTED: &str = "Username accepted";

/// What its word that the name is not holds.
const TAKEN: &str = "taken";

/// The same where no password would help: the account is there already.
const PRESENT: &str = "That username is taken. Choose another: /setname NAME.";

/// Its answer to a password before a name, which is what this client sends.
const PASSWORD_KEPT: &str = "Now choose your name with /setname NAME.";

/// Its farewell to who leaves, ...
const FAREWELL: &str = "You have left the chat";

/// ... and to everyone, when it stops.
const STOPPED: &str = "Server has been closed by host";

/// What can be typed, the server's own commands and those of this client.
const COMMANDS: [CommandHelp; 12] = [
    command("/all", Operand::Text, "/all TEXT", "send to everyone, like a line without a command"),
    command("/allusers", Operand::None, "/allusers", "list the users who are logged in"),
    command("/private", Operand::Name, "/private NAME TEXT", "send to one user who is logged in"),
    command("/join", Operand::Hashtag, "/join #TAG", "see the messages with a hashtag"),
    command("/leave", Operand::Hashtag, "/leave #TAG", "stop seeing them"),
    command("/say", Operand::Hashtag, "/say #TAG TEXT", "send to everyone who joined a hashtag"),
    command("/inbox", Operand::None, "/inbox", "count your unread messages"),
    command("/read", Operand::None, "/read", "read the earliest unread message"),
    command(
        "/send",
        Operand::Name,
        "/send NAME TEXT",
        "leave a message in the mailbox of any user",
    ),
    command("/cmd", Operand::None, "/cmd", "list the commands of the server"),
    command("/help", Operand::None, "/help", "show this list"),
    command("/quit", Operand::None, "/quit", "leave"),
];

const fn command(
    word: &'static str,
    operand: Operand,
    usage: &'static str,
    what: &'static str,
) -> CommandHelp {
    CommandHelp { word, operand, usage, what }
}

/// Talks with whoever is at the standard input and output, a person at a
/// terminal or a script, until they leave.
///
/// Signals that ask the process to end leave cleanly and stay taken over
/// afterwards: call this in a process that ends with it.
pub fn chat(arguments: &ChatArguments) -> Result<(), ClientError> {
    let password = password::from_file(arguments.password_file.as_deref())?;
    call(arguments).hold(|live| Chat::new(live, arguments, password).run())
}

/// Does as [`chat`] with lines from `input`, which must not be buffered, and
/// without prompts; signals keep their meaning.
pub fn chat_with<R: Read + AsFd>(
    arguments: &ChatArguments,
    input: R,
    output: &mut dyn Write,
) -> Result<(), ClientError> {
    let password = password::from_file(arguments.password_file.as_deref())?;
    call(arguments).hold_with(input, output, |live| Chat::new(live, arguments, password).run())
}

fn call(arguments: &ChatArguments) -> Call {
    Call {
        server: ServerAddress::new(&arguments.host, arguments.port),
        protocol: PROTOCOL,
        commands: &COMMANDS,
        timeout: arguments.timeout,
    }
}

/// ```text
/// Greeted ─▶ Naming ◀─▶ Entering ─▶ Here      any ─▶ Leaving
///              ▲            ▲ │
///              │            │ │ taken
///              └─── NamingSecret
/// ```
#[derive(Debug)]
enum State {
    /// The server is to greet.
    Greeted(Greeting),
    /// A name is typed.
    Naming,
    /// The password for the name is typed.
    NamingSecret(Login),
    /// The server is to let the name in.
    Entering(Entry),
    /// Anything is typed.
    Here,
    /// The server is to say farewell.
    Leaving,
}

/// What was done for a greeting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Greeting {
    /// It is awaited: this protocol's listener speaks first.
    Awaited,
    /// It did not come for a while. Another protocol's listener waits to be
    /// asked, and its answer tells which it is.
    Asked,
    /// It came late; the answer to what was asked comes after it.
    Late,
}

/// A name, and how often it was tried.
#[derive(Clone, Debug)]
struct Login {
    name: Name,
    passwords_refused: u32,
}

/// A name that was sent.
#[derive(Clone, Debug)]
struct Entry {
    login: Login,
    with_password: bool,
    /// The server may still say something on the password.
    password_open: bool,
}

struct Chat<'a> {
    live: Live<'a>,
    state: State,
    /// From the command line, until it was tried.
    name: Option<String>,
    /// From a file, until it was refused.
    password: Option<Password>,
}

impl<'a> Chat<'a> {
    fn new(live: Live<'a>, arguments: &ChatArguments, password: Option<Password>) -> Self {
        Self {
            live,
            state: State::Greeted(Greeting::Awaited),
            name: arguments.name.clone(),
            password,
        }
    }

    fn run(mut self) -> Result<(), ClientError> {
        self.live.await_at_first(GREETING_WAIT_MAX);
        loop {
            if self.turn()? == Flow::Done {
                return Ok(());
            }
            let flow = match self.live.wait(&[])? {
                Woken::Something => Flow::On,
                Woken::Interrupted => self.hurry()?,
                Woken::Late => self.late()?,
            };
            if flow == Flow::Done {
                return Ok(());
            }
        }
    }

    /// Does all that can be done without waiting.
    fn turn(&mut self) -> Result<Flow, ClientError> {
        while let Some(line) = self.live.connection.line()? {
            if self.take_line(&line)? == Flow::Done {
                return Ok(Flow::Done);
            }
        }
        if self.live.connection.has_ended() {
            return Err(match self.state {
                State::Greeted(Greeting::Asked) => self.live.connection.unanswered(),
                _ => self.live.connection.gone(),
            });
        }
        while self.takes_lines()
            && let Some(typed) = self.live.console.typed()
        {
            self.take_typed(typed)?;
        }
        Ok(Flow::On)
    }

    /// A deadline has passed: that of the greeting is not the last.
    fn late(&mut self) -> Result<Flow, ClientError> {
        if !matches!(self.state, State::Greeted(Greeting::Awaited)) {
            return self.live.late();
        }
        self.state = State::Greeted(Greeting::Asked);
        self.live.await_answer(Duration::ZERO);
        self.live.connection.send(QUESTION)?;
        Ok(Flow::On)
    }

    fn hurry(&mut self) -> Result<Flow, ClientError> {
        if !self.live.begin_to_hurry() {
            return Ok(Flow::Done);
        }
        self.leave()?;
        Ok(Flow::On)
    }

    fn take_line(&mut self, line: &str) -> Result<Flow, ClientError> {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if matches!(self.state, State::Greeted(_))
            && protocol_of(line).is_some_and(|met| met != PROTOCOL)
        {
            return Err(self
                .live
                .connection
                .deviation(Deviation::unexpected("a connection", line)));
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
            State::Greeted(Greeting::Asked) => self.state = State::Greeted(Greeting::Late),
            State::Greeted(_) => self.begin()?,
            State::Entering(entry) if line.starts_with(ACCEPTED) => {
                self.enter(&entry.login.name.clone())?;
            }
            State::Entering(entry) if entry.password_open && !line.contains(TAKEN) => {
                let entry = Entry { password_open: false, ..entry.clone() };
                self.state = State::Entering(entry);
            }
            State::Entering(entry) => self.refused(entry.clone(), line)?,
            _ => {}
        }
        Ok(Flow::On)
    }

    /// Whether the client does itself what the line advises: to a person the
    /// protocol's commands for a login would be puzzling.
    fn acts_on(&self, line: &str) -> bool {
        let State::Entering(entry) = &self.state else { return false };
        let is_kept = entry.password_open && line == PASSWORD_KEPT;
        let is_taken = line.contains(TAKEN) && !line.starts_with(ACCEPTED);
        is_kept || (is_taken && self.live.console.is_interactive())
    }

    /// Tries the name of the command line, or asks for one.
    fn begin(&mut self) -> Result<(), ClientError> {
        match self.name.take() {
            Some(name) => self.take_name(&name),
            None => self.ask_name(),
        }
    }

    fn ask_name(&mut self) -> Result<(), ClientError> {
        self.state = State::Naming;
        self.live.await_nothing();
        self.live.console.ask(Some(Prompt::open("Username: ")))
    }

    fn take_name(&mut self, word: &str) -> Result<(), ClientError> {
        match parse_name(word.trim()) {
            Ok(name) => {
                let login = Login { name, passwords_refused: 0 };
                self.try_login(login, self.password.clone().as_ref())
            }
            Err(error) if self.live.console.is_interactive() => {
                self.live.console.say(&error.to_string())?;
                self.ask_name()
            }
            Err(error) => Err(error),
        }
    }

    fn try_login(&mut self, login: Login, password: Option<&Password>) -> Result<(), ClientError> {
        if let Some(password) = password {
            self.live.connection.send(&[b"/pass ", password.as_bytes()].concat())?;
        }
        self.live.connection.send(format!("/setname {}", login.name).as_bytes())?;
        let has_password = password.is_some();
        let entry = Entry { login, with_password: has_password, password_open: has_password };
        self.state = State::Entering(entry);
        self.live.await_answer(Duration::ZERO);
        self.live.console.ask(None)
    }

    fn enter(&mut self, name: &Name) -> Result<(), ClientError> {
        self.state = State::Here;
        self.live.await_nothing();
        let prompt = format!("{name}@{}> ", self.live.connection.server());
        self.live.console.ask(Some(Prompt::standing(prompt)))
    }

    /// A person may have a password, or another name; a script has to be told.
    fn refused(&mut self, entry: Entry, line: &str) -> Result<(), ClientError> {
        let Entry { mut login, with_password, .. } = entry;
        let is_taken = line.contains(TAKEN);
        if !self.live.console.is_interactive() {
            let (server, name) = (self.live.connection.server().clone(), login.name);
            return Err(if is_taken {
                ClientError::NameTaken { server, name }
            } else {
                ClientError::NameRefused { server, name }
            });
        }
        self.password = None;
        if line == PRESENT {
            let told = format!("{} is logged in already; choose another name.", login.name);
            self.live.console.say(&told)?;
        }
        if !is_taken || line == PRESENT {
            return self.ask_name();
        }
        login.passwords_refused += u32::from(with_password);
        if login.passwords_refused == PASSWORDS_MAX {
            let (server, name) = (self.live.connection.server().clone(), login.name);
            return Err(ClientError::LoginRefused { server, name, with_password: true });
        }
        let told = if with_password {
            "The password is wrong.".to_owned()
        } else {
            format!("{} is taken; if the account is yours, give its password.", login.name)
        };
        self.live.console.say(&told)?;
        self.ask_secret(login)
    }

    fn ask_secret(&mut self, login: Login) -> Result<(), ClientError> {
        self.state = State::NamingSecret(login);
        self.live.await_nothing();
        self.live.console.ask(Some(Prompt::secret(AGAIN)))
    }

    fn take_secret(&mut self, login: Login, typed: &str) -> Result<(), ClientError> {
        if typed.is_empty() {
            return self.ask_name();
        }
        match Password::from_bytes(typed.as_bytes()) {
            Ok(password) => self.try_login(login, Some(&password)),
            Err(error) => self.refuse_secret(login, &error),
        }
    }

    /// What was typed cannot be sent as a password; another may be.
    fn refuse_secret(&mut self, login: Login, error: &dyn Display) -> Result<(), ClientError> {
        self.live.console.say(&format!("The password cannot be used: {error}."))?;
        self.ask_secret(login)
    }

    fn takes_lines(&self) -> bool {
        matches!(self.state, State::Naming | State::NamingSecret(_) | State::Here)
            && !self.live.connection.is_behind()
    }

    fn take_typed(&mut self, typed: Typed) -> Result<(), ClientError> {
        let line = match (typed, &self.state) {
            (Typed::Line(line), _) => line,
            (Typed::Unusable(error), State::NamingSecret(login)) => {
                return self.refuse_secret(login.clone(), &error);
            }
            (Typed::Unusable(error), _) => return self.live.refuse(&error),
            (Typed::End, _) => return self.leave(),
        };
        match &self.state {
            State::NamingSecret(login) => self.take_secret(login.clone(), &line),
            _ if line.trim() == "/help" => self.help(),
            State::Naming if line.trim() == "/quit" => self.leave(),
            // Who reads the server's greeting may type the command itself.
            State::Naming => self.take_name(line.trim().strip_prefix("/setname").unwrap_or(&line)),
            _ if line.trim().is_empty() => Ok(()),
            _ if line.trim() == "/quit" => self.leave(),
            _ => match to_send(&line) {
                Ok(sent) => {
                    self.live.learn_hashtags(&line);
                    self.live.connection.send(sent.as_bytes())
                }
                Err(error) => self.live.refuse(&error),
            },
        }
    }

    /// What can be typed, without asking the server.
    fn help(&mut self) -> Result<(), ClientError> {
        self.live.console.say("A line that is not a command goes to everyone. The commands:")?;
        COMMANDS.iter().try_for_each(|command| self.live.console.say(&command.line()))
    }

    /// Remembers for Tab who is there, and what is talked about.
    fn learn_from(&mut self, line: &str) {
        let words: Vec<_> = line.split(' ').take(4).collect();
        match words[..] {
            // A row of /allusers, or the sender of what /read gives.
            [name] | [name, "has", "joined" | "left", ..] => self.live.learn_name(name),
            ["from", name, ..] => self.live.learn_name(name.trim_end_matches(':')),
            ["Message", "left", "for", name] => self.live.learn_name(name.trim_end_matches('.')),
            _ => self.live.learn_name(author(line).unwrap_or_default()),
        }
        self.live.learn_hashtags(line);
    }

    fn leave(&mut self) -> Result<(), ClientError> {
        if !matches!(self.state, State::Leaving) {
            self.live.connection.send(b"/quit")?;
        }
        self.state = State::Leaving;
        self.live.await_farewell();
        // Last: a terminal that has been closed fails.
        self.live.console.ask(None)
    }
}

/// A command goes as it is, anything else to all.
fn to_send(line: &str) -> Result<String, ClientError> {
    let text = parse_text(line.as_bytes())?;
    let sent =
        if line.starts_with('/') { line.to_owned() } else { format!("/all {}", text.as_str()) };
    if sent.len() > LINE_BYTES_MAX {
        return Err(ClientError::LineTooLong);
    }
    Ok(sent)
}

/// The server's line, safe to show, the name that it begins with in its colour:
/// `john: hello`, `john(private): hi`, `john(#tag): text`.
fn shown(line: &str, colours: Colours) -> String {
    match author(line) {
        Some(name) => format!("{}{}", colours.name(name), Safe(&line[name.len()..])),
        None => Safe(line).to_string(),
    }
}

/// The name that a line of the room begins with.
fn author(line: &str) -> Option<&str> {
    line.split_once(": ")
        .map(|(start, _)| start.split_once('(').map_or(start, |(name, _)| name))
        .filter(|name| Name::new(name).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_command_is_for_all() {
        assert_eq!(to_send("hello everyone").unwrap(), "/all hello everyone");
        assert_eq!(to_send("/private mary hi").unwrap(), "/private mary hi");
        assert_eq!(to_send(" /cmd").unwrap(), "/all  /cmd");
        assert!(matches!(to_send(&"x".repeat(8_190)), Err(ClientError::LineTooLong)));
        assert!(matches!(to_send("a\0"), Err(ClientError::Text(_))));
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
