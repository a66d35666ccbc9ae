//! The client that leaves one message.

use std::io;
use std::time::Duration;

use postroom_client::{
    ClientError, DefaultsArguments, Environment, ExitStatus, SendArguments, ServerAddress,
    TlsArguments, send_from,
};

use crate::fake::FakeServer;

pub(crate) fn arguments(server: &ServerAddress, text: Option<&str>) -> SendArguments {
    SendArguments {
        server: Some(server.clone().into()),
        name: Some("bob".to_owned()),
        recipient: "alice".to_owned(),
        text: text.map(str::to_owned),
        text_from_input: false,
        allow_empty: false,
        password_file: None,
        timeout: Duration::from_secs(20),
        tls: TlsArguments::default(),
        defaults: DefaultsArguments::default(),
    }
}

/// A server that takes one message, which must be `body`.
fn taking(body: &'static str, answer: &'static str) -> FakeServer {
    FakeServer::start(move |mut peer| {
        peer.expect("LOGIN bob");
        peer.say("0\n");
        peer.expect("COMPOSE alice");
        peer.expect(body);
        peer.say(answer);
        peer.expect_exit();
    })
}

#[test]
fn the_text_is_an_argument_or_the_input() {
    for (argument, input, body) in [
        (Some("Hi Alice!"), "unread", "Hi Alice!"),
        (Some(""), "unread", ""),
        (None, "Hi Alice!\n", "Hi Alice!"),
        (None, "Hi Alice!\r\n", "Hi Alice!"),
        (None, " EXIT ", " EXIT "),
    ] {
        let server = taking(body, "MESSAGE SENT\n");
        send_from(
            &arguments(&server.address, argument),
            &Environment::default(),
            &mut input.as_bytes(),
        )
        .unwrap();
        server.finish();
    }
}

#[test]
fn an_empty_input_is_sent_only_where_that_is_wanted() {
    for (input, told) in [
        ("", "the standard input is empty;"),
        ("\n", "the standard input is one empty line;"),
        ("\r\n", "the standard input is one empty line;"),
    ] {
        let nowhere = ServerAddress::new("127.0.0.1", 1);
        let ended =
            send_from(&arguments(&nowhere, None), &Environment::default(), &mut input.as_bytes());
        let error = ended.unwrap_err();
        assert_eq!(error.exit_status(), ExitStatus::Data);
        assert!(error.to_string().contains(told), "{input:?}: {error}");
        assert!(error.to_string().contains("--allow-empty"), "{error}");

        let server = taking("", "MESSAGE SENT\n");
        let wanted = SendArguments { allow_empty: true, ..arguments(&server.address, None) };
        send_from(&wanted, &Environment::default(), &mut input.as_bytes()).unwrap();
        server.finish();
    }
}

#[test]
fn a_refused_message_is_an_error() {
    let server = taking("Hi", "MESSAGE FAILED\n");
    let ended = send_from(
        &arguments(&server.address, Some("Hi")),
        &Environment::default(),
        &mut io::empty(),
    );
    server.finish();
    let error = ended.unwrap_err();
    assert!(matches!(error, ClientError::MessageRefused { .. }), "{error:?}");
    assert!(error.to_string().contains("for alice was refused"), "{error}");
}

#[test]
fn a_drop_before_the_answer_leaves_open_what_happened() {
    let server = FakeServer::start(|mut peer| {
        peer.expect("LOGIN bob");
        peer.say("0\n");
        peer.expect("COMPOSE alice");
        peer.expect("Hi");
        peer.say("MESSAGE SENT");
    });
    let ended = send_from(
        &arguments(&server.address, Some("Hi")),
        &Environment::default(),
        &mut io::empty(),
    );
    server.finish();
    let error = ended.unwrap_err();
    assert!(matches!(error, ClientError::Unacknowledged(_)), "{error:?}");
    assert!(error.to_string().ends_with("whether the message was stored is unknown"), "{error}");
}

#[test]
fn a_password_goes_before_the_login() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "sesame").unwrap();
    let server = FakeServer::start(|mut peer| {
        peer.expect("PASS sesame");
        peer.expect("LOGIN bob");
    });
    let mut arguments = arguments(&server.address, Some("Hi"));
    arguments.password_file = Some(file.path().into());
    let error = send_from(&arguments, &Environment::default(), &mut io::empty()).unwrap_err();
    server.finish();
    assert!(matches!(error, ClientError::LoginClosed { with_password: true, .. }), "{error:?}");
    assert!(!error.to_string().contains("sesame"), "{error}");
}

#[test]
fn what_cannot_be_sent_is_told_before_any_connection() {
    let nowhere = ServerAddress::new("127.0.0.1", 1);
    let refusal = |arguments: &SendArguments, mut input: &[u8]| {
        send_from(arguments, &Environment::default(), &mut input).unwrap_err()
    };
    let piped = arguments(&nowhere, None);
    assert!(matches!(refusal(&piped, b"one\ntwo\n"), ClientError::SeveralMessages { .. }));
    assert!(matches!(refusal(&piped, b"one\n\n"), ClientError::SeveralMessages { .. }));
    assert!(matches!(refusal(&piped, b"\xff\n"), ClientError::Text(_)));
    assert!(matches!(refusal(&piped, &[b'x'; 10_000]), ClientError::LineTooLong));
    let given = arguments(&nowhere, Some("one\ntwo"));
    assert!(matches!(refusal(&given, b""), ClientError::SeveralMessages { .. }));
    let mut nameless = arguments(&nowhere, Some("Hi"));
    nameless.recipient = "a b".to_owned();
    let error = refusal(&nameless, b"");
    assert!(error.to_string().starts_with("\"a b\" cannot be used as a name"), "{error}");
}
