//! The clients at a real terminal, mostly connected to a server that the test
//! plays.

mod dumb;
mod editing;
mod endings;
mod history;
mod logins;
mod mail;
mod returning;
mod together;
mod typing;

use std::net::SocketAddr;

use crate::harness::fake_server::{FakeServer, ServerEnd};
use crate::harness::terminal::Terminal;

const GREETING: &str = "Welcome to Postroom. Choose a name with /setname NAME.\n";
/// The prompt after a refused login.
const AGAIN: &str = "Password (leave empty to choose another name): ";
const RECEIPT: &str = "302 Message receipt successful";

/// A client `im` at a terminal, logged in as jacky.
struct ImTerminal {
    terminal: Terminal,
    commands: ServerEnd,
    pushes: ServerEnd,
    /// The prompt before what is typed.
    prompt: String,
}

impl ImTerminal {
    fn start() -> Self {
        Self::at(|address| Terminal::start(&im_arguments(address, &["--as", "jacky"])))
    }

    fn at(open: impl FnOnce(SocketAddr) -> Terminal) -> Self {
        let server = FakeServer::new();
        let mut terminal = open(server.address());
        let mut commands = server.accept();
        terminal.answer("Password: ", "12345");
        commands.expect("/login jacky 12345");
        let pushes = let_in(&mut commands);
        let prompt = format!("jacky@{}> ", server.address());
        terminal.wait_for(&prompt);
        Self { terminal, commands, pushes, prompt }
    }
}

/// Accepts the password and dials stream b.
fn let_in(commands: &mut ServerEnd) -> ServerEnd {
    commands.say("101 Authentication successful\n");
    let line = commands.line();
    let port = line.strip_prefix("/port ").unwrap().parse().unwrap();
    let pushes = ServerEnd::dial(SocketAddr::from(([127, 0, 0, 1], port)));
    commands.say("201 Build connection successful\n");
    pushes
}

/// A client `chat` at a terminal, in the room as john.
struct ChatTerminal {
    terminal: Terminal,
    peer: ServerEnd,
    /// The prompt before what is typed.
    prompt: String,
}

impl ChatTerminal {
    fn start() -> Self {
        Self::at(Terminal::start)
    }

    fn at(open: impl FnOnce(&[String]) -> Terminal) -> Self {
        let server = FakeServer::new();
        let mut terminal = open(&chat_arguments(server.address(), &["--as", "john"]));
        let mut peer = server.accept();
        peer.say(GREETING);
        peer.expect("/setname john");
        peer.say("Username accepted\n");
        let prompt = format!("john@{}> ", server.address());
        terminal.wait_for(&prompt);
        Self { terminal, peer, prompt }
    }
}

/// A client `im` that ends once its connection is lost.
fn im_that_stays_away() -> ImTerminal {
    ImTerminal::at(|address| {
        Terminal::start(&im_arguments(address, &["--as", "jacky", "--no-reconnect"]))
    })
}

/// The same of `chat`.
fn chat_that_stays_away() -> ChatTerminal {
    ChatTerminal::at(|arguments| {
        Terminal::start(&[arguments, &["--no-reconnect".to_owned()]].concat())
    })
}

/// The client `mail` at a terminal of this kind, once it has sent the name bob.
fn log_in_to_mail(kind: &str) -> (Terminal, ServerEnd) {
    let server = FakeServer::new();
    let arguments = client_arguments("mail", server.address(), &[]);
    let mut terminal = Terminal::start_with(&arguments, |command| {
        command.env("TERM", kind);
    });
    terminal.answer("Username: ", "bob");
    let mut peer = server.accept();
    peer.expect("LOGIN bob");
    (terminal, peer)
}

/// Expects a password from `mail`, and the name again.
fn expect_password(peer: &mut ServerEnd, password: &str) {
    peer.expect(&format!("PASS {password}"));
    peer.expect("LOGIN bob");
}

/// Expects `/exit` from `im` and answers it.
fn answer_exit(commands: &mut ServerEnd) {
    commands.expect("/exit");
    commands.say("310 Bye bye\n");
}

/// Expects `/quit` from `chat` and answers it.
fn answer_quit(peer: &mut ServerEnd) {
    peer.expect("/quit");
    peer.say("You have left the chat\n");
}

fn im_arguments(address: SocketAddr, more: &[&str]) -> Vec<String> {
    client_arguments("im", address, more)
}

fn chat_arguments(address: SocketAddr, more: &[&str]) -> Vec<String> {
    client_arguments("chat", address, more)
}

fn client_arguments(client: &str, address: SocketAddr, more: &[&str]) -> Vec<String> {
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let words = [client, &host, &port].into_iter().chain(more.iter().copied());
    words.map(str::to_owned).collect()
}
