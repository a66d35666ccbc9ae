//! The client `im`, fed through a pipe.

use std::io::{Write as _, pipe};
use std::sync::mpsc;
use std::time::Duration;

use postroom_client::{
    ClientError, DefaultsArguments, Environment, ImArguments, ServerAddress, TlsArguments, im_with,
};
use tempfile::NamedTempFile;

use crate::fake::{FakeServer, Peer, Screen, at, typed};

const RECEIPT: &str = "302 Message receipt successful";

/// A password file and the arguments that name it.
fn arguments(server: &ServerAddress) -> (NamedTempFile, ImArguments) {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "12345\n").unwrap();
    let arguments = ImArguments {
        server: at(server),
        name: Some("jacky".to_owned()),
        password_file: Some(file.path().into()),
        timeout: Duration::from_secs(20),
        no_reconnect: false,
        no_history: false,
        tls: TlsArguments::default(),
        defaults: DefaultsArguments::default(),
    };
    (file, arguments)
}

/// Types `lines` and returns what was shown.
fn talk(server: &ServerAddress, lines: &str) -> (String, Result<(), ClientError>) {
    let (_file, arguments) = arguments(server);
    let mut screen = Screen::default();
    let ended = im_with(&arguments, &Environment::default(), typed(lines), &mut screen);
    (screen.text(), ended)
}

/// Lets jacky in and returns the connection back.
fn let_in(peer: &mut Peer) -> Peer {
    peer.expect("/login jacky 12345");
    peer.say("101 Authentication successful\n");
    let line = peer.line();
    let port = line.strip_prefix("/port ").unwrap().parse().unwrap();
    let pushes = Peer::dial(port);
    peer.say("201 Build connection successful\n");
    pushes
}

fn expect_exit(mut peer: Peer, pushes: Peer) {
    peer.expect("/exit");
    peer.say("310 Bye bye\n");
    drop(pushes);
    peer.expect_end();
}

#[test]
fn a_script_has_every_answer_before_it_leaves() {
    let server = FakeServer::start(|mut peer| {
        let pushes = let_in(&mut peer);
        peer.expect("/to bob Hello there");
        peer.say("303 Message delivery successful\n");
        peer.expect("/to carol Hello");
        peer.say("304 Message delivery failed\n");
        peer.expect("/toall At 3pm?");
        peer.say("303 Message delivery successful\n");
        peer.expect("/toall again");
        peer.say("304 Message delivery failed\n");
        peer.expect("/list");
        peer.say("301 jacky bob\n");
        expect_exit(peer, pushes);
    });
    let (shown, ended) = talk(
        &server.address,
        "/to bob Hello there\n/to carol Hello\nhello\n/to Jacky hi\n\n/toall At 3pm?\n/toall again\n/list",
    );
    server.finish();
    ended.unwrap();
    assert_eq!(
        shown,
        "Logged in as jacky.\n\
         Delivered to bob.\n\
         Not confirmed by carol: absent or unknown, or no answer in time.\n\
         \"hello\" is not a command: use /to NAME TEXT, /toall TEXT, /list, /help or /exit.\n\
         Nothing was sent: this is your own name.\n\
         Delivered to everyone.\n\
         Not confirmed by everyone: no answer in time, or the server's disk is full.\n\
         Present: jacky, bob.\n"
    );
}

#[test]
fn a_message_is_confirmed_once_it_is_shown() {
    let screen = Screen::default();
    let seen = screen.clone();
    let server = FakeServer::start(move |mut peer| {
        let mut pushes = let_in(&mut peer);
        for (push, shown) in [
            ("/from bob Hello there", "bob: Hello there\n"),
            ("/broadcast bob At 3pm?", "bob (to all): At 3pm?\n"),
            ("/broadcastfrom carol No", "carol (to all): No\n"),
            ("/from bob \u{1b}]0;owned\u{7}\u{202e}", "bob: ^[]0;owned^G\n"),
        ] {
            pushes.say(format!("{push}\n"));
            pushes.expect(RECEIPT);
            let text = seen.text();
            assert!(text.ends_with(shown), "{text:?}");
        }
        // Both at once, in two pieces.
        pushes.say("/from bob one\n/from b");
        pushes.expect(RECEIPT);
        pushes.say("ob two\n");
        pushes.expect(RECEIPT);
        pushes.say("/forceQuit\n");
        peer.expect_end();
    });
    let (reader, _open) = pipe().unwrap();
    let (_file, arguments) = arguments(&server.address);
    let ended = im_with(&arguments, &Environment::default(), reader, &mut screen.clone());
    server.finish();
    assert!(matches!(ended, Err(ClientError::Stopped { .. })), "{ended:?}");
    assert!(screen.text().ends_with("bob: one\nbob: two\n"));
}

