//! Names and passwords asked for at a terminal.

use super::peer::Listener;
use super::terminal::Terminal;
use super::{GREETING, chat_arguments, im_arguments, let_in};

#[test]
fn im_asks_until_it_is_let_in_and_shows_no_password() {
    let listener = Listener::new();
    let mut terminal = Terminal::start(&im_arguments(listener.address(), &[]));
    let mut commands = listener.accept();
    for (answer, told) in [("102", "may be wrong"), ("103", "is logged in at")] {
        terminal.wait_for("Username: ");
        terminal.type_keys("jacky\r");
        terminal.wait_for("Password: ");
        terminal.type_keys("secret\r");
        commands.expect("/login jacky secret");
        commands.say(&format!("{answer} whatever\n"));
        terminal.wait_for_words(told);
    }
    terminal.wait_for("Username: ");
    terminal.type_keys("a:b\r");
    terminal.wait_for_words("cannot be used as a name");
    terminal.type_keys("jacky\r");
    terminal.wait_for("Password: ");
    terminal.type_keys("secret\r");
    commands.expect("/login jacky secret");
    let _pushes = let_in(&mut commands);
    terminal.wait_for(&format!("jacky@{}> ", listener.address()));
    terminal.type_keys("/exit\r");
    commands.expect("/exit");
    commands.say("310 Bye bye\n");
    let (status, written) = terminal.end();
    assert!(status.success());
    assert!(!written.contains("secret"), "{written:?}");
}

#[test]
fn chat_asks_for_a_password_where_a_name_is_taken() {
    let listener = Listener::new();
    let mut terminal = Terminal::start(&chat_arguments(listener.address(), &["--as", "john"]));
    let mut peer = listener.accept();
    peer.say(GREETING);
    peer.expect("/setname john");
    peer.say("The name john is taken.\n");
    terminal.wait_for("Password (none for another name): ");
    terminal.type_keys("secret\r");
    peer.expect("/pass secret");
    peer.expect("/setname john");
    peer.say("The name john is taken.\n");
    terminal.wait_for("Username: ");
    terminal.type_keys("mary\r");
    peer.expect("/setname mary");
    peer.say("The name mary is taken.\n");
    terminal.wait_for("Password (none for another name): ");
    terminal.type_keys("\r");
    terminal.wait_for("Username: ");
    terminal.type_keys("jim\r");
    peer.expect("/setname jim");
    peer.say("Username accepted\n");
    terminal.wait_for(&format!("jim@{}> ", listener.address()));
    peer.say("Server has been closed by host\n");
    let (_, written) = terminal.end();
    assert!(!written.contains("secret"), "{written:?}");
}

#[test]
fn a_server_that_goes_away_is_told_while_a_name_is_typed() {
    for arguments in [im_arguments, chat_arguments] {
        let listener = Listener::new();
        let mut terminal = Terminal::start(&arguments(listener.address(), &[]));
        let mut peer = listener.accept();
        peer.say("");
        if arguments(listener.address(), &[])[0] == "chat" {
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
