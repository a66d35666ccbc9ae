//! The interactive client, fed through a pipe.

use std::path::PathBuf;
use std::time::Duration;

use postroom_client::{
    ClientError, DefaultsArguments, Environment, ExitStatus, MailArguments, ServerAddress,
    TlsArguments, mail_with,
};

use crate::fake::{FakeServer, Screen, at, typed};

pub(crate) fn arguments(server: &ServerAddress) -> MailArguments {
    MailArguments {
        server: at(server),
        strict: false,
        name: None,
        password_file: None,
        timeout: Duration::from_secs(20),
        no_history: false,
        tls: TlsArguments::default(),
        defaults: DefaultsArguments::default(),
    }
}

fn strict(server: &ServerAddress) -> MailArguments {
    MailArguments { strict: true, ..arguments(server) }
}

/// Types `lines` and returns what was shown.
fn converse(arguments: &MailArguments, lines: &str) -> (String, Result<(), ClientError>) {
    let mut screen = Screen::default();
    let ended = mail_with(arguments, &Environment::default(), typed(lines), &mut screen);
    (screen.text(), ended)
}

const WELCOME_BOB: &str = "Login successful. Welcome bob. You have 2 unread messages.\n";

#[test]
fn every_answer_of_the_verbose_protocol_is_shown() {
    let server = FakeServer::start(|mut peer| {
        peer.expect("LOGIN bob");
        peer.say(WELCOME_BOB);
        peer.expect("COMPOSE bob alice Hi there");
        peer.say("MESSAGE SENT SUCCESSFULLY.\n");
        peer.expect("COMPOSE bob carol ");
        peer.say("MESSAGE SENT SUCCESSFULLY TO NEW USER.\n");
        peer.expect("COMPOSE bob alice again");
        peer.say("MESSAGE FAILED. UNREAD MESSAGE IS MORE THAN 100 FOR THE USERNAME <alice>.\n");
        peer.expect("READ bob");
        peer.say("1 alice Hi Bob!\n");
        peer.expect("READ bob");
        peer.say("0 carol \n");
        peer.expect("READ bob");
        peer.say("No More Unread Messages.\n");
        peer.expect_exit();
    });
    let (shown, ended) = converse(
        &arguments(&server.address),
        "bob\nCOMPOSE\nalice\nHi there\ncompose\ncarol\n\nCompose\nalice\nagain\n\
         READ\nread\n read \nquit\nEXIT\nREAD\n",
    );
    server.finish();
    ended.unwrap();
    assert_eq!(
        shown,
        "Login successful. Welcome bob. You have 2 unread messages.\n\
         MESSAGE SENT SUCCESSFULLY.\n\
         MESSAGE SENT SUCCESSFULLY TO NEW USER.\n\
         MESSAGE FAILED. UNREAD MESSAGE IS MORE THAN 100 FOR THE USERNAME <alice>.\n\
         From alice: Hi Bob!\n1 unread message remains.\n\
         From carol: \n0 unread messages remain.\n\
         No More Unread Messages.\n\
         \"quit\" is not a command: use COMPOSE, READ or EXIT.\n"
    );
}

#[test]
fn every_answer_of_the_strict_protocol_is_shown_as_a_sentence() {
    let server = FakeServer::start(|mut peer| {
        peer.expect("LOGIN bob");
        peer.say("3\n");
        peer.expect("COMPOSE alice");
        peer.expect("Hi Alice!");
        peer.say("MESSAGE SENT\n");
        peer.expect("COMPOSE alice");
        peer.expect("EXIT");
        peer.say("MESSAGE FAILED\n");
        peer.expect("READ");
        peer.say("alice\nHi Bob!\n");
        peer.expect("READ");
        peer.say("READ ERROR\n");
        peer.expect_exit();
    });
    let (shown, ended) = converse(
        &strict(&server.address),
        "bob\nCOMPOSE\nalice\nHi Alice!\nCOMPOSE\nalice\nEXIT\nREAD\nREAD\n",
    );
    server.finish();
    ended.unwrap();
    assert_eq!(
        shown,
        "Welcome bob. You have 3 messages.\n\
         MESSAGE SENT\n\
         MESSAGE FAILED: the mailbox of alice may be full, the server's disk may be full, alice \
         may have blocked the sender, or alice is new and the server takes no new users.\n\
         From alice: Hi Bob!\n\
         READ ERROR: you have no unread messages.\n"
    );
}

