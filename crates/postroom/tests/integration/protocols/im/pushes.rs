//! Pushes over stream b and their receipts.

use std::io::Write;
use std::thread;

use crate::harness::chat;
use crate::harness::im::{
    CONNECTED, DELIVERED, ImClient, NOT_DELIVERED, RECEIVED, log_in, port_of,
};
use crate::harness::logged::LoggedServer;
use crate::harness::support::{Client, Server};

/// Bytes of the longest push.
const PUSH_BYTES_MAX: usize = 1_024;

/// Confirms a push as clients do that send no line feed.
fn confirm_without_line_feed(b: &mut Client) {
    b.send(RECEIVED);
}

#[test]
fn a_receipt_needs_no_line_feed() {
    let server = LoggedServer::start(&["bob", "jacky"], &[]);
    let mut bob = ImClient::enter(&server, "bob");
    let mut jacky = log_in(&server, "jacky");
    for text in ["one", "two"] {
        jacky.send(&format!("/to bob {text}\n"));
        assert_eq!(bob.b.line(), format!("/from jacky {text}"));
        confirm_without_line_feed(&mut bob.b);
        assert_eq!(jacky.line(), DELIVERED);
    }
}

#[test]
fn two_pushes_are_never_under_way_together() {
    let senders = ["ann", "carl", "dora", "erik"];
    let server = LoggedServer::start(&[&senders[..], &["bob"]].concat(), &[]);
    let bob = ImClient::enter(&server, "bob");
    let mut writer = server.log_in("writer");
    assert_eq!(writer.compose("bob", "from the mailbox"), "MESSAGE SENT");
    let mut expected = vec!["/from writer from the mailbox\n".to_owned()];
    expected.extend(senders.map(|sender| format!("/from {sender} hi\n")));
    thread::scope(|scope| {
        let answers = senders.map(|sender| {
            let server = &server;
            scope.spawn(move || log_in(server, sender).ask("/to bob hi"))
        });
        let mut pushes = Vec::new();
        while pushes.len() < expected.len() {
            pushes.push(bob.b.receive_once());
            assert!(bob.b.is_silent(), "another came before the receipt");
            bob.b.stream().write_all(RECEIVED.as_bytes()).unwrap();
        }
        pushes.sort();
        expected.sort();
        assert_eq!(pushes, expected);
        for answer in answers {
            assert_eq!(answer.join().unwrap(), DELIVERED);
        }
    });
}

/// The number in the answer to LOGIN of `mailbox`.
fn unread(server: &Server, password: &str, name: &str) -> String {
    let mut client = server.connect("mailbox");
    client.send(&format!("PASS {password}\n"));
    client.ask(&format!("LOGIN {name}"))
}

#[test]
fn a_long_message_is_pushed_in_pieces_and_gone_after_the_last_receipt() {
    let server = LoggedServer::start(&["bob"], &[]);
    let text: String = "zwölf Boxkämpfer 日本 🎉 ".repeat(70);
    assert!(text.len() > 2_048);
    assert_eq!(server.log_in("writer").compose("bob", &text), "MESSAGE SENT");
    let mut bob = ImClient::enter(&server, "bob");
    let mut pieces = String::new();
    while pieces.len() < text.len() {
        assert_eq!(unread(&server, "bob-secret", "bob"), "1", "removed before its last receipt");
        let push = bob.b.receive_once();
        assert!(push.len() <= PUSH_BYTES_MAX, "{} bytes", push.len());
        pieces.push_str(push.strip_prefix("/from writer ").unwrap().strip_suffix('\n').unwrap());
        assert!(bob.b.is_silent(), "another piece before the receipt");
        confirm_without_line_feed(&mut bob.b);
    }
    assert_eq!(pieces, text);
    crate::harness::logged::wait_until("the message is gone", || {
        unread(&server, "bob-secret", "bob") == "0"
    });
    assert!(bob.b.is_silent());
}

#[test]
fn a_message_that_was_not_wholly_confirmed_comes_again() {
    let server = LoggedServer::start(&["bob"], &[]);
    let text = "x".repeat(1_500);
    assert_eq!(server.log_in("writer").compose("bob", &text), "MESSAGE SENT");
    for _ in 0..2 {
        let mut bob = ImClient::enter(&server, "bob");
        let first = bob.receive();
        assert!(first.starts_with("/from writer xxx"));
        let second = bob.b.line();
        assert_eq!(first.len() + second.len() - 2 * "/from writer ".len(), text.len());
        assert_eq!(bob.a.ask("/exit"), "310 Bye bye");
    }
    assert_eq!(unread(&server, "bob-secret", "bob"), "1");
}

#[test]
fn who_accepts_and_stays_silent_is_connected_and_hears_nothing() {
    let limit = std::time::Duration::from_millis(300);
    let server = LoggedServer::start(&["bob", "jacky"], &["--set=im.confirm_limit_ms=300"]);
    let mut bob = log_in(&server, "bob");
    // The connection stays in the accept queue: the client never accepts it.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    assert_eq!(bob.ask(&port_of(&listener)), CONNECTED);
    let mut jacky = log_in(&server, "jacky");
    for command in ["/to bob hi", "/toall hi"] {
        let begun = std::time::Instant::now();
        assert_eq!(jacky.ask(command), NOT_DELIVERED);
        assert!(begun.elapsed() >= limit, "{command}: {:?}", begun.elapsed());
    }
    assert_eq!(bob.ask("/list"), "301 bob jacky");
    let mut b = Client::accept(&listener);
    assert_eq!(b.line(), "/from jacky hi");
}

#[test]
fn a_late_receipt_settles_the_oldest_push_alone() {
    let server =
        LoggedServer::start(&["bob", "carl", "jacky"], &["--set=im.confirm_limit_ms=2500"]);
    let mut bob = ImClient::enter(&server, "bob");
    let [mut jacky, mut carl] = ["jacky", "carl"].map(|name| log_in(&server, name));
    assert_eq!(jacky.ask("/to bob one"), NOT_DELIVERED);
    assert_eq!(bob.b.line(), "/from jacky one");
    carl.send("/to bob two\n");
    assert!(bob.b.is_silent(), "a second push is under way");
    bob.b.send(&format!("{RECEIVED}\n"));
    assert_eq!(bob.b.line(), "/from carl two");
    assert!(carl.is_silent(), "the late receipt counts for another push");
    bob.b.send(&format!("{RECEIVED}\n"));
    assert_eq!(carl.line(), DELIVERED);
    assert!(jacky.is_silent());
}

/// Six users of chat say so many things each at once.
const SPEAKERS: usize = 6;
const WORDS: usize = 128;

#[test]
fn a_client_that_answers_its_pushes_stays_whatever_others_say() {
    let server = LoggedServer::start(&["bob"], &["--set=chat.announce=false"]);
    let mut bob = ImClient::enter(&server, "bob");
    let mut speakers: Vec<_> =
        (0..SPEAKERS).map(|number| chat::enter(&server, &format!("user{number}"))).collect();
    for speaker in &mut speakers {
        speaker.send(&"/all hello\n".repeat(WORDS));
    }
    for speaker in &mut speakers {
        // Its answer follows its own posts; the lines of others come before it.
        speaker.send("/inbox\n");
        while speaker.line() != "You have 0 unread messages." {}
    }
    speakers[0].send("/all the end\n");
    let mut pushes = 0;
    while bob.receive() != "/broadcast user0 the end" {
        pushes += 1;
        assert!(pushes <= SPEAKERS * WORDS);
    }
    assert!(bob.a.ask("/list").starts_with("301 bob user0"));
}
