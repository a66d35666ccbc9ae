//! Listeners behind a proxy that tells by the PROXY protocol whose connections they are.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::harness::logged::LoggedServer;
use crate::harness::support::Client;

const MAILBOX: &str = "--listen=mailbox=127.0.0.1:0 proxy=on";
const CHAT: &str = "--listen=chat=127.0.0.1:0 proxy=on";
const BOARD: &str = "--listen=board=127.0.0.1:0 proxy=on";
const OPEN: &str = "--set=accounts.registration=open";
const OPTIONAL: &str = "--set=accounts.passwords=optional";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn server(arguments: &[&str]) -> LoggedServer {
    LoggedServer::start(
        &[],
        &[&[MAILBOX, CHAT, BOARD, "--allow-open", OPEN, OPTIONAL], arguments].concat(),
    )
}

fn v1(client: &str) -> Vec<u8> {
    let client: SocketAddr = client.parse().unwrap();
    let (family, proxy) = if client.is_ipv4() { (4, "127.0.0.1") } else { (6, "::1") };
    format!("PROXY TCP{family} {} {proxy} {} 4401\r\n", client.ip(), client.port()).into_bytes()
}

/// A header of version 2, with an option that nobody knows.
fn v2(client: &str) -> Vec<u8> {
    let client: SocketAddr = client.parse().unwrap();
    let (family, octets, length) = match client {
        SocketAddr::V4(client) => (0x11, client.ip().octets().to_vec(), 12 + 6),
        SocketAddr::V6(client) => (0x21, client.ip().octets().to_vec(), 36 + 6),
    };
    let port = client.port().to_be_bytes();
    let fixed = [0x21, family, 0, length];
    let option = [0xee, 0, 3, 1, 2, 3];
    [V2, &fixed, &octets, &octets, &port, &port, &option].concat()
}

fn connect(server: &LoggedServer, protocol: &str, header: &[u8]) -> Client {
    let mut client = server.connect(protocol);
    client.send_bytes(header);
    client
}

