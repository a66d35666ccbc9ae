//! The protocol `im`: its two streams, used as the original client uses them, the
//! one that the protocol was first written for.

mod dialling;
mod pushes;

use std::io::{Read, Write};

use crate::harness::im::{
    BYE, CONNECTED, DELIVERED, ImClient, LOGGED_IN, LOGGED_IN_ALREADY, NOT_DELIVERED,
    NOT_LOGGED_IN, log_in, login,
};
use crate::harness::logged::LoggedServer;
use crate::harness::support::Client;

const USERS: [&str; 3] = ["jacky", "bob", "michael"];

#[test]
fn three_users_talk_as_in_the_appendix() {
    let server = LoggedServer::start(&USERS, &[]);
    let mut stranger = server.connect("im");
    assert_eq!(stranger.ask("/login jacky 1234"), NOT_LOGGED_IN);
    assert_eq!(stranger.ask("/list"), "401 Unrecognized message");
    let [mut jacky, mut bob, mut michael] = USERS.map(|user| ImClient::enter(&server, user));
    assert_eq!(stranger.ask(&login("jacky")), LOGGED_IN_ALREADY);
    assert_eq!(jacky.a.ask("/list"), "301 jacky bob michael");

    jacky.a.send("/to bob Hello there\n");
    assert_eq!(bob.receive(), "/from jacky Hello there");
    assert_eq!(jacky.a.line(), DELIVERED);
    assert!(michael.b.is_silent());
    bob.a.send("/toall At 3pm?\n");
    assert_eq!(jacky.receive(), "/broadcast bob At 3pm?");
    assert!(bob.a.is_silent(), "303 before all have confirmed");
    assert_eq!(michael.receive(), "/broadcast bob At 3pm?");
    assert_eq!(bob.a.line(), DELIVERED);
    assert_eq!(jacky.a.ask("/to jacky myself"), NOT_DELIVERED);
    assert_eq!(jacky.a.ask("/to nobody hi"), NOT_DELIVERED);
    assert_eq!(jacky.a.ask("hello"), "401 Unrecognized message");

    assert_eq!(michael.a.ask("/exit"), BYE);
    assert_eq!((michael.b.rest(), michael.a.rest()), (String::new(), String::new()));
    assert_eq!(jacky.a.ask("/to michael hi"), NOT_DELIVERED);
    assert_eq!(jacky.a.ask("/list"), "301 jacky bob");
    assert_eq!(stranger.ask(&login("michael")), LOGGED_IN);
}

#[test]
fn whoever_says_bye_can_wait_for_stream_b_to_end_before_closing_a() {
    let server = LoggedServer::start(&["bob"], &[]);
    for word in ["/exit", "exit", "quit", "logout", "logoff", "bye"] {
        let ImClient { mut a, mut b } = ImClient::enter(&server, "bob");
        assert_eq!(a.ask(word), BYE, "{word}");
        assert_eq!(b.rest(), "", "{word}");
        drop(b);
        assert_eq!(a.rest(), "", "{word}");
    }
}

#[test]
fn when_the_server_stops_stream_b_is_told_and_both_end() {
    let mut server = LoggedServer::start(&["bob", "jacky"], &[]);
    let ImClient { mut a, mut b } = ImClient::enter(&server, "bob");
    let mut single = log_in(&server, "jacky");
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(b.rest(), "/forceQuit\n");
    assert_eq!((a.rest(), single.rest()), (String::new(), String::new()));
    drop((a, b, single));
    assert!(server.wait().success());
}

/// The reply to a request, as one receive call returns it.
fn reply_to(client: &Client, request: &str) -> String {
    client.stream().write_all(request.as_bytes()).unwrap();
    client.receive_once()
}

#[test]
fn each_reply_comes_whole_with_one_receive_call_and_without_a_carriage_return() {
    let server = LoggedServer::start(&["bob", "jacky"], &[]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = server.connect("im");
    for (request, reply) in [
        (format!("{}x", login("bob")), NOT_LOGGED_IN),
        (login("bob"), LOGGED_IN),
        (login("bob"), LOGGED_IN_ALREADY),
        (crate::harness::im::port_of(&listener), CONNECTED),
        ("/list".to_owned(), "301 bob"),
        ("/to jacky hi".to_owned(), NOT_DELIVERED),
        ("/toall hi".to_owned(), DELIVERED),
        ("what".to_owned(), "401 Unrecognized message"),
        ("/exit".to_owned(), BYE),
    ] {
        for end in ["\n", "\r\n"] {
            // A request that changes state is sent once.
            if end == "\n" || matches!(&reply[..1], "3" | "4") && reply != BYE {
                assert_eq!(reply_to(&client, &format!("{request}{end}")), format!("{reply}\n"));
            }
        }
    }
    assert_eq!(client.stream().read(&mut [0]).unwrap(), 0);
}
