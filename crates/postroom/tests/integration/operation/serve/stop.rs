//! How a server stops.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::VERBOSE;
use super::accounts::store;
use crate::harness::logged::LoggedServer;
use crate::harness::support::{Client, PATIENCE, Server, add_account};

/// How long a stop may take.
const STOP_LIMIT: Duration = Duration::from_secs(5);

#[test]
fn both_signals_stop_the_server_in_time_and_keep_what_was_acknowledged() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::start();
        let mut carol = server.log_in("carol");
        let mut silent = server.connect("mailbox");
        let mut verbose = server.connect(VERBOSE);
        verbose.ask("LOGIN dora");
        for number in 0..20 {
            assert_eq!(carol.compose("bob", &number.to_string()), "MESSAGE SENT");
        }
        let begun = Instant::now();
        server.signal(signal);
        for client in [&mut carol, &mut silent, &mut verbose] {
            assert_eq!(client.rest(), "");
        }
        drop((carol, silent, verbose));
        assert_eq!(server.wait().code(), Some(0));
        assert!(begun.elapsed() < STOP_LIMIT);
        server.restart();
        let mut bob = server.log_in("bob");
        for number in 0..20 {
            assert_eq!(bob.read(), Some(("carol".into(), number.to_string())));
        }
        assert_eq!(bob.read(), None);
    }
}

#[test]
fn a_stop_does_not_wait_for_clients_that_do_not_leave() {
    let mut server = Server::start();
    let clients: Vec<_> = (0..10).map(|_| server.log_in("bob")).collect();
    let begun = Instant::now();
    assert_eq!(server.stop().code(), Some(0));
    assert!(begun.elapsed() < STOP_LIMIT, "{:?}", begun.elapsed());
    drop(clients);
}

#[test]
fn a_stop_does_not_wait_for_a_client_that_does_not_read() {
    let mut server = Server::start();
    let stuck = Client::connect_with_small_buffer(server.address(VERBOSE));
    stuck.write_until_stuck(b"no command\n", usize::MAX);
    let begun = Instant::now();
    assert_eq!(server.stop().code(), Some(0));
    assert!(begun.elapsed() < STOP_LIMIT, "{:?}", begun.elapsed());
    drop(stuck);
}

#[test]
fn a_stop_does_not_wait_for_all_passwords_to_be_checked() {
    let (_folder, data) = store();
    add_account(&data, "dora", "secret");
    let mut server = Server::in_folder(
        &data,
        &[
            "--set=accounts.password_checks_max=2000",
            "--set=accounts.password_checks_per_address_max=2000",
        ],
    );
    let clients: Vec<_> = (0..600)
        .map(|_| {
            let mut client = server.connect("mailbox");
            client.send("PASS wrong\nLOGIN dora\n");
            client
        })
        .collect();
    // All logins have been read once a later one, without a password, is answered.
    drop(server.log_in("bob"));
    let begun = Instant::now();
    assert_eq!(server.stop().code(), Some(0));
    assert!(begun.elapsed() < STOP_LIMIT, "{:?}", begun.elapsed());
    drop(clients);
}

#[test]
fn a_stop_answers_what_it_has_taken_and_loses_no_answer() {
    for _ in 0..5 {
        let mut server = Server::with(&["--capacity=100000"]);
        let mut carol = server.log_in("carol");
        let mut writer = carol.stream().try_clone().unwrap();
        // More than the server can answer before the signal.
        let commands = "COMPOSE bob\nhello\n".repeat(20_000);
        let writing = std::thread::spawn(move || writer.write_all(commands.as_bytes()));
        assert_eq!(carol.line(), "MESSAGE SENT");
        server.signal(Signal::TERM);
        let rest = carol.rest();
        assert!(rest.lines().all(|answer| answer == "MESSAGE SENT"));
        let acknowledged = 1 + rest.lines().count();
        drop(carol);
        assert!(server.wait().success());
        // The rest may be unsent.
        let _ = writing.join().unwrap();
        server.restart();
        let mut visitor = server.connect("mailbox");
        let stored: usize = visitor.ask("LOGIN bob").parse().unwrap();
        assert_eq!(stored, acknowledged, "stored and acknowledged differ");
    }
}

#[test]
fn a_second_signal_stops_at_once() {
    let mut server = Server::with(&["--set=connection.drain_limit_ms=60000"]);
    let mut lingering = server.log_in("bob");
    server.signal(Signal::TERM);
    assert_eq!(lingering.rest(), "");
    let begun = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[test]
fn the_stop_limit_is_a_setting() {
    let settings = ["--set=connection.drain_limit_ms=60000", "--set=stop.limit_ms=200"];
    let mut server = LoggedServer::start(&[], &settings);
    let lingering = server.log_in("bob");
    let begun = Instant::now();
    assert_eq!(server.stop().code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    drop(lingering);
    server.wait_for_log(&["disconnected", "account=bob", "stop.limit_ms"]);
}

#[test]
fn a_client_in_the_backlog_of_a_stopping_server_is_not_left_waiting() {
    let mut server = Server::with(&["--set=connection.max=1"]);
    let mut first = server.log_in("bob");
    let waiting = server.connect("mailbox");
    waiting.stream().set_read_timeout(Some(PATIENCE)).unwrap();
    server.signal(Signal::TERM);
    assert_eq!(first.rest(), "");
    drop(first);
    assert!(server.wait().success());
    // It was never accepted, and its connection is reset or closed.
    match waiting.stream().take(1).read(&mut [0]) {
        Ok(length) => assert_eq!(length, 0),
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
}

/// Some tools send SIGUSR1 to ask a program for its state.
#[test]
fn sigusr1_changes_nothing() {
    let mut server = Server::start();
    let mut bob = server.log_in("bob");
    server.signal(Signal::USR1);
    assert_eq!(bob.ask("READ"), "READ ERROR");
    assert_eq!(server.log_in("carol").ask("READ"), "READ ERROR");
    assert!(server.stop().success());
}