#[test]
fn the_name_is_asked_for_until_there_is_one() {
    let server = FakeServer::start(|mut peer| {
        peer.expect("LOGIN bob");
        peer.say("Login successful with new username. Welcome bob\n");
        peer.expect_exit();
    });
    let (shown, ended) = converse(&arguments(&server.address), "bob smith\n\nbob\r\n");
    server.finish();
    ended.unwrap();
    let shown: Vec<_> = shown.lines().collect();
    assert!(shown[0].starts_with("\"bob smith\" cannot be used as a name"), "{shown:?}");
    assert!(shown[1].contains("a name is missing"), "{shown:?}");
    assert_eq!(shown[2], "Login successful with new username. Welcome bob");
}

#[test]
fn a_refused_login_ends_a_script_and_the_rest_of_its_input_is_not_sent() {
    for verbose in [true, false] {
        let server = FakeServer::start(move |mut peer| {
            peer.expect("LOGIN dora");
            if verbose {
                peer.say("LOGIN ERROR\n");
                peer.expect_exit();
            }
        });
        let arguments = MailArguments { strict: !verbose, ..arguments(&server.address) };
        let (shown, ended) = converse(&arguments, "dora\nMyPass123\nEXIT\n");
        server.finish();
        let error = ended.unwrap_err();
        assert_eq!(error.exit_status(), ExitStatus::NoPermission, "{error}");
        assert_eq!(shown, "");
    }
}

#[test]
fn the_name_of_the_command_line_is_not_asked_for() {
    for verbose in [true, false] {
        let server = FakeServer::start(move |mut peer| {
            peer.expect("LOGIN bob");
            peer.say(if verbose { WELCOME_BOB } else { "2\n" });
            peer.expect(if verbose { "READ bob" } else { "READ" });
            peer.say(if verbose { "No More Unread Messages.\n" } else { "READ ERROR\n" });
            peer.expect_exit();
        });
        let arguments = MailArguments {
            strict: !verbose,
            name: Some("bob".to_owned()),
            ..arguments(&server.address)
        };
        let (shown, ended) = converse(&arguments, "READ\n");
        server.finish();
        ended.unwrap();
        assert_eq!(shown.lines().count(), 2, "{shown}");
    }
    let nowhere = ServerAddress::new("127.0.0.1", 1);
    let arguments = MailArguments { name: Some("a b".to_owned()), ..arguments(&nowhere) };
    let (shown, ended) = converse(&arguments, "bob\n");
    assert!(matches!(ended, Err(ClientError::Name { .. })), "{ended:?}");
    assert_eq!(shown, "");
}

#[test]
fn a_script_without_a_login_fails_and_one_without_input_does_not() {
    let server = FakeServer::start(|mut peer| {
        peer.expect("LOGIN bob");
        peer.say("LOGIN ERROR\n");
        peer.expect_exit();
    });
    let (_, ended) = converse(&arguments(&server.address), "bob\n");
    server.finish();
    assert!(matches!(ended, Err(ClientError::LoginRefused { with_password: false, .. })));

    // Without a name there is nothing to connect for.
    let nowhere = ServerAddress::new("127.0.0.1", 1);
    let (shown, ended) = converse(&arguments(&nowhere), "");
    ended.unwrap();
    assert_eq!(shown, "");
}

#[test]
fn the_password_of_the_file_goes_before_the_login() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "two words\n").unwrap();
    let server = FakeServer::start(|mut peer| {
        peer.expect("PASS two words");
        peer.expect("LOGIN bob");
        peer.say("LOGIN ERROR\n");
        peer.expect_exit();
    });
    let arguments =
        MailArguments { password_file: Some(file.path().into()), ..arguments(&server.address) };
    let (shown, ended) = converse(&arguments, "bob\n");
    server.finish();
    let error = ended.unwrap_err().to_string();
    assert!(error.contains("the password may be wrong"), "{error}");
    assert!(!error.contains("two words") && !shown.contains("two words"), "{shown}{error}");
}

