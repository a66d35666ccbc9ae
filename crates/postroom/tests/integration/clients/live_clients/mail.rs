//! The client `mail` at a terminal: it edits lines as the live clients do, and puts
//! the terminal back while it waits for an answer.

use super::{AGAIN, client_arguments, expect_password, log_in_to_mail};
use crate::harness::fake_server::{FakeServer, ServerEnd};
use crate::harness::terminal::Terminal;

const COMMAND: &str = "Command (COMPOSE, READ or EXIT): ";

/// The client at a terminal of this kind, logged in as bob.
fn start(kind: &str) -> (Terminal, ServerEnd) {
    let (mut terminal, mut peer) = log_in_to_mail(kind);
    peer.say("Login successful with new username. Welcome bob\n");
    terminal.wait_for(COMMAND);
    (terminal, peer)
}

#[test]
fn lines_are_edited_and_secrets_are_not_shown() {
    let server = FakeServer::new();
    let mut terminal = Terminal::start(&client_arguments("mail", server.address(), &[]));
    terminal.wait_for("Username: ");
    // Typing a name may take long, so the client connects after it.
    server.assert_unused();
    terminal.type_keys("bb\u{1b}[Do\r");
    let mut peer = server.accept();
    peer.expect("LOGIN bob");
    peer.say("LOGIN ERROR\n");
    terminal.answer(AGAIN, "secret");
    expect_password(&mut peer, "secret");
    peer.say("Login successful. Welcome bob. You have 0 unread messages.\n");
    terminal.wait_for(COMMAND);
    terminal.type_keys("\u{4}");
    peer.expect("EXIT");
    drop(peer);
    let (status, written) = terminal.end();
    assert!(status.success());
    assert!(!written.contains("secret"), "{written:?}");
}

#[test]
fn a_terminal_without_control_sequences_is_sent_none() {
    let (mut terminal, mut peer) = start("dumb");
    terminal.type_keys("READ\r");
    peer.expect("READ bob");
    peer.say("No More Unread Messages.\n");
    terminal.wait_for_rows(&["No More Unread Messages.", COMMAND.trim_end()]);
    terminal.type_keys("EXIT\r");
    peer.expect("EXIT");
    drop(peer);
    let (status, written) = terminal.end();
    assert!(status.success());
    assert!(!written.contains('\u{1b}'), "{written:?}");
}

#[test]
fn ctrl_c_ends_the_wait_for_an_answer() {
    let (mut terminal, mut peer) = start("xterm");
    terminal.type_keys("READ\r");
    peer.expect("READ bob");
    assert!(terminal.is_as_usual());
    terminal.type_keys("\u{3}");
    assert!(terminal.end().0.success());
    peer.expect_reset();
}

#[test]
fn the_name_of_the_command_line_is_tried_first_and_another_asked_for() {
    let server = FakeServer::new();
    let arguments = client_arguments("mail", server.address(), &["--as", "dora"]);
    let mut terminal = Terminal::start(&arguments);
    let mut peer = server.accept();
    peer.expect("LOGIN dora");
    peer.say("LOGIN ERROR\n");
    terminal.answer(AGAIN, "");
    terminal.answer("Username: ", "bob");
    peer.expect("LOGIN bob");
    peer.say("Login successful with new username. Welcome bob\n");
    terminal.answer(COMMAND, "EXIT");
    peer.expect("EXIT");
    drop(peer);
    assert!(terminal.end().0.success());
}
