//! The protocol `mailbox-verbose` as its original clients use it: commands ended by
//! a pause instead of a line feed.

use std::time::Duration;

use crate::harness::support::{PATIENCE, Server};

const VERBOSE: &str = "mailbox-verbose";
const WELCOME: &str = "Login successful with new username. Welcome bob";
const NONE: &str = "No More Unread Messages.";

const SHORT: Duration = Duration::from_millis(100);

fn server_with_short_pause() -> Server {
    Server::with(&["--set=connection.pause_ms=100"])
}

#[test]
fn a_client_that_never_sends_a_line_feed_is_answered_after_the_pause() {
    let server = Server::start();
    let begun = std::time::Instant::now();
    let mut bob = server.connect(VERBOSE);
    bob.send("LOGIN bob");
    assert_eq!(bob.line(), WELCOME);
    assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
    bob.send("COMPOSE bob bob Hi there");
    assert_eq!(bob.line(), "MESSAGE SENT SUCCESSFULLY.");
    bob.send("READ bob");
    assert_eq!(bob.line(), "0 bob Hi there");
    bob.send("READ bob");
    assert_eq!(bob.line(), NONE);
    bob.send("EXIT");
    assert_eq!(bob.rest(), "");
}

#[test]
fn an_empty_text_is_sent_as_nothing_after_the_recipient() {
    let server = server_with_short_pause();
    let mut bob = server.connect(VERBOSE);
    bob.send("LOGIN bob");
    assert_eq!(bob.line(), WELCOME);
    for command in ["COMPOSE bob bob ", "COMPOSE bob bob"] {
        bob.send(command);
        assert_eq!(bob.line(), "MESSAGE SENT SUCCESSFULLY.", "{command:?}");
        bob.send("READ bob");
        assert_eq!(bob.line(), "0 bob ");
    }
}

#[test]
fn an_empty_body_is_a_message_of_mailbox_too() {
    let server = Server::start();
    let mut bob = server.log_in("bob");
    assert_eq!(bob.compose("bob", ""), "MESSAGE SENT");
    assert_eq!(bob.compose("bob", "EXIT"), "MESSAGE SENT");
    assert_eq!(bob.read(), Some(("bob".into(), String::new())));
    assert_eq!(bob.read(), Some(("bob".into(), "EXIT".into())));
}

#[test]
fn a_carriage_return_before_the_line_feed_is_dropped() {
    let server = Server::start();
    let mut bob = server.connect(VERBOSE);
    assert_eq!(bob.ask("LOGIN bob\r"), WELCOME);
    assert_eq!(bob.ask("COMPOSE bob bob Hi there\r"), "MESSAGE SENT SUCCESSFULLY.");
    assert_eq!(bob.ask("READ bob\r"), "0 bob Hi there");
    assert_eq!(bob.ask("READ bob\r"), NONE);
    let mut bob = server.connect("mailbox");
    assert_eq!(bob.ask("LOGIN bob\r"), "0");
    assert_eq!(bob.compose("bob\r", "telnet\r"), "MESSAGE SENT");
    assert_eq!(bob.ask("READ\r"), "bob");
    assert_eq!(bob.line(), "telnet");
    bob.send("EXIT\r\n");
    assert_eq!(bob.rest(), "");
}

/// Has bob send himself a text, in commands that end with this and a pause.
fn assert_pauses_end_commands(end: &str, text: &str) {
    let server = server_with_short_pause();
    let mut bob = server.connect(VERBOSE);
    bob.send(&format!("LOGIN bob{end}"));
    assert_eq!(bob.line(), WELCOME);
    bob.send(&format!("COMPOSE bob bob {text}{end}"));
    assert_eq!(bob.line(), "MESSAGE SENT SUCCESSFULLY.");
    bob.send(&format!("READ bob{end}"));
    assert_eq!(bob.line(), format!("0 bob {text}"));
}

#[test]
fn a_carriage_return_at_a_pause_is_dropped() {
    assert_pauses_end_commands("\r", "Hi");
}

