//! Servers that are not there, say nothing, or say what they must not.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use postroom_client::{
    ClientError, Deviation, Environment, ReadArguments, ServerAddress, read_to, send_from,
};
use socket2::{Domain, Socket, Type};

use crate::fake::{FakeServer, Screen, typed};
use crate::{mail, read, send};

#[test]
fn a_port_where_nothing_listens_refuses() {
    // Bound, so that nobody else takes the port, but not listening.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let port = socket.local_addr().unwrap().as_socket().unwrap().port();
    // By name, so that several addresses may be tried.
    let server = ServerAddress::new("localhost", port);
    let error =
        read_to(&read::arguments(&server), &Environment::default(), &mut io::sink()).unwrap_err();
    assert!(matches!(error, ClientError::Refused { .. }), "{error:?}");
    assert!(error.to_string().starts_with(&format!("localhost:{port} refused")), "{error}");
}

#[test]
fn a_host_without_an_address_is_named() {
    // Reserved by RFC 6761 never to exist; the space keeps it from any resolver.
    let server = ServerAddress::new("no such host.invalid", 4401);
    let error =
        read_to(&read::arguments(&server), &Environment::default(), &mut io::sink()).unwrap_err();
    assert!(matches!(error, ClientError::HostUnknown { .. }), "{error:?}");
    assert!(error.to_string().contains("no such host.invalid"), "{error}");
}

#[test]
fn a_silent_server_times_out() {
    let server = FakeServer::start(|mut peer| {
        peer.expect("LOGIN bob");
        peer.expect_reset();
    });
    let mut arguments = read::arguments(&server.address);
    arguments.timeout = Duration::from_millis(50);
    let error = read_to(&arguments, &Environment::default(), &mut io::sink()).unwrap_err();
    server.finish();
    assert!(matches!(error, ClientError::TimedOut { .. }), "{error:?}");
    assert!(error.to_string().contains("within 0.05 s"), "{error}");
}

#[test]
fn a_server_that_trickles_times_out() {
    let server = FakeServer::start(|mut peer| {
        peer.expect("LOGIN bob");
        while peer.try_say(b"1") {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let mut arguments = read::arguments(&server.address);
    arguments.timeout = Duration::from_millis(100);
    let error = read_to(&arguments, &Environment::default(), &mut io::sink()).unwrap_err();
    server.finish();
    assert!(matches!(error, ClientError::TimedOut { .. }), "{error:?}");
}

#[test]
fn a_listener_that_never_accepts_times_out() {
    // The kernel takes the connection, and nobody ever answers on it.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = ServerAddress::new("127.0.0.1", listener.local_addr().unwrap().port());
    let mut arguments = mail::arguments(&server);
    arguments.timeout = Duration::from_millis(50);
    let ended = postroom_client::mail_with(
        &arguments,
        &Environment::default(),
        typed("bob\nREAD\n"),
        &mut io::sink(),
    );
    assert!(matches!(ended, Err(ClientError::TimedOut { .. })), "{ended:?}");
}

#[test]
fn a_time_out_after_composing_leaves_open_what_happened() {
    let server = FakeServer::start(|mut peer| {
        peer.expect("LOGIN bob");
        peer.say("0\n");
        peer.expect("COMPOSE alice");
        peer.expect("Hi");
        peer.expect_reset();
    });
    let mut arguments = send::arguments(&server.address, Some("Hi"));
    arguments.timeout = Duration::from_millis(200);
    let error = send_from(&arguments, &Environment::default(), &mut io::empty()).unwrap_err();
    server.finish();
    assert!(matches!(error, ClientError::Unacknowledged(_)), "{error:?}");
}

/// What `read` makes of an answer to READ that must end in a reset.
fn deviating_read(answer: Vec<u8>) -> Deviation {
    let server = FakeServer::start(move |mut peer| {
        peer.expect("LOGIN bob");
        peer.say("1\n");
        peer.expect("READ");
        peer.try_say(&answer);
        peer.expect_reset();
    });
    let arguments = ReadArguments { all: true, ..read::arguments(&server.address) };
    let mut screen = Screen::default();
    let ended = read_to(&arguments, &Environment::default(), &mut screen);
    server.finish();
    match ended {
        Err(ClientError::Deviation { deviation, .. }) => deviation,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_deviation_is_told_apart_and_dropped() {
    assert!(matches!(deviating_read(b"no name\n".to_vec()), Deviation::Unexpected { .. }));
    assert!(matches!(deviating_read(b"alice\na\0b\n".to_vec()), Deviation::Unexpected { .. }));
    assert!(matches!(deviating_read(b"alice\n\xff\n".to_vec()), Deviation::InvalidUtf8));
    let endless = [b"alice\n".to_vec(), vec![b'x'; 32_769]].concat();
    assert!(matches!(deviating_read(endless), Deviation::LineTooLong));
    assert!(matches!(deviating_read(b"alice\nHi\nmore\n".to_vec()), Deviation::Unasked));
}

#[test]
fn the_longest_line_that_a_server_may_send_is_read() {
    let server = FakeServer::start(|mut peer| {
        peer.expect("LOGIN bob");
        peer.say("1\n");
        peer.expect("READ");
        peer.say([b"alice\n".to_vec(), vec![b'x'; 32_768], b"\n".to_vec()].concat());
        peer.expect_exit();
    });
    let mut screen = Screen::default();
    read_to(&read::arguments(&server.address), &Environment::default(), &mut screen).unwrap();
    server.finish();
    assert_eq!(screen.text().len(), "alice: \n".len() + 32_768);
}

#[test]
fn the_wrong_listener_is_recognised() {
    let server = FakeServer::start(|mut peer| {
        peer.expect("LOGIN bob");
        peer.say("Login successful with new username. Welcome bob\n");
        peer.expect_reset();
    });
    let error =
        read_to(&read::arguments(&server.address), &Environment::default(), &mut io::sink())
            .unwrap_err();
    server.finish();
    assert!(error.to_string().contains("its mailbox listener"), "{error}");
}
