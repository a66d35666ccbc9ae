//! Clients at terminals, connected to the real server.

use tempfile::TempDir;

use super::{AGAIN, chat_arguments, im_arguments};
use crate::harness::support::{Server, run_program};
use crate::harness::terminal::Terminal;

/// A server that knows the passwords of jacky and bob.
fn server() -> (TempDir, Server) {
    let folder = TempDir::new().unwrap();
    let passwords = folder.path().join("passwords");
    std::fs::write(&passwords, "jacky 12345\nbob 54321\n").unwrap();
    let server = Server::with(&["--passwords", passwords.to_str().unwrap()]);
    (folder, server)
}

fn log_in(server: &Server, name: &str, password: &str) -> (Terminal, String) {
    let address = server.address("im");
    let mut terminal = Terminal::start(&im_arguments(address, &["--as", name, "--no-reconnect"]));
    terminal.answer("Password: ", password);
    let prompt = format!("{name}@{address}> ");
    terminal.wait_for(&prompt);
    (terminal, prompt)
}

#[test]
fn two_people_type_at_the_same_time() {
    let (_folder, mut server) = server();
    let (mut jacky, jackys) = log_in(&server, "jacky", "12345");
    let (mut bob, bobs) = log_in(&server, "bob", "54321");
    jacky.type_keys("/to bob half of a li");
    jacky.wait_for(&format!("{jackys}/to bob half of a li"));
    bob.type_keys("/to jacky Are you there?\r");
    bob.wait_for_rows(&["Delivered to jacky.", bobs.trim_end()]);
    jacky.wait_for_rows(&["bob: Are you there?", &format!("{jackys}/to bob half of a li")]);

    bob.type_keys("ano");
    jacky.type_keys("ne\r");
    bob.wait_for_rows(&["jacky: half of a line", &format!("{bobs}ano")]);
    jacky.wait_for_rows(&["Delivered to bob.", jackys.trim_end()]);

    let address = server.address("chat");
    let mut mary = Terminal::start(&chat_arguments(address, &["--as", "mary", "--no-reconnect"]));
    mary.wait_for(&format!("mary@{address}> "));
    mary.type_keys("hello everyone\r");
    bob.wait_for_rows(&["mary (to all): hello everyone", &format!("{bobs}ano")]);

    server.kill();
    for terminal in [jacky, bob, mary] {
        let (status, written) = terminal.end();
        assert_eq!(status.code(), Some(75));
        assert!(written.contains("has ended the connection"), "{written:?}");
    }
}

#[test]
fn a_server_that_stops_tells_everyone() {
    let (_folder, mut server) = server();
    let (jacky, _) = log_in(&server, "jacky", "12345");
    let address = server.address("chat");
    let mut mary = Terminal::start(&chat_arguments(address, &["--as", "mary", "--no-reconnect"]));
    mary.wait_for(&format!("mary@{address}> "));
    assert!(server.stop().success());
    for terminal in [jacky, mary] {
        let (status, written) = terminal.end();
        assert_eq!(status.code(), Some(75));
        assert!(written.contains("is stopping; connect again when it is back"), "{written:?}");
    }
}

#[test]
fn a_text_goes_up_to_the_board_and_comes_down() {
    let server = Server::start();
    let port = server.address("board").port().to_string();
    let run = |arguments: &[&str]| {
        let output = run_program([&["board"], arguments].concat(), b"");
        let told = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(told).unwrap())
    };
    let done = "Transmission Successfull...\n";
    for (text, shown) in
        [("", "Empty Message"), ("-hi #rust", "-hi #rust"), ("error: x", "error: x")]
    {
        assert_eq!(run(&["-u", "127.0.0.1", &port, text]), (Some(0), done.to_owned()));
        let expected = format!("Received Message: {shown}\n{done}");
        assert_eq!(run(&["-d", "127.0.0.1", &port]), (Some(0), expected));
    }
    let expected = format!("Received Message: -hi #rust\n{done}");
    assert_eq!(run(&["-d", "127.0.0.1", &port, "#rust"]), (Some(0), expected));
    // The original client does not read refusals, so this text must be accepted.
    assert_eq!(run(&["-u", "127.0.0.1", &port, "to #lobby"]), (Some(0), done.to_owned()));
    let (status, told) = run(&["-u", "127.0.0.1", &port, &"x".repeat(151)]);
    assert_eq!(status, Some(65));
    assert_eq!(told, "postroom: message length illegal, connection refused.\n");
}

#[test]
fn a_login_to_the_room_shows_none_of_the_commands_that_the_client_sends() {
    let (_folder, server) = server();
    let address = server.address("chat");
    let mut bob = Terminal::start(&chat_arguments(address, &["--as", "bob"]));
    let asked = "bob is taken; if the account is yours, enter its password.";
    bob.wait_for_rows(&[asked, AGAIN.trim_end()]);
    bob.type_keys("wrong\r");
    bob.wait_for_rows(&[asked, AGAIN.trim_end(), "The password is wrong.", AGAIN.trim_end()]);
    bob.type_keys("54321\r");
    bob.wait_for(&format!("bob@{address}> "));

    let mut mary = Terminal::start(&chat_arguments(address, &["--as", "mary", "--no-reconnect"]));
    mary.wait_for(&format!("mary@{address}> "));
    let mut other = Terminal::start(&chat_arguments(address, &["--as", "mary", "--no-reconnect"]));
    other.wait_for_rows(&["mary is already logged in; choose another name.", "Username:"]);
    for mut terminal in [bob, mary, other] {
        terminal.type_keys("/quit\r");
        let (status, written) = terminal.end();
        assert!(status.success());
        let (greeting, rest) = written.split_once("/setname NAME.").unwrap();
        assert!(greeting.contains("Welcome to Postroom"), "{written:?}");
        assert!(!rest.contains("/setname") && !rest.contains("/pass"), "{written:?}");
    }
}
