//! The protocol `chat` as its original clients and telnet use it.

use std::io::{Read, Write};
use std::time::Instant;

use crate::harness::chat::{connect, enter};
use crate::harness::logged::LoggedServer;
use crate::harness::support::Client;

/// Sends these lines and returns everything until the server ends the connection.
fn all_after(client: &mut Client, lines: &str) -> String {
    client.send(lines);
    client.rest()
}

#[test]
fn what_telnet_offers_is_refused_and_never_shown() {
    let server = LoggedServer::start(&[], &[]);
    let mut mary = enter(&server, "mary");
    let telnet = server.connect("chat");
    // The options that telnet offers at its start, and its answer to Ctrl-C.
    let mut socket = telnet.stream();
    socket.write_all(b"\xff\xfd\x03/setname john\r\n\xff\xf4\xff\xfd\x06").unwrap();
    socket.write_all(b"/all h\xff\xfb\x18ello\r\n/quit\r\n").unwrap();
    let mut said = Vec::new();
    socket.read_to_end(&mut said).unwrap();
    for refusal in [b"\xff\xfc\x03", b"\xff\xfc\x06", b"\xff\xfe\x18"] {
        let at = said.windows(3).position(|bytes| bytes == refusal).unwrap();
        said.drain(at..at + 3);
    }
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("Username accepted") && said.ends_with("You have left the chat\n"));
    assert!(!said.contains('\r'), "{said:?}");
    assert_eq!(mary.line(), "john has joined (2 users active)");
    assert_eq!(mary.line(), "john: hello");
}

#[test]
fn the_last_lines_are_those_that_the_original_client_looks_for() {
    let mut server = LoggedServer::start(&[], &[]);
    let mut stranger = server.connect("chat");
    let said = all_after(&mut stranger, "hello\r\n/quit\r\n");
    assert_eq!(said.lines().count(), 3, "{said}");
    assert!(said.ends_with("\nYou have left the chat\n") && !said.contains('\r'), "{said:?}");
    let mut john = enter(&server, "john");
    let commands = "/allusers\r\n/cmd\r\n/join #a\r\n/say #a hi\r\n/private mary hi\r\n/quit\r\n";
    let said = all_after(&mut john, commands);
    assert!(said.starts_with("Users in chat:\njohn\n"), "{said}");
    assert!(said.ends_with("\nUser not found\nYou have left the chat\n"), "{said}");
    assert!(!said.contains('\r'), "{said:?}");
    let mut members = [enter(&server, "john"), connect(&server)];
    server.signal(rustix::process::Signal::TERM);
    for member in &mut members {
        assert_eq!(member.rest(), "Server has been closed by host\n");
    }
    drop(members);
    assert!(server.wait().success());
}

#[test]
fn the_log_tells_who_comes_and_goes_and_how_many_are_there() {
    let server = LoggedServer::start(&[], &[]);
    let john = enter(&server, "john");
    server.wait_for_log(&["User has joined", "name=john", "active=1"]);
    let mary = enter(&server, "mary");
    server.wait_for_log(&["User has joined", "name=mary", "active=2"]);
    drop(john);
    server.wait_for_log(&["User has left", "name=john", "active=1"]);
    drop(mary);
    server.wait_for_log(&["User has left", "name=mary", "active=0"]);
}

#[test]
fn messages_of_one_sender_arrive_in_order() {
    let server = LoggedServer::start(&[], &[]);
    let mut ann = enter(&server, "ann");
    let mut carl = enter(&server, "carl");
    // In one packet, and some of it has to be stored first.
    ann.send("/all one\n/private carl two\n/all three\n");
    let heard = [carl.line(), carl.line(), carl.line()];
    assert_eq!(heard, ["ann: one", "ann(private): two", "ann: three"]);
}

/// Users who come and go together.
const CROWD: usize = 60;

/// Reads the announcements of a crowd, and checks that there is at most one in 100 ms.
fn read_crowd(observer: &mut Client, begun: Instant, what: &str) {
    let (mut counted, mut lines) = (0, 0);
    while counted < CROWD {
        let line = observer.line();
        let list = [" has ", " have "].iter().find_map(|has| line.split_once(*has));
        let (names, rest) = list.unwrap_or_else(|| panic!("{line}"));
        assert!(rest.starts_with(&format!("{what} (")), "{line}");
        let names = names.replace(" and ", ", ");
        for name in names.split(", ") {
            let others = name.strip_suffix(" more").map(str::parse::<usize>);
            counted += others.map_or(1, Result::unwrap);
        }
        assert!(names.split(", ").count() <= 6, "{line}");
        lines += 1;
    }
    assert_eq!(counted, CROWD);
    let time = begun.elapsed();
    assert!(lines <= 1 + time.as_millis() / 100, "{lines} lines in {time:?}");
}

#[test]
fn a_crowd_is_announced_in_few_lines_and_logged_in_one_line_each() {
    let server = LoggedServer::start(&[], &[]);
    let mut observer = enter(&server, "observer");
    let mut crowd: Vec<_> = (0..CROWD).map(|_| connect(&server)).collect();
    let begun = Instant::now();
    for (number, client) in crowd.iter_mut().enumerate() {
        client.send(&format!("/setname user{number}\n"));
    }
    read_crowd(&mut observer, begun, "joined");
    let begun = Instant::now();
    for client in &mut crowd {
        client.send("/quit\n");
    }
    read_crowd(&mut observer, begun, "left");
    server.wait_for_log(&["User has left", "active=1"]);
    for what in ["User has joined name=user", "User has left name=user"] {
        assert_eq!(server.log().matches(what).count(), CROWD);
    }
}