#[test]
fn a_command_of_1024_bytes_is_ended_by_a_pause() {
    assert_pauses_end_commands("", &"x".repeat(1_024 - "COMPOSE bob bob ".len()));
}

#[test]
fn a_longer_command_is_not_ended_by_a_pause() {
    let server = server_with_short_pause();
    let mut bob = server.connect(VERBOSE);
    bob.send("LOGIN bob");
    assert_eq!(bob.line(), WELCOME);
    let text = "x".repeat(1_025 - "COMPOSE bob bob ".len());
    bob.send(&format!("COMPOSE bob bob {text}"));
    assert!(bob.is_silent_for(3 * SHORT));
    bob.send("yz\n");
    assert_eq!(bob.line(), "MESSAGE SENT SUCCESSFULLY.");
    assert_eq!(bob.ask("READ bob"), format!("0 bob {text}yz"));
}

#[test]
fn a_client_that_has_sent_one_line_feed_is_no_longer_paused() {
    let server = server_with_short_pause();
    let mut bob = server.connect(VERBOSE);
    assert_eq!(bob.ask("LOGIN bob"), WELCOME);
    bob.send("READ b");
    assert!(bob.is_silent_for(3 * SHORT));
    assert_eq!(bob.ask("ob"), NONE);
    // Also if the line feed came after commands without one.
    let mut bob = server.connect(VERBOSE);
    bob.send("LOGIN bob");
    bob.line();
    assert_eq!(bob.ask("READ bob"), NONE);
    bob.send("READ b");
    assert!(bob.is_silent_for(3 * SHORT));
    assert_eq!(bob.ask("ob"), NONE);
}

#[test]
fn bytes_that_keep_coming_are_one_command() {
    let pause = Duration::from_secs(1);
    let server = Server::with(&["--set=connection.pause_ms=1000"]);
    let mut bob = server.connect(VERBOSE);
    let begun = std::time::Instant::now();
    for byte in "LOGIN bob".bytes() {
        // Each comes well within the pause, and all together take longer.
        assert!(bob.stream().peek_within(Duration::from_millis(150)).is_none());
        bob.send_bytes(&[byte]);
    }
    assert_eq!(bob.line(), WELCOME);
    assert!(begun.elapsed() > pause + Duration::from_millis(1_200));
}

#[test]
fn mailbox_does_not_know_the_pause() {
    let server = server_with_short_pause();
    let mut bob = server.connect("mailbox");
    bob.send("LOGIN bo");
    assert!(bob.is_silent_for(3 * SHORT));
    assert_eq!(bob.ask("b"), "0");
    bob.send("COMPOSE bob\nHi th");
    assert!(bob.is_silent_for(3 * SHORT));
    assert_eq!(bob.ask("ere"), "MESSAGE SENT");
    // A half-close does not make a command of half a line either.
    bob.send("READ");
    bob.end();
    assert_eq!(bob.rest(), "");
    assert_eq!(server.log_in("bob").read(), Some(("bob".into(), "Hi there".into())));
}

#[test]
fn the_end_of_the_clients_side_ends_its_last_command() {
    let server = Server::with(&["--set=connection.pause_ms=60000"]);
    let mut bob = server.connect(VERBOSE);
    bob.send("LOGIN bob");
    bob.end();
    assert_eq!(bob.rest(), format!("{WELCOME}\n"));
}

/// What comes within a time, if anything does.
trait PeekWithin {
    fn peek_within(&self, time: Duration) -> Option<u8>;
}

impl PeekWithin for std::net::TcpStream {
    fn peek_within(&self, time: Duration) -> Option<u8> {
        let mut byte = [0];
        self.set_read_timeout(Some(time)).unwrap();
        let got = self.peek(&mut byte).ok().filter(|length| *length > 0);
        self.set_read_timeout(Some(PATIENCE)).unwrap();
        got.map(|_| byte[0])
    }
}
