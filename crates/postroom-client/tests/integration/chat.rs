//! The client `chat`, fed through a pipe.

use std::io::pipe;
use std::time::Duration;

use postroom_client::{
    ChatArguments, ClientError, DefaultsArguments, Environment, ServerAddress, TlsArguments,
    chat_with,
};

use crate::fake::{FakeServer, Peer, Screen, at, typed};

const GREETING: &str = "Welcome to Postroom. Choose a name with /setname NAME.\n";

fn arguments(server: &ServerAddress) -> ChatArguments {
    ChatArguments {
        server: at(server),
        name: Some("john".to_owned()),
        password_file: None,
        timeout: Duration::from_secs(20),
        no_reconnect: false,
        no_history: false,
        tls: TlsArguments::default(),
        defaults: DefaultsArguments::default(),
    }
}

/// Types `lines` and returns what was shown.
fn talk(arguments: &ChatArguments, lines: &str) -> (String, Result<(), ClientError>) {
    let mut screen = Screen::default();
    let ended = chat_with(arguments, &Environment::default(), typed(lines), &mut screen);
    (screen.text(), ended)
}

fn let_in(peer: &mut Peer) {
    peer.say(GREETING);
    peer.expect("/setname john");
    peer.say("Username accepted. See /cmd.\n");
}

fn expect_quit(mut peer: Peer) {
    peer.expect("/quit");
    peer.say("You have left the chat\n");
    peer.expect_end();
}

#[test]
fn a_script_has_every_answer_before_it_leaves() {
    let server = FakeServer::start(|mut peer| {
        let_in(&mut peer);
        peer.expect("/all hello everyone");
        peer.expect("/private mary hi");
        peer.expect("/all bye");
        // The answers come late, and only then the farewell.
        peer.expect("/quit");
        peer.say("User not found\nmary: hello john\nYou have left the chat\n");
        peer.expect_end();
    });
    let (shown, ended) =
        talk(&arguments(&server.address), "hello everyone\n/private mary hi\n\nbye\n");
    server.finish();
    ended.unwrap();
    assert_eq!(
        shown,
        format!(
            "{GREETING}Username accepted. See /cmd.\n\
             User not found\nmary: hello john\nYou have left the chat\n"
        )
    );
}

#[test]
fn a_late_greeting_is_no_mistake() {
    let server = FakeServer::start(|mut peer| {
        peer.expect("/cmd");
        peer.say(GREETING);
        peer.say("Choose a name first: /setname NAME (or /quit).\n");
        peer.expect("/setname john");
        peer.say("Username accepted. See /cmd.\n");
        expect_quit(peer);
    });
    let (_, ended) = talk(&arguments(&server.address), "");
    server.finish();
    ended.unwrap();
}

#[test]
fn what_is_typed_after_quit_is_not_sent() {
    let server = FakeServer::start(|mut peer| {
        let_in(&mut peer);
        expect_quit(peer);
    });
    let (_, ended) = talk(&arguments(&server.address), "/quit\nhello\n");
    server.finish();
    ended.unwrap();
}

#[test]
fn the_name_may_be_the_first_line_with_its_command_or_without() {
    for line in ["john", "/setname john"] {
        let server = FakeServer::start(|mut peer| {
            let_in(&mut peer);
            expect_quit(peer);
        });
        let arguments = ChatArguments { name: None, ..arguments(&server.address) };
        let (_, ended) = talk(&arguments, &format!("{line}\n"));
        server.finish();
        ended.unwrap();
    }
}

#[test]
fn a_script_whose_name_is_refused_is_told() {
    for (answer, told) in [
        ("Username john is taken.", "john is taken at"),
        ("Too many log in just now.", "refused the name john"),
    ] {
        let server = FakeServer::start(move |mut peer| {
            peer.say(GREETING);
            peer.expect("/setname john");
            peer.say(format!("{answer}\n"));
            peer.expect_end();
        });
        let (shown, ended) = talk(&arguments(&server.address), "hello\n");
        server.finish();
        assert!(shown.contains(answer), "{shown}");
        let error = ended.unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn the_password_goes_before_the_name() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "two words\n").unwrap();
    for answer in ["", "Noted.\n"] {
        let server = FakeServer::start(move |mut peer| {
            peer.say(GREETING);
            peer.expect("/pass two words");
            peer.expect("/setname john");
            peer.say(answer);
            peer.say("Username accepted\n");
            expect_quit(peer);
        });
        let arguments =
            ChatArguments { password_file: Some(file.path().into()), ..arguments(&server.address) };
        let (shown, ended) = talk(&arguments, "");
        server.finish();
        ended.unwrap();
        assert!(!shown.contains("two words"), "{shown}");
    }
}