#[test]
fn messages_are_shown_while_an_answer_is_awaited() {
    let screen = Screen::default();
    let server = FakeServer::start(|mut peer| {
        let mut pushes = let_in(&mut peer);
        peer.expect("/to bob hi");
        pushes.say("/from bob hello\n");
        pushes.expect(RECEIPT);
        peer.say("303 Message delivery successful\n");
        expect_exit(peer, pushes);
    });
    let (_file, arguments) = arguments(&server.address);
    let ended = im_with(
        &arguments,
        &Environment::default(),
        typed("/to bob hi\nbye\n/list\n"),
        &mut screen.clone(),
    );
    server.finish();
    ended.unwrap();
    assert_eq!(screen.text(), "Logged in as jacky.\nbob: hello\nDelivered to bob.\n");
}

#[test]
fn a_script_that_is_not_let_in_is_told_why() {
    for (code, told) in [("102", "the password may be wrong"), ("103", "logged in at")] {
        let server = FakeServer::start(move |mut peer| {
            peer.expect("/login jacky 12345");
            peer.say(format!("{code} whatever\n"));
            peer.expect_end();
        });
        let (_, ended) = talk(&server.address, "/list\n");
        server.finish();
        let error = ended.unwrap_err().to_string();
        assert!(error.contains(told) && error.contains("jacky"), "{error}");
    }
}

#[test]
fn a_client_that_cannot_be_dialled_says_what_that_means() {
    let server = FakeServer::start(|mut peer| {
        peer.expect("/login jacky 12345");
        peer.say("101 Authentication successful\n");
        assert!(peer.line().starts_with("/port "));
        peer.say("202 Build connection failed\n");
        peer.expect_end();
    });
    let (_, ended) = talk(&server.address, "/list\n");
    server.finish();
    let error = ended.unwrap_err();
    assert!(matches!(error, ClientError::NotDialledBack { .. }), "{error:?}");
    assert!(error.to_string().contains("could not connect back"), "{error}");
}

#[test]
fn a_server_that_goes_away_is_told_at_once() {
    for stream in ["a", "b"] {
        let (gone, has_gone) = mpsc::channel::<()>();
        let server = FakeServer::start(move |mut peer| {
            let pushes = let_in(&mut peer);
            // The other stream stays open until the client has ended.
            let _kept = if stream == "a" {
                drop(peer);
                pushes
            } else {
                drop(pushes);
                peer
            };
            let _ = has_gone.recv();
        });
        // Nothing is typed.
        let (reader, _open) = pipe().unwrap();
        let (_file, arguments) = arguments(&server.address);
        let ended = im_with(&arguments, &Environment::default(), reader, &mut Screen::default());
        drop(gone);
        server.finish();
        assert!(matches!(ended, Err(ClientError::Gone { .. })), "{stream}: {ended:?}");
    }
}

#[test]
fn a_script_without_a_password_is_told_to_give_one() {
    let server = FakeServer::start(|mut peer| peer.expect_end());
    let (_file, mut arguments) = arguments(&server.address);
    arguments.password_file = None;
    let ended =
        im_with(&arguments, &Environment::default(), typed("/list\n"), &mut Screen::default());
    server.finish();
    assert!(matches!(ended, Err(ClientError::PasswordMissing { .. })), "{ended:?}");
}

#[test]
fn the_name_may_be_the_first_line() {
    let server = FakeServer::start(|mut peer| {
        let pushes = let_in(&mut peer);
        expect_exit(peer, pushes);
    });
    let (_file, mut arguments) = arguments(&server.address);
    arguments.name = None;
    let (reader, mut writer) = pipe().unwrap();
    writer.write_all(b"jacky\r\nexit\r\n").unwrap();
    let ended = im_with(&arguments, &Environment::default(), reader, &mut Screen::default());
    server.finish();
    ended.unwrap();
}

#[test]
fn what_is_no_answer_ends_the_client() {
    for (answer, told) in [
        ("hello", "it answered /login with \"hello\""),
        ("201 Build connection successful", "it answered /login"),
        ("101\u{1b}[2J", "^[[2J"),
    ] {
        let server = FakeServer::start(move |mut peer| {
            peer.expect("/login jacky 12345");
            peer.say(format!("{answer}\n"));
            peer.expect_end();
        });
        let (_, ended) = talk(&server.address, "");
        server.finish();
        let error = ended.unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
        assert!(!error.contains('\u{1b}'));
    }
}

#[test]
fn a_silent_server_is_waited_for_no_longer_than_the_time_out() {
    let server = FakeServer::start(|mut peer| {
        peer.expect("/login jacky 12345");
        peer.expect_end();
    });
    let (_file, mut arguments) = arguments(&server.address);
    arguments.timeout = Duration::from_millis(50);
    let ended = im_with(&arguments, &Environment::default(), typed(""), &mut Screen::default());
    server.finish();
    assert!(matches!(ended, Err(ClientError::TimedOut { .. })), "{ended:?}");
}
