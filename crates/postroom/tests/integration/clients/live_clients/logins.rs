//! Names and passwords asked for at a terminal.

use super::{
    AGAIN, GREETING, answer_exit, answer_quit, chat_arguments, client_arguments, expect_password,
    im_arguments, let_in, log_in_to_mail,
};
use crate::harness::fake_server::FakeServer;
use crate::harness::terminal::Terminal;

#[test]
fn im_asks_until_it_is_let_in_and_shows_no_password() {
    let server = FakeServer::new();
    let mut terminal = Terminal::start(&im_arguments(server.address(), &[]));
    let mut commands = server.accept();
    terminal.answer("Username: ", "a:b");
    terminal.wait_for_words("cannot be used as a name");
    terminal.answer("Username: ", "jacky");
    terminal.answer("Password: ", "secret");
    commands.expect("/login jacky secret");
    commands.say("102 Authentication Failed\n");
    terminal.answer(AGAIN, "");
    terminal.answer("Username: ", "jacky");
    terminal.answer("Password: ", "secret");
    commands.expect("/login jacky secret");
    commands.say("103 You are already logged in\n");
    terminal.wait_for_words("is already logged in at");
    terminal.answer("Username: ", "jacky");
    terminal.answer("Password: ", "secret word");
    terminal.wait_for_words("a password that contains a space");
    terminal.answer(AGAIN, "secret");
    commands.expect("/login jacky secret");
    let _pushes = let_in(&mut commands);
    terminal.wait_for(&format!("jacky@{}> ", server.address()));
    terminal.type_keys("/exit\r");
    answer_exit(&mut commands);
    let (status, written) = terminal.end();
    assert!(status.success());
    assert!(!written.contains("secret"), "{written:?}");
}

#[test]
fn chat_asks_for_a_password_where_a_name_is_taken() {
    let server = FakeServer::new();
    let mut terminal = Terminal::start(&chat_arguments(server.address(), &["--as", "john"]));
    let mut peer = server.accept();
    peer.say(GREETING);
    peer.expect("/setname john");
    peer.say("The name john is taken.\n");
    terminal.answer(AGAIN, "secret");
    peer.expect("/pass secret");
    peer.expect("/setname john");
    peer.say("The name john is taken.\n");
    terminal.wait_for_words("The password is wrong.");
    terminal.answer(AGAIN, "");
    terminal.answer("Username: ", "mary");
    peer.expect("/setname mary");
    // No password would help.
    peer.say("That username is taken. Choose another: /setname NAME.\n");
    terminal.answer("Username: ", "jim");
    peer.expect("/setname jim");
    peer.say("Username accepted\n");
    terminal.wait_for(&format!("jim@{}> ", server.address()));
    terminal.type_keys("/quit\r");
    answer_quit(&mut peer);
    let (_, written) = terminal.end();
    assert!(!written.contains("secret"), "{written:?}");
}

const WRONG: [&str; 3] = ["first", "second", "third"];

/// Checks how a client ends after three wrong passwords.
fn assert_left(terminal: Terminal) {
    let (status, written) = terminal.end();
    assert_eq!(status.code(), Some(77), "{written:?}");
    assert!(written.contains("refused the login as") || written.contains("at login as"));
    for password in WRONG {
        assert!(!written.contains(password), "{written:?}");
    }
    let asked = written.rsplit("Password").next().unwrap();
    assert!(!asked.contains("Username"), "{written:?}");
}

#[test]
fn im_leaves_after_three_wrong_passwords() {
    let server = FakeServer::new();
    let mut terminal = Terminal::start(&im_arguments(server.address(), &["--as", "jacky"]));
    let mut commands = server.accept();
    for (password, prompt) in WRONG.iter().zip(["Password: ", AGAIN, AGAIN]) {
        terminal.answer(prompt, password);
        commands.expect(&format!("/login jacky {password}"));
        commands.say("102 Authentication Failed\n");
    }
    assert_left(terminal);
}

#[test]
fn chat_leaves_after_three_wrong_passwords() {
    let server = FakeServer::new();
    let mut terminal = Terminal::start(&chat_arguments(server.address(), &["--as", "john"]));
    let mut peer = server.accept();
    peer.say(GREETING);
    peer.expect("/setname john");
    for password in WRONG {
        peer.say("The name john is taken.\n");
        terminal.answer(AGAIN, password);
        peer.expect(&format!("/pass {password}"));
        peer.expect("/setname john");
    }
    peer.say("The name john is taken.\n");
    assert_left(terminal);
}

#[test]
fn mail_leaves_after_three_wrong_passwords() {
    for kind in ["xterm", "dumb"] {
        let (mut terminal, mut peer) = log_in_to_mail(kind);
        for password in WRONG {
            peer.say("LOGIN ERROR\n");
            terminal.answer(AGAIN, password);
            expect_password(&mut peer, password);
        }
        peer.say("LOGIN ERROR\n");
        assert_left(terminal);
    }
}