#[test]
fn a_server_that_stops_or_goes_away_is_told_at_once() {
    for farewell in ["Server has been closed by host\n", ""] {
        let server = FakeServer::start(move |mut peer| {
            let_in(&mut peer);
            peer.say(farewell);
        });
        // Nothing is typed.
        let (reader, _open) = pipe().unwrap();
        let mut screen = Screen::default();
        let ended =
            chat_with(&arguments(&server.address), &Environment::default(), reader, &mut screen);
        server.finish();
        assert!(screen.text().ends_with(farewell), "{}", screen.text());
        match ended {
            Err(ClientError::Stopped { .. }) => assert_ne!(farewell, ""),
            Err(ClientError::Gone { .. }) => assert_eq!(farewell, ""),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn an_end_without_a_farewell_is_no_orderly_one() {
    let server = FakeServer::start(|mut peer| {
        let_in(&mut peer);
        peer.expect("/quit");
    });
    let (_, ended) = talk(&arguments(&server.address), "");
    server.finish();
    assert!(matches!(ended, Err(ClientError::Gone { .. })), "{ended:?}");
}

#[test]
fn more_than_the_socket_takes_goes_as_the_server_takes_it() {
    const LINES: usize = 2_000;
    let server = FakeServer::start(|mut peer| {
        let_in(&mut peer);
        let text = "x".repeat(8_000);
        for _ in 0..LINES {
            peer.expect(&format!("/all {text}"));
        }
        expect_quit(peer);
    });
    let (reader, mut writer) = pipe().unwrap();
    let typist = std::thread::spawn(move || {
        let line = format!("{}\n", "x".repeat(8_000));
        for _ in 0..LINES {
            std::io::Write::write_all(&mut writer, line.as_bytes()).unwrap();
        }
    });
    let ended = chat_with(
        &arguments(&server.address),
        &Environment::default(),
        reader,
        &mut Screen::default(),
    );
    typist.join().unwrap();
    server.finish();
    ended.unwrap();
}

#[test]
fn nothing_that_a_hostile_server_sends_reaches_the_terminal() {
    let server = FakeServer::start(|mut peer| {
        let_in(&mut peer);
        peer.say("mary: \u{1b}[2J\u{9b}2J\u{202e}\r\n\u{1b}]0;owned\u{7}\n");
        expect_quit(peer);
    });
    let (shown, ended) = talk(&arguments(&server.address), "");
    server.finish();
    ended.unwrap();
    assert!(shown.contains("mary: ^[[2JM-^[2J\n^[]0;owned^G\n"), "{shown:?}");

    let server = FakeServer::start(|mut peer| {
        let_in(&mut peer);
        while peer.try_say(&[b'x'; 1_000]) {}
    });
    let (reader, _open) = pipe().unwrap();
    let ended = chat_with(
        &arguments(&server.address),
        &Environment::default(),
        reader,
        &mut Screen::default(),
    );
    server.finish();
    assert!(matches!(ended, Err(ClientError::Deviation { .. })), "{ended:?}");
}

#[test]
fn what_cannot_be_sent_is_told_and_costs_no_other_line() {
    let server = FakeServer::start(|mut peer| {
        let_in(&mut peer);
        peer.expect("/all next");
        expect_quit(peer);
    });
    let lines = format!("{}\n{}\na\0b\nnext\n", "x".repeat(9_000), "x".repeat(8_190));
    let (shown, ended) = talk(&arguments(&server.address), &lines);
    server.finish();
    ended.unwrap();
    assert_eq!(shown.matches("the line is too long").count(), 2, "{shown}");
    assert!(shown.contains("the text holds a NUL"), "{shown}");
}