/// Whether the server has closed a connection without a word.
fn is_refused(client: &Client) -> bool {
    match client.stream().read(&mut [0]) {
        Ok(length) => length == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn the_address_in_the_header_is_in_the_log() {
    let server = server(&[]);
    for (number, client) in ["192.0.2.1:1001", "[2001:db8::1]:1002"].into_iter().enumerate() {
        for (version, header) in [(1, v1(client)), (2, v2(client))] {
            let name = format!("user{number}{version}");
            let mut client = connect(&server, "mailbox", &header);
            assert_eq!(client.ask(&format!("LOGIN {name}")), "0");
            let peer = format!("peer={}", ["192.0.2.1:1001", "[2001:db8::1]:1002"][number]);
            server.wait_for_log(&["logged in", &format!("account={name}"), &peer]);
        }
    }
    connect(&server, "board", &[&v1("192.0.2.3:1003")[..], b"d\n"].concat());
    server.wait_for_log(&["connected", "peer=192.0.2.3:1003", "listener=board"]);
}

#[test]
fn a_header_may_be_split_anywhere_and_what_follows_it_is_the_clients() {
    let server = server(&[]);
    for header in [v1("192.0.2.1:1001"), v1("[2001:db8::1]:1002"), v2("192.0.2.1:1001")] {
        for cut in 1..=header.len() {
            let mut client = connect(&server, "mailbox", &header[..cut]);
            // The rest comes on its own or with the first line.
            std::thread::sleep(Duration::from_millis(1));
            client.send_bytes(&[&header[cut..], b"LOGIN bob\nREAD\n"].concat());
            assert_eq!((client.line(), client.line()), ("0".into(), "READ ERROR".into()));
        }
    }
    let mut client = server.connect("mailbox");
    for byte in [&v2("[2001:db8::1]:1002")[..], b"LOGIN bob\nREAD\n"].concat() {
        client.send_bytes(&[byte]);
    }
    client.end();
    assert_eq!(client.rest(), "0\nREAD ERROR\n");
}

/// The end of the client may have come with all that it has said.
#[test]
fn a_client_that_has_ended_by_then_is_answered() {
    let server = server(&[]);
    for _ in 0..50 {
        let mut client =
            connect(&server, "mailbox", &[&v1("192.0.2.1:1")[..], b"LOGIN bob\n"].concat());
        client.end();
        assert_eq!(client.rest(), "0\n");
    }
}

#[test]
fn unknown_and_local_keep_the_address_of_the_proxy() {
    let server = server(&["--set=connection.per_address_max=1", "--set=connection.loopback=true"]);
    let local = [V2, &[0x20, 0, 0, 0]].concat();
    let _clients: Vec<_> = [&b"PROXY UNKNOWN\r\n"[..], b"PROXY UNKNOWN a b\r\n", &local]
        .into_iter()
        .enumerate()
        .map(|(number, header)| {
            let mut client = connect(&server, "mailbox", header);
            assert_eq!(client.ask(&format!("LOGIN user{number}")), "0");
            server.wait_for_log(&["logged in", &format!("user{number}"), "peer=127.0.0.1:"]);
            client
        })
        .collect();
}

#[test]
fn what_is_no_header_is_refused_and_logged() {
    let server = server(&[]);
    let long = format!("PROXY UNKNOWN {}", "x".repeat(200));
    let long_v2 = [V2, &[0x21, 0x11, 2, 9]].concat();
    for (bytes, why) in [
        (&b"LOGIN bob\n"[..], "malformed"),
        (b"PROXY TCP4 192.0.2.1 127.0.0.1 1\r\n", "malformed"),
        (b"\r\n\r\n\0\r\nQUIT\n\x31", "whole"),
        (long.as_bytes(), "too long"),
        (&long_v2, "too long"),
        (b"", "whole"),
    ] {
        let mut client = connect(&server, "mailbox", bytes);
        if why == "whole" {
            client.end();
        }
        assert!(is_refused(&client), "{why}");
        server.wait_for_log(&["WARN", "connection refused", "mailbox", "PROXY header", why]);
    }
}

#[test]
fn a_slow_header_is_refused_at_its_limit() {
    let server = server(&["--set=connection.proxy_limit_ms=300"]);
    let begun = Instant::now();
    let mut silent = server.connect("mailbox");
    let slow = connect(&server, "mailbox", b"PROXY ");
    slow.stream().set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    // Bytes that come one by one do not extend the limit.
    while slow.stream().peek(&mut [0]).is_err_and(|e| e.kind() == ErrorKind::WouldBlock) {
        let _ = slow.stream().write_all(b"T");
        assert!(begun.elapsed() < Duration::from_secs(20), "never closed");
    }
    assert_eq!(silent.rest(), "");
    assert!(begun.elapsed() >= Duration::from_millis(300));
    server.wait_for_log(&["WARN", "connection refused", "connection.proxy_limit_ms"]);
}

#[test]
fn only_a_proxy_may_say_whose_connections_it_passes_on() {
    let server = server(&["--set=connection.proxies=127.0.0.2"]);
    let mut client = Client::connect_from([127, 0, 0, 2], server.address("mailbox"));
    client.send_bytes(&v1("192.0.2.1:1001"));
    assert_eq!(client.ask("LOGIN bob"), "0");
    assert!(is_refused(&server.connect("mailbox")));
    server.wait_for_log(&["WARN", "connection refused", "127.0.0.1", "connection.proxies"]);
}

#[test]
fn the_limits_are_those_of_the_address_in_the_header() {
    let server = server(&["--set=connection.per_address_max=1"]);
    let mut first = connect(&server, "chat", &v1("192.0.2.1:1001"));
    assert!(first.line().starts_with("Welcome"));
    let mut second = connect(&server, "chat", &v2("192.0.2.1:1002"));
    assert!(second.rest().starts_with("Disconnected: too many connections come from your"));
    server.wait_for_log(&["WARN", "peer=192.0.2.1:1002", "chat", "connection.per_address_max"]);
    let mut other = connect(&server, "chat", &v1("192.0.2.2:1001"));
    assert!(other.line().starts_with("Welcome"));
    // A /64 of IPv6 is one peer.
    let mut first = connect(&server, "chat", &v1("[2001:db8::1]:1"));
    assert!(first.line().starts_with("Welcome"));
    let mut second = connect(&server, "chat", &v2("[2001:db8::2]:1"));
    assert!(second.rest().starts_with("Disconnected"));
}

#[test]
fn of_connections_before_their_login_the_address_in_the_header_with_most_loses_one() {
    let server = server(&["--set=connection.max=8"]);
    let mut honest = connect(&server, "chat", &v1("192.0.2.1:1"));
    assert!(honest.line().starts_with("Welcome"));
    let rude: Vec<_> = (0..3)
        .map(|number| {
            let mut client = connect(&server, "chat", &v1(&format!("192.0.2.2:{}", number + 1)));
            assert!(client.line().starts_with("Welcome"));
            client
        })
        .collect();
    for mut client in rude.into_iter().take(2) {
        assert!(client.rest().starts_with("Disconnected: too many"));
    }
    assert!(honest.ask("/setname honest").starts_with("Username accepted"));
}