#[test]
fn strict_mail_connects_again_after_a_wrong_password() {
    let server = FakeServer::new();
    let arguments = client_arguments("mail", server.address(), &["--strict"]);
    let mut terminal = Terminal::start(&arguments);
    terminal.answer("Username: ", "bob");
    server.accept().expect("LOGIN bob");
    for password in WRONG {
        terminal.answer(AGAIN, password);
        let mut peer = server.accept();
        expect_password(&mut peer, password);
    }
    assert_left(terminal);
}

#[test]
fn a_password_typed_twice_is_neither_shown_nor_sent_as_words() {
    let server = FakeServer::new();
    let mut terminal = Terminal::start(&im_arguments(server.address(), &["--as", "jacky"]));
    let mut commands = server.accept();
    terminal.answer("Password: ", "secret");
    commands.expect("/login jacky secret");
    // The second line is typed before the answer arrives.
    terminal.type_keys("secret\rsec");
    commands.say("102 Authentication Failed\n");
    commands.expect("/login jacky secret");
    terminal.type_keys("secret\rsec");
    let _pushes = let_in(&mut commands);
    let prompt = format!("jacky@{}> ", server.address());
    terminal.wait_for(&prompt);
    terminal.type_keys("\u{1b}[A/list\r");
    commands.expect("/list");
    commands.say("301 jacky\n");
    terminal.wait_for_rows(&["Present: jacky.", prompt.trim_end()]);
    terminal.type_keys("/exit\r");
    answer_exit(&mut commands);
    assert!(!terminal.end().1.contains("secret"));
}

#[test]
fn mail_shows_no_password_that_is_typed_twice() {
    for kind in ["xterm", "dumb"] {
        let (mut terminal, mut peer) = log_in_to_mail(kind);
        peer.say("LOGIN ERROR\n");
        terminal.answer(AGAIN, "secret");
        expect_password(&mut peer, "secret");
        terminal.type_keys("secret\r");
        peer.say("LOGIN ERROR\n");
        expect_password(&mut peer, "secret");
        terminal.type_keys("secret\rsec");
        peer.say("Login successful. Welcome bob. You have 0 unread messages.\n");
        terminal.wait_for("Command (COMPOSE, READ or EXIT): ");
        terminal.type_keys("EXIT\r");
        peer.expect("EXIT");
        drop(peer);
        let (status, written) = terminal.end();
        assert!(status.success(), "{kind}: {written:?}");
        assert!(!written.contains("sec"), "{kind}: {written:?}");
    }
}

#[test]
fn the_end_of_the_server_is_reported_while_a_name_is_typed() {
    for arguments in [im_arguments, chat_arguments] {
        let server = FakeServer::new();
        let mut terminal = Terminal::start(&arguments(server.address(), &[]));
        let mut peer = server.accept();
        peer.say("");
        if arguments(server.address(), &[])[0] == "chat" {
            peer.say(GREETING);
        }
        terminal.wait_for("Username: ");
        terminal.type_keys("jac");
        terminal.wait_for("Username: jac");
        drop(peer);
        let (status, written) = terminal.end();
        assert_eq!(status.code(), Some(75));
        assert!(written.contains("has ended the connection"), "{written:?}");
    }
}

#[test]
fn im_that_has_answered_once_is_not_taken_for_another_listener() {
    let server = FakeServer::new();
    let mut terminal = Terminal::start(&im_arguments(server.address(), &["--as", "jacky"]));
    let mut commands = server.accept();
    terminal.answer("Password: ", "first");
    commands.expect("/login jacky first");
    commands.say("102 Authentication Failed\n");
    terminal.answer(AGAIN, "second");
    commands.expect("/login jacky second");
    drop(commands);
    let (status, written) = terminal.end();
    assert_eq!(status.code(), Some(75), "{written:?}");
    assert!(written.contains("has ended the connection"), "{written:?}");
}

#[test]
fn a_password_file_serves_the_name_after_an_invalid_one() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "secret\n").unwrap();
    let options = ["--as", "a:b", "--password-file", file.path().to_str().unwrap()];

    let server = FakeServer::new();
    let mut terminal = Terminal::start(&im_arguments(server.address(), &options));
    let mut commands = server.accept();
    terminal.answer("Username: ", "jacky");
    commands.expect("/login jacky secret");

    let server = FakeServer::new();
    let mut terminal = Terminal::start(&chat_arguments(server.address(), &options));
    let mut peer = server.accept();
    peer.say(GREETING);
    terminal.answer("Username: ", "jacky");
    peer.expect("/pass secret");
    peer.expect("/setname jacky");
}
