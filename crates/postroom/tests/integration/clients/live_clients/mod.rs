//! The clients as a person meets them: the program at a real terminal, mostly
//! against a server that does what the test says.

mod dumb;
mod editing;
mod endings;
mod logins;
mod mail;
mod together;
mod typing;

use std::net::SocketAddr;

use crate::harness::peer::{Listener, Peer};
use crate::harness::terminal::Terminal;

const GREETING: &str = "Welcome to Postroom. Choose a name with /setname NAME.\n";
/// What asks for a password after a refused login.
const AGAIN: &str = "Password (leave empty to choose another name): ";
const RECEIPT: &str = "302 Message receipt successful";

/// A client `im` at a terminal, logged in as jacky.
struct Im {
    terminal: Terminal,
    commands: Peer,
    pushes: Peer,
    /// What stands before what is typed.
    prompt: String,
}

impl Im {
    fn start() -> Self {
        Self::at(|address| Terminal::start(&im_arguments(address, &["--as", "jacky"])))
    }

    fn at(open: impl FnOnce(SocketAddr) -> Terminal) -> Self {
        let listener = Listener::new();
        let mut terminal = open(listener.address());
        let mut commands = listener.accept();
        terminal.wait_for("Password: ");
        terminal.type_keys("12345\r");
        commands.expect("/login jacky 12345");
        let pushes = let_in(&mut commands);
        let prompt = format!("jacky@{}> ", listener.address());
        terminal.wait_for(&prompt);
        Self { terminal, commands, pushes, prompt }
    }
}

/// Says that the password was right and connects back.
fn let_in(commands: &mut Peer) -> Peer {
    commands.say("101 Authentication successful\n");
    let line = commands.line();
    let port = line.strip_prefix("/port ").unwrap().parse().unwrap();
    let pushes = Peer::dial(SocketAddr::from(([127, 0, 0, 1], port)));
    commands.say("201 Build connection successful\n");
    pushes
}

/// A client `chat` at a terminal, in the room as john.
struct Chat {
    terminal: Terminal,
    peer: Peer,
    /// What stands before what is typed.
    prompt: String,
}

impl Chat {
    fn start() -> Self {
        Self::at(Terminal::start)
    }

    fn at(open: impl FnOnce(&[String]) -> Terminal) -> Self {
        let listener = Listener::new();
        let mut terminal = open(&chat_arguments(listener.address(), &["--as", "john"]));
        let mut peer = listener.accept();
        peer.say(GREETING);
        peer.expect("/setname john");
        peer.say("Username accepted\n");
        let prompt = format!("john@{}> ", listener.address());
        terminal.wait_for(&prompt);
        Self { terminal, peer, prompt }
    }
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
