//! The live clients at a terminal without control sequences.

use super::{
    AGAIN, GREETING, RECEIPT, answer_exit, answer_quit, chat_arguments, im_arguments, let_in,
};
use crate::harness::fake_server::FakeServer;
use crate::harness::terminal::Terminal;

fn start(arguments: &[String], kind: Option<&str>) -> Terminal {
    Terminal::start_with(arguments, |command| {
        match kind {
            Some(kind) => command.env("TERM", kind),
            None => command.env_remove("TERM"),
        };
    })
}

#[test]
fn chat_asks_in_lines_and_writes_no_sequences() {
    for kind in [Some("dumb"), Some(""), None] {
        let server = FakeServer::new();
        let mut terminal = start(&chat_arguments(server.address(), &[]), kind);
        let mut peer = server.accept();
        peer.say(GREETING);
        terminal.wait_for_rows(&[GREETING.trim_end(), "Username:", ""]);
        terminal.type_keys("john\r");
        peer.expect("/setname john");
        peer.say("The name john is taken.\n");
        terminal.wait_for_rows(&[AGAIN.trim_end(), ""]);
        terminal.type_keys("secret\r");
        peer.expect("/pass secret");
        peer.expect("/setname john");
        terminal.type_keys("secret\r");
        peer.say("Username accepted\nmary: hi\n");
        terminal.wait_for_rows(&["Username accepted", "mary: hi", ""]);
        terminal.type_keys("hello\r");
        peer.expect("/all hello");
        peer.say("mary: well\n");
        terminal.wait_for_rows(&["mary: hi", "hello", "mary: well", ""]);
        terminal.type_keys("/quit\r");
        answer_quit(&mut peer);
        let (status, written) = terminal.end();
        assert!(status.success(), "{written:?}");
        assert!(!written.contains('\u{1b}') && !written.contains("secret"), "{written:?}");
        assert!(!written.contains("john@"), "{written:?}");
    }
}

#[test]
fn im_asks_in_lines_and_writes_no_sequences() {
    let server = FakeServer::new();
    let arguments = im_arguments(server.address(), &["--as", "jacky"]);
    let mut terminal = start(&arguments, Some("dumb"));
    let mut commands = server.accept();
    terminal.wait_for_rows(&["Password:", ""]);
    terminal.type_keys("12345\r");
    commands.expect("/login jacky 12345");
    let mut pushes = let_in(&mut commands);
    terminal.wait_for_rows(&["Logged in as jacky.", ""]);
    pushes.say("/from bob hi\n");
    pushes.expect(RECEIPT);
    terminal.wait_for_rows(&["bob: hi", ""]);
    terminal.type_keys("/exit\r");
    answer_exit(&mut commands);
    let (status, written) = terminal.end();
    assert!(status.success(), "{written:?}");
    assert!(!written.contains('\u{1b}') && !written.contains("12345"), "{written:?}");
}

#[test]
fn the_terminal_is_put_back_when_a_password_is_not_typed() {
    let server = FakeServer::new();
    let arguments = im_arguments(server.address(), &["--as", "jacky"]);
    let mut terminal = start(&arguments, Some("dumb"));
    let mut commands = server.accept();
    terminal.wait_for_rows(&["Password:", ""]);
    assert!(!terminal.is_as_usual());
    terminal.type_keys("\u{3}");
    answer_exit(&mut commands);
    terminal.wait_until_as_usual();
    assert!(terminal.end().0.success());
}
