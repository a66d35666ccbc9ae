//! Names and passwords asked for at a terminal.

use super::{AGAIN, GREETING, chat_arguments, client_arguments, im_arguments, let_in};
use crate::harness::fake_server::FakeServer;
use crate::harness::terminal::Terminal;

#[test]
fn im_asks_until_it_is_let_in_and_shows_no_password() {
    let server = FakeServer::new();
    let mut terminal = Terminal::start(&im_arguments(server.address(), &[]));
    let mut commands = server.accept();
    terminal.wait_for("Username: ");
    terminal.type_keys("a:b\r");
    terminal.wait_for_words("cannot be used as a name");
    terminal.wait_for("Username: ");
    terminal.type_keys("jacky\r");
    terminal.wait_for("Password: ");
    terminal.type_keys("secret\r");
    commands.expect("/login jacky secret");
    commands.say("102 Authentication Failed\n");
    terminal.wait_for(AGAIN);
    terminal.type_keys("\r");
    terminal.wait_for("Username: ");
    terminal.type_keys("jacky\r");
    terminal.wait_for("Password: ");
    terminal.type_keys("secret\r");
    commands.expect("/login jacky secret");
    commands.say("103 You are already logged in\n");
    terminal.wait_for_words("is logged in at");
    terminal.wait_for("Username: ");
    terminal.type_keys("jacky\r");
    terminal.wait_for("Password: ");
    terminal.type_keys("secret word\r");
    terminal.wait_for_words("a password that contains a space");
    terminal.wait_for(AGAIN);
    terminal.type_keys("secret\r");
    commands.expect("/login jacky secret");
    let _pushes = let_in(&mut commands);
    terminal.wait_for(&format!("jacky@{}> ", server.address()));
    terminal.type_keys("/exit\r");
    commands.expect("/exit");
    commands.say("310 Bye bye\n");
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
    terminal.wait_for(AGAIN);
    terminal.type_keys("secret\r");
    peer.expect("/pass secret");
    peer.expect("/setname john");
    peer.say("The name john is taken.\n");
    terminal.wait_for_words("The password is wrong.");
    terminal.wait_for(AGAIN);
    terminal.type_keys("\r");
    terminal.wait_for("Username: ");
    terminal.type_keys("mary\r");
    peer.expect("/setname mary");
    // No password would help.
    peer.say("That username is taken. Choose another: /setname NAME.\n");
    terminal.wait_for("Username: ");
    terminal.type_keys("jim\r");
    peer.expect("/setname jim");
    peer.say("Username accepted\n");
    terminal.wait_for(&format!("jim@{}> ", server.address()));
    peer.say("Server has been closed by host\n");
    let (_, written) = terminal.end();
    assert!(!written.contains("secret"), "{written:?}");
}

/// What a client at a terminal ends with after three wrong passwords.
fn assert_left(terminal: Terminal, passwords: &[&str]) {
    let (status, written) = terminal.end();
    assert_eq!(status.code(), Some(77), "{written:?}");
    assert!(written.contains("refused the login as") || written.contains("at login as"));
    for password in passwords {
        assert!(!written.contains(password), "{written:?}");
    }
    let asked = written.rsplit("Password").next().unwrap();
    assert!(!asked.contains("Username"), "{written:?}");
}

const WRONG: [&str; 3] = ["first", "second", "third"];

#[test]
fn im_leaves_after_three_wrong_passwords() {
    let server = FakeServer::new();
    let mut terminal = Terminal::start(&im_arguments(server.address(), &["--as", "jacky"]));
    let mut commands = server.accept();
    for (password, prompt) in WRONG.iter().zip(["Password: ", AGAIN, AGAIN]) {
        terminal.wait_for(prompt);
        terminal.type_keys(&format!("{password}\r"));
        commands.expect(&format!("/login jacky {password}"));
        commands.say("102 Authentication Failed\n");
    }
    assert_left(terminal, &WRONG);
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
        terminal.wait_for(AGAIN);
        terminal.type_keys(&format!("{password}\r"));
        peer.expect(&format!("/pass {password}"));
        peer.expect("/setname john");
    }
    peer.say("The name john is taken.\n");
    assert_left(terminal, &WRONG);
}

