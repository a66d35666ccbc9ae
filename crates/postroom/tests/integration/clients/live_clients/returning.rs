//! A connection that is lost: the clients come back, with the line that is being typed, the
//! hashtags that were joined and the password that they have; and they leave at once.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::process::Signal;
use socket2::{Domain, Socket, Type};
use tempfile::NamedTempFile;

use super::{GREETING, answer_quit, chat_arguments, im_arguments, let_in};
use crate::harness::fake_server::{FakeServer, ServerEnd};
use crate::harness::support::{Server, lasting_address};
use crate::harness::terminal::Terminal;

/// Lets john into the chat.
fn greet(server: &FakeServer) -> ServerEnd {
    let mut peer = server.accept();
    peer.say(GREETING);
    peer.expect("/setname john");
    peer.say("Username accepted\n");
    peer
}

/// A client `chat` at a terminal, in the room as john; and its prompt.
fn chat(server: &FakeServer) -> (Terminal, ServerEnd, String) {
    let mut terminal = Terminal::start(&chat_arguments(server.address(), &["--as", "john"]));
    let peer = greet(server);
    let prompt = format!("john@{}> ", server.address());
    terminal.wait_for(&prompt);
    (terminal, peer, prompt)
}

#[test]
fn the_line_and_the_hashtags_come_back() {
    let server = FakeServer::new();
    let (mut terminal, mut peer, prompt) = chat(&server);
    terminal.type_keys("/join #rust\r/join #ruby\r/join #c\r/leave #c\r");
    for (command, answer) in [
        ("/join #rust", "You are in #rust now.\n"),
        ("/join #ruby", "You are in #ruby now.\n"),
        ("/join #c", "You are in #c now.\n"),
        ("/leave #c", "You have left #c.\n"),
    ] {
        peer.expect(command);
        peer.say(answer);
    }
    // Nobody else can join for this client.
    peer.say("mary: You are in #ada now.\n");
    terminal.type_keys("half a lne\u{1b}[D\u{1b}[D");
    terminal.wait_for_rows(&[&format!("{prompt}half a lne")]);
    peer.say("Server has been closed by host\n");
    drop(peer);
    terminal.wait_for_words("is stopping. Connecting again");
    terminal.wait_for_words(&format!("(not connected) {prompt}half a lne"));
    terminal.type_keys("i");

    let mut peer = greet(&server);
    peer.expect("/join #rust");
    peer.expect("/join #ruby");
    peer.say("You are in #rust now.\nYou are in #ruby now.\n");
    let row = format!("{prompt}half a line");
    terminal.wait_for_rows(&["You are in #rust now.", "You are in #ruby now.", &row]);
    terminal.type_keys("\r");
    peer.expect("/all half a line");

    // And once more, without a word of the server.
    terminal.wait_for(&prompt);
    drop(peer);
    let mut peer = greet(&server);
    peer.expect("/join #rust");
    peer.expect("/join #ruby");
    terminal.wait_for(&prompt);
    terminal.type_keys("/quit\r");
    answer_quit(&mut peer);
    let (status, written) = terminal.end();
    assert!(status.success());
    assert_eq!(written.matches("Connected again; what was said").count(), 2, "{written:?}");
    // The greeting is for the first time.
    assert_eq!(written.matches("Welcome to Postroom").count(), 1, "{written:?}");
}

#[test]
fn what_may_have_arrived_is_named_and_not_sent_again() {
    let server = FakeServer::new();
    let (mut terminal, mut peer, prompt) = chat(&server);
    terminal.type_keys("hello\r/passwd old secret\r");
    peer.expect("/all hello");
    peer.expect("/passwd old secret");
    drop(peer);
    terminal.wait_for_words("Perhaps lost, and not sent again: hello");
    terminal.wait_for_words("Perhaps lost, and not sent again: /passwd");
    let mut peer = greet(&server);
    terminal.wait_for(&prompt);
    terminal.type_keys("next\r");
    peer.expect("/all next");
    terminal.type_keys("/quit\r");
    answer_quit(&mut peer);
    let (_, written) = terminal.end();
    assert_eq!(written.matches("again: /passwd old").count(), 0, "{written:?}");

    let server = FakeServer::new();
    let (mut terminal, mut commands, pushes, prompt) = im(&server);
    terminal.type_keys("/to bob one\r");
    commands.expect("/to bob one");
    commands.say("303 Message delivery successful\n");
    terminal.wait_for_words("Delivered to bob.");
    terminal.type_keys("/to bob two\r");
    commands.expect("/to bob two");
    drop((commands, pushes));
    terminal.wait_for_words("Perhaps lost, and not sent again: /to bob two");
    let mut commands = server.accept();
    commands.expect("/login jacky 12345");
    let _pushes = let_in(&mut commands);
    terminal.wait_for(&prompt);
    terminal.type_keys("/list\r");
    commands.expect("/list");
    terminal.type_keys("\u{3}\u{3}");
    let (_, written) = terminal.end();
    assert!(!written.contains("again: /to bob one"), "{written:?}");
}