#[test]
fn a_password_file_that_is_not_there_ends_before_any_connection() {
    let arguments = MailArguments {
        password_file: Some(PathBuf::from("/nonexistent/password")),
        ..arguments(&ServerAddress::new("127.0.0.1", 1))
    };
    let (_, ended) = converse(&arguments, "bob\n");
    assert!(matches!(ended, Err(ClientError::PasswordFile { .. })));
}

#[test]
fn what_cannot_be_sent_costs_its_own_lines_and_no_others() {
    let server = FakeServer::start(|mut peer| {
        peer.expect("LOGIN bob");
        peer.say(WELCOME_BOB);
        peer.expect("READ bob");
        peer.say("No More Unread Messages.\n");
        peer.expect_exit();
    });
    // The last fits a line by itself, but not with its command before it.
    let (long, tight) = ("x".repeat(9_000), "x".repeat(8_192));
    let (shown, ended) = converse(
        &arguments(&server.address),
        &format!(
            "bob\nCOMPOSE\nno body\nEXIT\nCOMPOSE\nalice\n{long}\n\
             COMPOSE\nalice\na\0b\nCOMPOSE\nalice\n{tight}\nREAD\n"
        ),
    );
    server.finish();
    ended.unwrap();
    assert_eq!(shown.matches("Nothing was sent.").count(), 3, "{shown}");
    assert_eq!(shown.matches("the line is too long").count(), 2, "{shown}");
    assert!(shown.contains("the text holds a NUL"), "{shown}");
    assert!(shown.ends_with("No More Unread Messages.\n"), "{shown}");
}

#[test]
fn nothing_that_a_hostile_server_sends_reaches_the_terminal() {
    let server = FakeServer::start(|mut peer| {
        peer.expect("LOGIN bob");
        peer.say(WELCOME_BOB);
        peer.expect("COMPOSE bob alice Hi");
        peer.say("MESSAGE FAILED. \u{1b}]0;owned\u{7}\r\u{9b}2J\n");
        peer.expect("READ bob");
        peer.say("0 alice \u{1b}[2J\u{202e}\u{8}\n");
        peer.expect("READ bob");
        peer.say("\u{1b}[2Jyou were sent here\n");
        peer.expect_reset();
    });
    let (shown, ended) =
        converse(&arguments(&server.address), "bob\nCOMPOSE\nalice\nHi\nREAD\nREAD\n");
    server.finish();
    let error = ended.unwrap_err().to_string();
    for output in [&shown, &error] {
        let obeyed = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!output.contains(obeyed), "{output:?}");
    }
    assert!(shown.contains("MESSAGE FAILED. ^[]0;owned^G^MM-^[2J\n"), "{shown}");
    assert!(shown.contains("From alice: ^[[2J^H\n"), "{shown}");
    assert!(error.contains("it answered READ with \"^[[2Jyou were sent here\""), "{error}");
}

#[test]
fn a_strict_login_that_is_refused_says_what_may_be_missing() {
    let server = FakeServer::start(|mut peer| peer.expect("LOGIN bob"));
    let (_, ended) = converse(&strict(&server.address), "bob\n");
    server.finish();
    let error = ended.unwrap_err();
    assert!(matches!(error, ClientError::LoginClosed { .. }), "{error:?}");
    assert!(error.to_string().contains("at login as bob"), "{error}");
    assert!(error.to_string().contains("see --password-file"), "{error}");
}

#[test]
fn a_server_that_went_away_is_noticed_at_the_next_command() {
    for verbose in [true, false] {
        let server = FakeServer::start(move |mut peer| {
            peer.expect("LOGIN bob");
            peer.say(if verbose { WELCOME_BOB } else { "2\n" });
        });
        let arguments = MailArguments { strict: !verbose, ..arguments(&server.address) };
        let (shown, ended) = converse(&arguments, "bob\nREAD\n");
        server.finish();
        assert!(matches!(ended, Err(ClientError::Dropped { .. })), "{ended:?}");
        assert_eq!(shown.lines().count(), 1, "{shown}");
    }
}
