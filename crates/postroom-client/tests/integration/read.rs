//! The client that takes messages out.

use std::io::{self, Write};
use std::time::Duration;

use postroom_client::{
    ClientError, DefaultsArguments, Environment, ReadArguments, ServerAddress, TlsArguments,
    read_to,
};

use crate::fake::{FakeServer, Screen};

pub(crate) fn arguments(server: &ServerAddress) -> ReadArguments {
    ReadArguments {
        server: Some(server.clone().into()),
        name: Some("bob".to_owned()),
        all: false,
        follow: false,
        no_reconnect: false,
        fail_empty: false,
        json: false,
        password_file: None,
        timeout: Duration::from_secs(20),
        tls: TlsArguments::default(),
        defaults: DefaultsArguments::default(),
    }
}

#[test]
fn one_message_is_printed_before_it_is_confirmed() {
    let mut screen = Screen::default();
    let seen = screen.clone();
    let server = FakeServer::start(move |mut peer| {
        peer.expect("LOGIN bob");
        peer.say("2\n");
        peer.expect("READ");
        peer.say("alice\nHi Bob!\n");
        peer.expect("EXIT");
        assert_eq!(seen.text(), "alice: Hi Bob!\n");
        peer.expect_end();
    });
    read_to(&arguments(&server.address), &Environment::default(), &mut screen).unwrap();
    server.finish();
    assert_eq!(screen.text(), "alice: Hi Bob!\n");
}

#[test]
fn each_of_all_messages_is_printed_before_the_next_is_asked_for() {
    let mut screen = Screen::default();
    let seen = screen.clone();
    let server = FakeServer::start(move |mut peer| {
        peer.expect("LOGIN bob");
        peer.say("2\n");
        peer.expect("READ");
        assert_eq!(seen.text(), "");
        // However the answer is split.
        peer.say("ali");
        peer.say("ce\nfi");
        peer.say("rst\n");
        peer.expect("READ");
        assert_eq!(seen.text().lines().count(), 1);
        peer.say("carol\n\u{1b}[2J\n");
        peer.expect("READ");
        assert_eq!(seen.text().lines().count(), 2);
        peer.say("READ ERROR\n");
        peer.expect_exit();
    });
    let arguments = ReadArguments { all: true, json: true, ..arguments(&server.address) };
    read_to(&arguments, &Environment::default(), &mut screen).unwrap();
    server.finish();
    assert_eq!(
        screen.text(),
        "{\"from\":\"alice\",\"text\":\"first\"}\n\
         {\"from\":\"carol\",\"text\":\"\\u001b[2J\"}\n"
    );
}

#[test]
fn nothing_is_printed_where_nothing_is_unread() {
    let server = FakeServer::start(|mut peer| {
        peer.expect("LOGIN bob");
        peer.say("0\n");
        peer.expect("READ");
        peer.say("READ ERROR\n");
        peer.expect_exit();
    });
    let mut screen = Screen::default();
    read_to(&arguments(&server.address), &Environment::default(), &mut screen).unwrap();
    server.finish();
    assert_eq!(screen.text(), "");
}

#[test]
fn that_nothing_was_unread_is_a_status_where_it_is_wanted() {
    for all in [false, true] {
        let server = FakeServer::start(|mut peer| {
            peer.expect("LOGIN bob");
            peer.say("0\n");
            peer.expect("READ");
            peer.say("READ ERROR\n");
            peer.expect_exit();
        });
        let arguments = ReadArguments { all, fail_empty: true, ..arguments(&server.address) };
        let ended = read_to(&arguments, &Environment::default(), &mut io::sink());
        server.finish();
        assert!(matches!(ended, Err(ClientError::NothingUnread)), "{ended:?}");
    }

    let server = FakeServer::start(|mut peer| {
        peer.expect("LOGIN bob");
        peer.say("1\n");
        peer.expect("READ");
        peer.say("alice\nHi Bob!\n");
        peer.expect("READ");
        peer.say("READ ERROR\n");
        peer.expect_exit();
    });
    let arguments = ReadArguments { all: true, fail_empty: true, ..arguments(&server.address) };
    read_to(&arguments, &Environment::default(), &mut io::sink()).unwrap();
    server.finish();
}

#[test]
fn a_message_that_cannot_be_printed_stays_unread() {
    let server = FakeServer::start(|mut peer| {
        peer.expect("LOGIN bob");
        peer.say("1\n");
        peer.expect("READ");
        peer.say("alice\nHi Bob!\n");
        peer.expect_reset();
    });
    let (reader, mut writer) = io::pipe().unwrap();
    drop(reader);
    let error =
        read_to(&arguments(&server.address), &Environment::default(), &mut writer).unwrap_err();
    server.finish();
    assert!(matches!(error, ClientError::Output(_)), "{error:?}");
    assert!(error.to_string().contains("stays unread"), "{error}");
}

#[test]
fn a_message_that_cannot_be_flushed_stays_unread() {
    struct FullDisk;
    impl Write for FullDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }
    let server = FakeServer::start(|mut peer| {
        peer.expect("LOGIN bob");
        peer.say("1\n");
        peer.expect("READ");
        peer.say("alice\nHi Bob!\n");
        peer.expect_reset();
    });
    let ended = read_to(&arguments(&server.address), &Environment::default(), &mut FullDisk);
    server.finish();
    assert!(matches!(ended, Err(ClientError::Output(_))));
}

#[test]
fn a_drop_in_the_middle_of_a_message_prints_none_of_it() {
    for answer in ["", "ali", "alice\n", "alice\nHi"] {
        let server = FakeServer::start(move |mut peer| {
            peer.expect("LOGIN bob");
            peer.say("1\n");
            peer.expect("READ");
            peer.say(answer);
        });
        let mut screen = Screen::default();
        let ended = read_to(&arguments(&server.address), &Environment::default(), &mut screen);
        server.finish();
        assert!(matches!(ended, Err(ClientError::Dropped { .. })), "{answer:?}: {ended:?}");
        assert_eq!(screen.text(), "");
    }
}

#[test]
fn a_server_that_does_not_close_after_exit_does_not_hang_the_client() {
    let server = FakeServer::start(|mut peer| {
        peer.expect("LOGIN bob");
        peer.say("0\n");
        peer.expect("READ");
        peer.say("READ ERROR\n");
        peer.expect("EXIT");
        peer.expect_end();
        // Sending on and on does not keep the client either.
        while peer.try_say(&[b'x'; 4_096]) {}
    });
    let timeout = Duration::from_millis(100);
    let arguments = ReadArguments { timeout, ..arguments(&server.address) };
    read_to(&arguments, &Environment::default(), &mut Screen::default()).unwrap();
    server.finish();
}