/// A client `im` at a terminal, logged in as jacky with a password that was typed.
fn im(server: &FakeServer) -> (Terminal, ServerEnd, ServerEnd, String) {
    let mut terminal = Terminal::start(&im_arguments(server.address(), &["--as", "jacky"]));
    let mut commands = server.accept();
    terminal.answer("Password: ", "12345");
    commands.expect("/login jacky 12345");
    let pushes = let_in(&mut commands);
    let prompt = format!("jacky@{}> ", server.address());
    terminal.wait_for(&prompt);
    (terminal, commands, pushes, prompt)
}

#[test]
fn a_line_that_is_finished_too_early_stays() {
    let address = lasting_address();
    let server = FakeServer::at(address);
    let (mut terminal, peer, prompt) = chat(&server);
    drop((server, peer));
    terminal.wait_for_words("Connection lost: ");
    terminal.type_keys("early\r");
    terminal.wait_for_words("Not sent: there is no connection yet.");
    terminal.wait_for_words(&format!("(not connected) {prompt}early"));
    // The obstacle is told once, however often it is met.
    terminal.wait_for_words("refuses connections.");
    terminal.type_keys("\u{15}/help\r");
    terminal.wait_for_words("/allusers");
    terminal.type_keys("\u{19}");
    let server = FakeServer::at(address);
    let mut peer = greet(&server);
    terminal.wait_for(&format!("{prompt}early"));
    terminal.type_keys("\r");
    peer.expect("/all early");
    terminal.type_keys("/quit\r");
    answer_quit(&mut peer);
    let (_, written) = terminal.end();
    assert_eq!(written.matches("refuses connections.").count(), 1, "{written:?}");
}

#[test]
fn a_refusal_that_stays_ends_the_client() {
    let server = FakeServer::new();
    let (terminal, commands, pushes, _) = im(&server);
    drop((commands, pushes));
    let mut commands = server.accept();
    commands.expect("/login jacky 12345");
    commands.say("102 Authentication Failed\n");
    let (status, written) = terminal.end();
    assert_eq!(status.code(), Some(77), "{written:?}");
    assert!(written.contains("refused the login as jacky"), "{written:?}");
    assert!(!written.contains("12345"), "{written:?}");

    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "old\n").unwrap();
    let options = ["--as", "john", "--password-file", file.path().to_str().unwrap()];
    let server = FakeServer::new();
    let mut terminal = Terminal::start(&chat_arguments(server.address(), &options));
    let accept = |password: &str, answer: &str| {
        let mut peer = server.accept();
        peer.say(GREETING);
        peer.expect(&format!("/pass {password}"));
        peer.expect("/setname john");
        peer.say(answer);
        peer
    };
    let mut peer = accept("old", "Username accepted\n");
    terminal.wait_for(&format!("john@{}> ", server.address()));
    // The new password is the one to come back with, once the server has taken it.
    terminal.type_keys("/passwd old new one\r");
    peer.expect("/passwd old new one");
    peer.say("Your password is changed.\n");
    terminal.wait_for_words("Your password is changed.");
    drop(peer);
    let peer = accept("new one", "Username accepted\n");
    terminal.wait_for_words("Connected again");
    drop(peer);
    // The old session is still there: that passes.
    drop(accept("new one", "That username is taken. Choose another: /setname NAME.\n"));
    terminal.wait_for_words("john is still logged in");
    let _peer =
        accept("new one", "That username is taken. Choose another, or give its password.\n");
    let (status, written) = terminal.end();
    assert_eq!(status.code(), Some(77), "{written:?}");
    assert!(written.contains("refused the login as john"), "{written:?}");
}