#[test]
fn mail_leaves_after_three_wrong_passwords() {
    for kind in ["xterm", "dumb"] {
        let server = FakeServer::new();
        let arguments = client_arguments("mail", server.address(), &[]);
        let mut terminal = Terminal::start_with(&arguments, |command| {
            command.env("TERM", kind);
        });
        terminal.wait_for("Username: ");
        terminal.type_keys("bob\r");
        let mut peer = server.accept();
        peer.expect("LOGIN bob");
        for password in WRONG {
            peer.say("LOGIN ERROR\n");
            terminal.wait_for(AGAIN);
            terminal.type_keys(&format!("{password}\r"));
            peer.expect(&format!("PASS {password}"));
            peer.expect("LOGIN bob");
        }
        peer.say("LOGIN ERROR\n");
        assert_left(terminal, &WRONG);
    }
}

#[test]
fn strict_mail_connects_again_after_a_wrong_password() {
    let server = FakeServer::new();
    let arguments = client_arguments("mail", server.address(), &["--strict"]);
    let mut terminal = Terminal::start(&arguments);
    terminal.wait_for("Username: ");
    terminal.type_keys("bob\r");
    server.accept().expect("LOGIN bob");
    for password in WRONG {
        terminal.wait_for(AGAIN);
        terminal.type_keys(&format!("{password}\r"));
        let mut peer = server.accept();
        peer.expect(&format!("PASS {password}"));
        peer.expect("LOGIN bob");
    }
    assert_left(terminal, &WRONG);
}

#[test]
fn a_password_typed_twice_is_neither_shown_nor_sent_as_words() {
    let server = FakeServer::new();
    let mut terminal = Terminal::start(&im_arguments(server.address(), &["--as", "jacky"]));
    let mut commands = server.accept();
    terminal.wait_for("Password: ");
    terminal.type_keys("secret\r");
    commands.expect("/login jacky secret");
    // The answer takes its time, and the second line comes before it.
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
    commands.expect("/exit");
    commands.say("310 Bye bye\n");
    assert!(!terminal.end().1.contains("secret"));
}

#[test]
fn mail_shows_no_password_that_is_typed_twice() {
    for kind in ["xterm", "dumb"] {
        let server = FakeServer::new();
        let arguments = client_arguments("mail", server.address(), &[]);
        let mut terminal = Terminal::start_with(&arguments, |command| {
            command.env("TERM", kind);
        });
        terminal.wait_for("Username: ");
        terminal.type_keys("bob\r");
        let mut peer = server.accept();
        peer.expect("LOGIN bob");
        peer.say("LOGIN ERROR\n");
        terminal.wait_for(AGAIN);
        terminal.type_keys("secret\r");
        peer.expect("PASS secret");
        peer.expect("LOGIN bob");
        terminal.type_keys("secret\r");
        peer.say("LOGIN ERROR\n");
        peer.expect("PASS secret");
        peer.expect("LOGIN bob");
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
fn a_server_that_goes_away_is_told_while_a_name_is_typed() {
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
fn a_messenger_that_has_answered_is_not_taken_for_another_listener() {
    let server = FakeServer::new();
    let mut terminal = Terminal::start(&im_arguments(server.address(), &["--as", "jacky"]));
    let mut commands = server.accept();
    terminal.wait_for("Password: ");
    terminal.type_keys("first\r");
    commands.expect("/login jacky first");
    commands.say("102 Authentication Failed\n");
    terminal.wait_for(AGAIN);
    terminal.type_keys("second\r");
    commands.expect("/login jacky second");
    drop(commands);
    let (status, written) = terminal.end();
    assert_eq!(status.code(), Some(75), "{written:?}");
    assert!(written.contains("has ended the connection"), "{written:?}");
}
