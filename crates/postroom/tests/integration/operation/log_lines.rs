//! The log lines of connections: account, address and listener, and never the text
//! of a message.

use std::net::TcpListener;

use crate::harness::im::{LOGGED_IN, NOT_CONNECTED, log_in, login, port_of};
use crate::harness::logged::{LoggedServer, wait_until};
use crate::harness::support::Client;

/// Everything is logged, so that nothing secret can hide at a lower level.
const ALL_LEVELS: &str = "--set=log.level=trace";

fn server(arguments: &[&str]) -> LoggedServer {
    LoggedServer::start(&["bob", "jacky"], arguments)
}

fn origin(client: &Client, listener: &str) -> Vec<String> {
    let peer = client.stream().local_addr().unwrap();
    vec![format!("peer={peer} "), format!("listener={listener}")]
}

/// Waits for a line of this level with the origin of a client and all of these words.
fn wait_for_line(server: &LoggedServer, level: &str, origin: &[String], words: &[&str]) -> String {
    let mut all = vec![level];
    all.extend(origin.iter().map(String::as_str));
    all.extend(words);
    server.wait_for_log(&all)
}

#[test]
fn a_failed_login_is_a_line_with_its_reason() {
    let server = server(&[]);
    let mut im = server.connect("im");
    let from = origin(&im, "im");
    im.ask("/login bob wrong");
    wait_for_line(&server, "INFO", &from, &["login failed", "account=bob", "password"]);
    let mut mailbox = server.connect("mailbox");
    let from = origin(&mailbox, "mailbox");
    mailbox.send("LOGIN bob\n");
    assert_eq!(mailbox.rest(), "");
    wait_for_line(&server, "INFO", &from, &["login failed", "account=bob"]);
    wait_for_line(&server, "INFO", &from, &["disconnected", "the login was refused"]);
    let mut first = server.connect("im");
    assert_eq!(first.ask(&login("bob")), LOGGED_IN);
    im.ask(&login("bob"));
    wait_for_line(&server, "INFO", &origin(&im, "im"), &["login failed", "present already"]);
}

#[test]
fn each_end_of_a_connection_is_a_line_with_its_reason() {
    let server = server(&["--set=connection.login_limit_ms=400"]);
    let ended = |client: &mut Client, input: &str| {
        client.send(input);
        client.rest();
    };
    for (listener, input, level, reason) in [
        ("mailbox", "LOGIN eve\nEXIT\n", "INFO", "the client left"),
        ("mailbox", "LOGIN eve\nnonsense\n", "INFO", "broke a rule"),
        ("mailbox-verbose", "LOGIN eve\nEXIT\n", "INFO", "the client left"),
        ("chat", "/setname eve\n/quit\n", "INFO", "the client left"),
        ("board", "x\n", "INFO", "the client left"),
        ("mailbox", "", "WARN", "no login within"),
    ] {
        let mut client = server.connect(listener);
        let from = origin(&client, listener);
        ended(&mut client, input);
        drop(client);
        let line = wait_for_line(&server, level, &from, &["disconnected", reason]);
        assert_eq!(line.contains("account=eve"), input.contains("eve"), "{line}");
    }
    let reset = server.log_in("eve");
    let from = origin(&reset, "mailbox");
    reset.reset();
    wait_for_line(&server, "INFO", &from, &["disconnected", "reset", "account=eve"]);
    let mut chat = server.connect("chat");
    let from = origin(&chat, "chat");
    chat.send("/setname eve\n");
    chat.end();
    chat.rest();
    wait_for_line(&server, "INFO", &from, &["disconnected", "the client left"]);
}

#[test]
fn each_refusal_at_a_limit_is_a_warning() {
    let arguments = ["--capacity=1", "--set=accounts.max=4", "--set=channels.max=1"];
    let server = server(&arguments);
    let mut eve = server.log_in("eve");
    let from = origin(&eve, "mailbox");
    assert_eq!(eve.compose("eve", "hi"), "MESSAGE SENT");
    assert_eq!(eve.compose("eve", "hi"), "MESSAGE FAILED");
    let words = ["mailbox is full", "account=eve", "recipient=eve", "capacity=1"];
    wait_for_line(&server, "WARN", &from, &words);
    assert_eq!(eve.compose("one", "hi"), "MESSAGE SENT");
    assert_eq!(eve.compose("two", "hi"), "MESSAGE FAILED");
    wait_for_line(&server, "WARN", &from, &["the server is full", "account=eve"]);
    let mut stranger = server.connect("mailbox-verbose");
    assert_eq!(stranger.ask("LOGIN two"), "LOGIN ERROR");
    let from = origin(&stranger, "mailbox-verbose");
    wait_for_line(&server, "INFO", &from, &["login failed", "account=two"]);
    let mut reader = server.connect("board");
    reader.send("s\n#one\n");
    for tag in ["#one", "#two"] {
        let mut board = server.connect("board");
        let from = origin(&board, "board");
        board.send(&format!("u\n{tag}"));
        board.end();
        board.rest();
        if tag == "#two" {
            wait_for_line(&server, "WARN", &from, &["refused", "too many hashtags"]);
        }
    }
}

#[test]
fn a_full_disk_is_a_warning() {
    let server = server(&["--set=disk.reserve_bytes=9000000000000000000"]);
    let mut eve = server.log_in("eve");
    assert_eq!(eve.compose("eve", "hi"), "MESSAGE FAILED");
    wait_for_line(&server, "WARN", &origin(&eve, "mailbox"), &["the disk is full", "account=eve"]);
}