#[test]
fn a_person_leaves_at_once_while_there_is_no_connection() {
    for way in ["\u{3}", "\u{4}", "half\u{3}\u{3}", "/quit\r", ""] {
        let server = FakeServer::at(lasting_address());
        let (mut terminal, peer, _) = chat(&server);
        drop((server, peer));
        terminal.wait_for_words("(not connected) ");
        if way.is_empty() {
            terminal.signal(Signal::TERM);
        } else {
            terminal.type_keys(way);
        }
        terminal.wait_until_as_usual();
        let (status, written) = terminal.end();
        assert!(status.success(), "{way:?} {written:?}");
        assert!(!written.contains("postroom: "), "{written:?}");
    }
}

/// A listener at this address that completes no more connections.
fn full_listener(address: SocketAddr) -> (Socket, Vec<TcpStream>) {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.set_reuse_address(true).unwrap();
    listener.bind(&address.into()).unwrap();
    listener.listen(0).unwrap();
    let short = Duration::from_millis(200);
    let waiting = std::iter::from_fn(|| TcpStream::connect_timeout(&address, short).ok());
    let waiting = waiting.take(10).collect();
    (listener, waiting)
}

#[test]
fn keys_work_while_a_connection_is_tried() {
    let address = lasting_address();
    let server = FakeServer::at(address);
    let (mut terminal, peer, prompt) = chat(&server);
    drop((server, peer));
    let _full = full_listener(address);
    terminal.wait_for_words("(not connected) ");
    // Long enough for the pause to be over: what follows is typed during the attempt.
    std::thread::sleep(Duration::from_millis(1_500));
    terminal.type_keys("seen at once");
    terminal.wait_for_words(&format!("(not connected) {prompt}seen at once"));
    terminal.type_keys("\u{3}\u{3}");
    assert!(terminal.end().0.success());
}

#[test]
fn clients_come_back_to_a_server_that_is_started_again() {
    let passwords = NamedTempFile::new().unwrap();
    std::fs::write(passwords.path(), "jacky 12345\n").unwrap();
    let (chat_at, im_at) = (lasting_address(), lasting_address());
    let arguments = [
        "--passwords".to_owned(),
        passwords.path().to_str().unwrap().to_owned(),
        format!("--listen=chat={chat_at}"),
        format!("--listen=im={im_at}"),
        "--listen=board=127.0.0.1:0".to_owned(),
    ];
    let mut server = Server::with(&arguments.each_ref().map(String::as_str));
    let mut mary = Terminal::start(&chat_arguments(server.address("chat"), &["--as", "mary"]));
    let mary_prompt = format!("mary@{chat_at}> ");
    mary.answer(&mary_prompt, "/join #rust");
    mary.wait_for_words("You are in #rust now.");
    let mut jacky = Terminal::start(&im_arguments(server.address("im"), &["--as", "jacky"]));
    jacky.answer("Password: ", "12345");
    let jacky_prompt = format!("jacky@{im_at}> ");
    jacky.wait_for(&jacky_prompt);
    for ending in ["stopped", "killed"] {
        mary.type_keys("/say #rust hal");
        mary.wait_for(&format!("{mary_prompt}/say #rust hal"));
        if ending == "stopped" {
            server.stop();
        } else {
            server.kill();
        }
        mary.wait_for_words(&format!("(not connected) {mary_prompt}/say #rust hal"));
        jacky.wait_for(&format!("(not connected) {jacky_prompt}"));
        server.restart();
        mary.wait_for(&format!("{mary_prompt}/say #rust hal"));
        jacky.wait_for(&jacky_prompt);
        mary.type_keys(&format!("lo {ending}\r"));
        mary.wait_for_words(&format!("/say #rust hallo {ending}"));
        mary.wait_for_words("Said in #rust.");
        jacky.type_keys(&format!("/to mary {ending}\r"));
        mary.wait_for_words(&format!("jacky(private): {ending}"));
        jacky.wait_for_words("Delivered to mary.");
    }
    let mut board = server.connect("board");
    board.send("t\n#rust\n");
    assert_eq!(board.rest(), "mary: hallo stopped\nmary: hallo killed\n");
}
