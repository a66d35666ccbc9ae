//! Limits of the connections of each address.

use std::io::{ErrorKind, Read as _};

use crate::harness::logged::LoggedServer;
use crate::harness::support::Client;

const ONE: [u8; 4] = [127, 0, 0, 2];
const OTHER: [u8; 4] = [127, 0, 0, 3];

/// A server that counts the addresses of this machine, too.
fn server(limit: &str) -> LoggedServer {
    LoggedServer::start(&[], &["--set=connection.loopback=true", limit])
}

fn log_in(server: &LoggedServer, from: [u8; 4], name: &str) -> Client {
    let mut client = Client::connect_from(from, server.address("mailbox"));
    assert_eq!(client.ask(&format!("LOGIN {name}")), "0");
    client
}

/// Whether the server closes a connection at once, without a word.
fn is_refused(server: &LoggedServer, from: [u8; 4]) -> bool {
    let client = Client::connect_from(from, server.address("mailbox"));
    match client.stream().read(&mut [0]) {
        Ok(length) => length == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn beyond_the_connections_of_an_address_a_new_one_is_closed_at_once() {
    let server = server("--set=connection.per_address_max=2");
    let mut first = log_in(&server, ONE, "ann");
    let mut second = log_in(&server, ONE, "bob");
    assert!(is_refused(&server, ONE));
    let line = server.wait_for_log(&["WARN", "connection refused", "connection.per_address_max"]);
    assert!(line.contains("peer=127.0.0.2:") && line.contains("listener=mailbox"), "{line}");
    // Those who are there are served, and so are other addresses.
    log_in(&server, OTHER, "cat");
    assert_eq!(second.ask("READ"), "READ ERROR");
    first.send("EXIT\n");
    assert_eq!(first.rest(), "");
    first.close();
    log_in(&server, ONE, "dan");
}

#[test]
fn chat_is_told_why_it_is_refused() {
    let server = server("--set=connection.per_address_max=1");
    let mut first = Client::connect_from(ONE, server.address("chat"));
    assert!(first.line().starts_with("Welcome"));
    let mut second = Client::connect_from(ONE, server.address("chat"));
    assert_eq!(
        second.rest(),
        "Disconnected: too many connections come from your address. Connect again later.\n"
    );
}

#[test]
fn beyond_the_new_connections_of_a_minute_a_new_one_is_closed_at_once() {
    let server = server("--set=connection.new_per_minute=2");
    for name in ["ann", "bob"] {
        log_in(&server, ONE, name).close();
    }
    assert!(is_refused(&server, ONE));
    server.wait_for_log(&["WARN", "connection refused", "connection.new_per_minute"]);
    log_in(&server, OTHER, "cat");
}

#[test]
fn a_trusted_address_has_no_limit() {
    let limits = ["--set=connection.per_address_max=1", "--set=connection.new_per_minute=2"];
    let trusted = ["--set=connection.loopback=true", "--set=connection.trusted=127.0.0.2"];
    let server = LoggedServer::start(&[], &[limits, trusted].concat());
    let _clients: Vec<_> =
        ["ann", "bob", "cat", "dan"].into_iter().map(|name| log_in(&server, ONE, name)).collect();
    let _other = log_in(&server, OTHER, "eve");
    assert!(is_refused(&server, OTHER));
}

#[test]
fn clients_on_this_machine_have_no_limit() {
    let server = LoggedServer::start(&[], &["--set=connection.per_address_max=1"]);
    let _clients: Vec<_> =
        ["ann", "bob", "cat"].into_iter().map(|name| log_in(&server, ONE, name)).collect();
}