#[test]
fn each_dial_that_fails_is_a_line() {
    let server = server(&["--set=im.dial_limit_ms=50"]);
    let mut bob = log_in(&server, "bob");
    let from = origin(&bob, "im");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = port_of(&listener);
    drop(listener);
    assert_eq!(bob.ask(&port), NOT_CONNECTED);
    let number = port.replace("/port ", "port=");
    wait_for_line(
        &server,
        "INFO",
        &from,
        &["dialling back failed", "refused", "account=bob", &number],
    );
    assert_eq!(bob.ask("/port 22"), NOT_CONNECTED);
    wait_for_line(&server, "WARN", &from, &["dialling back refused", "below 1024", "port=22"]);
}

#[test]
fn board_connections_are_shown_with_their_address() {
    let server = server(&[]);
    for (upload, shown) in [("", "message received: Empty Message"), ("hé", "characters=2")] {
        let mut client = server.connect("board");
        let from = origin(&client, "board");
        client.send(&format!("u\n{upload}"));
        client.end();
        client.rest();
        wait_for_line(&server, "INFO", &from, &["message received", shown]);
    }
    let mut client = server.connect("board");
    let from = origin(&client, "board");
    wait_for_line(&server, "INFO", &from, &["connected"]);
    client.send("d\n");
    client.end();
    client.rest();
    wait_for_line(&server, "INFO", &from, &["disconnected"]);
}

/// A text that is stored, pushed, refused and cut, at every listener.
#[test]
fn no_text_of_a_message_is_in_the_log_at_any_level() {
    const SECRET: &str = "walrus";
    let server = server(&[ALL_LEVELS, "--capacity=1"]);
    let mut eve = server.log_in("eve");
    for _ in 0..2 {
        eve.compose("eve", SECRET);
    }
    eve.send("READ\n");
    let mut verbose = server.connect("mailbox-verbose");
    verbose.ask("LOGIN eve");
    verbose.ask(&format!("COMPOSE eve eve {SECRET}"));
    verbose.ask(SECRET);
    let mut john = server.connect("chat");
    for line in ["/setname john", "/all walrus", "/private john walrus", "/say #a walrus", "walrus"]
    {
        john.send(&format!("{line}\n"));
    }
    assert!(john.line().starts_with("Welcome"));
    let mut bob = log_in(&server, "bob");
    for line in ["/to john walrus", "/toall walrus", "walrus"] {
        bob.ask(line);
    }
    for request in ["u\nwalrus", "u\nwal\nwalrus\nrus", "walrus\n", "t\nwalrus", "d\n"] {
        let mut board = server.connect("board");
        board.send(request);
        board.end();
        board.rest();
    }
    let mut last = server.log_in("last");
    last.send("EXIT\n");
    last.rest();
    drop(last);
    server.wait_for_log(&["disconnected", "account=last"]);
    let log = server.log();
    assert!(!log.contains("rus"), "{log}");
    for secret in
        [crate::harness::logged::password("bob"), crate::harness::logged::password("jacky")]
    {
        assert!(!log.contains(&secret), "{log}");
    }
}

/// One client cannot fill the log with refusals; the lines left out are counted.
#[test]
fn beyond_twenty_a_second_refusals_of_one_peer_are_summarised() {
    const REFUSALS: usize = 3_000;
    let server = server(&["--capacity=1"]);
    let mut eve = server.log_in("eve");
    assert_eq!(eve.compose("eve", "hi"), "MESSAGE SENT");
    for _ in 0..REFUSALS / 100 {
        eve.send(&"COMPOSE eve\nhi\n".repeat(100));
        for _ in 0..100 {
            assert_eq!(eve.line(), "MESSAGE FAILED");
        }
    }
    let counted = |log: &str| {
        let lines: Vec<_> = log.lines().filter(|line| line.contains("mailbox is full")).collect();
        let left_out = lines.iter().filter_map(|line| line.split_once("left_out="));
        let left_out: usize =
            left_out.map(|(_, count)| count.trim().parse::<usize>().unwrap()).sum();
        let written = lines.iter().filter(|line| line.contains("account=eve")).count();
        (written, left_out)
    };
    wait_until("all refusals are counted", || {
        let (written, left_out) = counted(&server.log());
        written + left_out == REFUSALS
    });
    let (written, _) = counted(&server.log());
    assert!(written < REFUSALS / 4, "{written} lines");
}

#[test]
fn what_was_left_out_is_logged_when_the_server_stops() {
    let mut server = server(&["--capacity=1"]);
    let mut eve = server.log_in("eve");
    eve.send(&"COMPOSE eve\nhi\n".repeat(61));
    for _ in 0..61 {
        eve.line();
    }
    assert!(server.stop().success());
    let log = server.log();
    assert!(log.contains("left_out=40"), "{log}");
}

/// An operator may ban addresses for failed logins, so all are logged.
#[test]
fn failed_logins_are_never_left_out() {
    const FAILURES: usize = 60;
    let server = server(&[]);
    let mut verbose = server.connect("mailbox-verbose");
    verbose.send(&"LOGIN bob\n".repeat(FAILURES));
    for _ in 0..FAILURES {
        assert_eq!(verbose.line(), "LOGIN ERROR");
    }
    wait_until("each is a line", || server.log().matches("login failed").count() == FAILURES);
}
