//! The clients over HTTP, with servers that do what they must not, or stop in the middle.

use std::io;
use std::time::Duration;

use postroom_client::{
    ClientError, DefaultsArguments, Environment, ExitStatus, HistoryArguments, PostArguments,
    ReadArguments, SendArguments, ServerAddress, TailArguments, TlsArguments, history_to,
    post_from, read_to, send_from, tail_to,
};

use crate::fake::{FakeServer, Peer, Screen};
use crate::{read, send};

const LEASE: &str = "POST /~/lease?for=30s";
const CONFIRMED: &str = "DELETE /~/m0000000000001?key=k1";
const MESSAGE: &str = r#"{"id":"m0000000000001","key":"k1","expires":"2026-11-23T08:00:31Z","time":"2026-11-23T08:00:01Z","from":"alice","text":"Hi\nBob!","remaining":0}"#;
const PRINTED: &str = "alice: Hi\n  Bob!\n";
const EXPIRED: &str =
    r#"{"type":"/api/v1/problems/expired","title":"t","status":410,"detail":"it is not leased"}"#;
const EVENTS: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 1000\n\n";

fn reading(server: &ServerAddress) -> ReadArguments {
    let address = format!("http://{server}").parse().unwrap();
    ReadArguments { server: Some(address), ..read::arguments(server) }
}

fn sending(server: &ServerAddress, text: &str) -> SendArguments {
    let address = format!("http://{server}").parse().unwrap();
    SendArguments { server: Some(address), ..send::arguments(server, Some(text)) }
}

fn tailing(server: &ServerAddress) -> TailArguments {
    TailArguments {
        server: Some(server.clone().into()),
        name: None,
        channel: "#rust".to_owned(),
        after: Some("p0000000000001".parse().unwrap()),
        no_reconnect: false,
        json: false,
        password_file: None,
        timeout: Duration::from_secs(20),
        tls: TlsArguments::default(),
        defaults: DefaultsArguments::default(),
    }
}

fn posting(server: &ServerAddress) -> PostArguments {
    PostArguments {
        server: Some(server.clone().into()),
        name: Some("bob".to_owned()),
        channel: "#rust".to_owned(),
        text: Some("It compiles.".to_owned()),
        text_from_input: false,
        allow_empty: false,
        password_file: None,
        timeout: Duration::from_secs(20),
        tls: TlsArguments::default(),
        defaults: DefaultsArguments::default(),
    }
}

fn looking(server: &ServerAddress, count: usize) -> HistoryArguments {
    HistoryArguments {
        server: Some(server.clone().into()),
        name: None,
        channel: "#rust".to_owned(),
        count,
        before: None,
        after: None,
        since: None,
        json: false,
        password_file: None,
        timeout: Duration::from_secs(20),
        tls: TlsArguments::default(),
        defaults: DefaultsArguments::default(),
    }
}

fn sent(arguments: &SendArguments) -> Result<(), ClientError> {
    send_from(arguments, &Environment::default(), &mut io::empty())
}

fn read_with(arguments: &ReadArguments, screen: &mut Screen) -> Result<(), ClientError> {
    read_to(arguments, &Environment::default(), screen)
}

#[test]
fn a_message_is_printed_before_it_is_confirmed() {
    let mut screen = Screen::default();
    let seen = screen.clone();
    let server = FakeServer::start(move |mut peer| {
        peer.expect_request(LEASE, "");
        assert_eq!(seen.text(), "");
        peer.answer("200 OK", "", MESSAGE);
        peer.expect_request(CONFIRMED, "");
        assert_eq!(seen.text(), PRINTED);
        peer.answer("204 No Content", "", "");
        peer.expect_end();
    });
    read_with(&reading(&server.address), &mut screen).unwrap();
    server.finish();
}

#[test]
fn a_request_after_the_end_of_a_connection_goes_over_another_one() {
    let server = FakeServer::accepting(|accept| {
        let mut peer = accept();
        peer.expect_request(LEASE, "");
        peer.answer("200 OK", "Connection: close\r\n", MESSAGE);
        let mut peer = accept();
        peer.expect_request(CONFIRMED, "");
        peer.answer("204 No Content", "", "");
        // It ends while nothing is asked.
        drop(peer);
        let mut peer = accept();
        peer.expect_request(LEASE, "");
        peer.answer("204 No Content", "", "");
    });
    let mut screen = Screen::default();
    let arguments = ReadArguments { all: true, ..reading(&server.address) };
    read_with(&arguments, &mut screen).unwrap();
    server.finish();
    assert_eq!(screen.text(), PRINTED);
}

#[test]
fn a_message_whose_lease_has_ended_is_printed_once() {
    let server = FakeServer::start(|mut peer| {
        for (status, body) in [("410 Gone", EXPIRED), ("204 No Content", "")] {
            peer.expect_request(LEASE, "");
            peer.answer("200 OK", "", MESSAGE);
            peer.expect_request(CONFIRMED, "");
            peer.answer(status, "", body);
        }
        peer.expect_request(LEASE, "");
        peer.answer("204 No Content", "", "");
    });
    let mut screen = Screen::default();
    let arguments = ReadArguments { all: true, ..reading(&server.address) };
    read_with(&arguments, &mut screen).unwrap();
    server.finish();
    assert_eq!(screen.text(), PRINTED);

    let server = FakeServer::start(|mut peer| {
        peer.expect_request(LEASE, "");
        peer.answer("200 OK", "", MESSAGE);
        peer.expect_request(CONFIRMED, "");
        peer.answer("410 Gone", "", EXPIRED);
    });
    let error = read_with(&reading(&server.address), &mut Screen::default()).unwrap_err();
    server.finish();
    assert!(matches!(error, ClientError::Unconfirmed { .. }), "{error:?}");
    assert_eq!(error.exit_status(), ExitStatus::Temporary);
}

#[test]
fn a_confirmation_without_an_answer_is_made_again_by_a_client_that_follows() {
    let server = FakeServer::accepting(|accept| {
        let mut peer = accept();
        peer.expect_request(LEASE, "");
        peer.answer("204 No Content", "", "");
        peer.expect_request("POST /~/lease?for=30s&wait=60s", "");
        peer.answer("200 OK", "", MESSAGE);
        peer.expect_request(CONFIRMED, "");
        drop(peer);
        let mut peer = accept();
        peer.expect_request(CONFIRMED, "");
        peer.answer("410 Gone", "", EXPIRED);
        peer.expect_request(LEASE, "");
        // It was not removed, and comes again.
        peer.answer("200 OK", "", MESSAGE);
        peer.expect_request(CONFIRMED, "");
        peer.answer("204 No Content", "", "");
        peer.expect_request("POST /~/lease?for=30s&wait=60s", "");
        peer.answer("401 Unauthorized", "", "");
    });
    let mut screen = Screen::default();
    let arguments = ReadArguments { follow: true, ..reading(&server.address) };
    let error = read_with(&arguments, &mut screen).unwrap_err();
    server.finish();
    assert!(matches!(error, ClientError::LoginRefused { .. }), "{error:?}");
    assert_eq!(screen.text(), PRINTED);
}

#[test]
fn only_an_answer_with_an_id_says_that_it_is_stored() {
    for (status, body, ends) in [
        ("200 OK", "<html>", ExitStatus::Protocol),
        ("204 No Content", "", ExitStatus::Protocol),
        ("201 Created", "{}", ExitStatus::Protocol),
        ("502 Bad Gateway", "<html>", ExitStatus::InputOutput),
        ("404 Not Found", "<html>", ExitStatus::Protocol),
        ("201 Created", r#"{"id":"m0000000000001"}"#, ExitStatus::Success),
    ] {
        let serve = |request: &'static str, text: &'static str| {
            FakeServer::start(move |mut peer| {
                peer.expect_request(request, text);
                peer.answer(status, "", body);
            })
        };
        let check = |done: Result<(), ClientError>| {
            let ended =
                done.as_ref().map_or_else(ClientError::exit_status, |()| ExitStatus::Success);
            assert_eq!(ended, ends, "{status} {body}: {done:?}");
        };
        let server = serve("POST /~alice", "Hi Alice!");
        check(sent(&sending(&server.address, "Hi Alice!")));
        server.finish();
        let server = serve("POST /api/v1/channels/rust/posts", "It compiles.");
        let arguments = posting(&server.address);
        check(post_from(&arguments, &Environment::default(), &mut io::empty()));
        server.finish();
    }
}

#[test]
fn a_server_that_stops_in_the_middle_leaves_open_what_it_has_stored() {
    for said in
        ["", "HTTP/1.1 201 Cre", "HTTP/1.1 201 Created\r\nContent-Length: 30\r\n\r\n{\"id\""]
    {
        let server = FakeServer::start(move |mut peer| {
            peer.expect_request("POST /~alice", "Hi");
            peer.say(said);
        });
        let error = sent(&sending(&server.address, "Hi")).unwrap_err();
        server.finish();
        assert_eq!(error.exit_status(), ExitStatus::InputOutput, "{said}: {error}");
        let told = error.to_string();
        assert!(told.ends_with("whether the message was stored is unknown"), "{told}");
    }
    // Of a message, half is none.
    let server = FakeServer::start(|mut peer| {
        peer.expect_request(LEASE, "");
        let (half, _) = MESSAGE.split_at(100);
        peer.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{half}", MESSAGE.len()));
    });
    let mut screen = Screen::default();
    let error = read_with(&reading(&server.address), &mut screen).unwrap_err();
    server.finish();
    assert!(matches!(error, ClientError::Dropped { .. }), "{error:?}");
    assert_eq!(screen.text(), "");
}

#[test]
fn a_server_that_says_nothing_or_too_much_is_not_waited_for() {
    let server = FakeServer::start(|mut peer| {
        peer.expect_request("POST /~alice", "Hi");
        peer.expect_end();
    });
    let timeout = Duration::from_millis(50);
    let error = sent(&SendArguments { timeout, ..sending(&server.address, "Hi") }).unwrap_err();
    server.finish();
    assert!(error.to_string().contains("within 0.05 s"), "{error}");
    assert_eq!(error.exit_status(), ExitStatus::InputOutput);

    let server = FakeServer::start(|mut peer| {
        peer.expect_request(LEASE, "");
        peer.say("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
        while peer.try_say(&[b' '; 8_192]) {}
    });
    let error = read_with(&reading(&server.address), &mut Screen::default()).unwrap_err();
    server.finish();
    assert!(error.to_string().contains("more than an answer can have"), "{error}");
}

fn event(id: &str, from: &str, text: &str) -> String {
    let post = format!(
        r#"{{"event":"post","id":"{id}","time":"2026-11-23T08:00:01Z","from":"{from}","text":"{text}"}}"#
    );
    format!("id: {id}\nevent: post\ndata: {post}\n\n")
}

const STREAM: &str = "GET /api/v1/channels/rust/stream";

/// Takes the request for a stream that goes on behind this post.
#[track_caller]
fn expect_stream(peer: &mut Peer, after: &str) {
    let head: Vec<_> =
        std::iter::repeat_with(|| peer.line()).take_while(|line| line != "\r").collect();
    assert_eq!(head[0], format!("{STREAM} HTTP/1.1\r"));
    assert!(head.contains(&format!("last-event-id: {after}\r")), "{head:?}");
    assert!(!head.iter().any(|line| line.starts_with("authorization")), "{head:?}");
}

#[test]
fn a_stream_that_is_cut_goes_on_behind_the_last_whole_event() {
    let server = FakeServer::accepting(|accept| {
        let mut peer = accept();
        expect_stream(&mut peer, "p0000000000001");
        let half = event("p0000000000003", "mary", "half of it");
        let (half, _) = half.split_at(60);
        peer.say(format!("{EVENTS}{}{half}", event("p0000000000002", "bob", "one\\ntwo")));
        drop(peer);
        let mut peer = accept();
        expect_stream(&mut peer, "p0000000000002");
        // What has been printed is not printed again.
        peer.say(format!("{EVENTS}{}", event("p0000000000002", "bob", "one")));
        peer.say(event("p0000000000003", "mary", "three"));
        peer.say("event: deleted\ndata: {\"event\":\"deleted\",\"id\":\"p0000000000003\"}\n\n");
        peer.say("event: later\ndata: {\"event\":\"later\",\"what\":1}\n\n");
        drop(peer);
        let mut peer = accept();
        expect_stream(&mut peer, "p0000000000003");
        peer.answer("403 Forbidden", "", "");
    });
    let mut screen = Screen::default();
    let ended = tail_to(&tailing(&server.address), &Environment::default(), &mut screen);
    server.finish();
    assert!(matches!(ended, Err(ClientError::Refusal(_))), "{ended:?}");
    let time = "2026-11-23T08:00:01Z";
    let printed = format!("{time} bob: one\n  two\n{time} mary: three\n{time} mary: (deleted)\n");
    assert_eq!(screen.text(), printed);
}

#[test]
fn a_stream_that_is_none_is_refused() {
    for (answer, told) in [
        ("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>", "<html>"),
        (&format!("{EVENTS}data: [\n\n"), "\"[\""),
        (&format!("{EVENTS}data: {{\"event\":\"post\",\"id\":\"x\"}}\n\n"), "event"),
    ] {
        let answer = answer.to_owned();
        let server = FakeServer::start(move |mut peer| {
            expect_stream(&mut peer, "p0000000000001");
            peer.say(answer);
        });
        let ended = tail_to(&tailing(&server.address), &Environment::default(), &mut io::sink());
        server.finish();
        let error = ended.unwrap_err();
        assert_eq!(error.exit_status(), ExitStatus::Protocol, "{error}");
        assert!(error.to_string().contains(told), "{error}");
    }
}

#[test]
fn who_is_not_to_come_back_ends_with_the_connection() {
    let server = FakeServer::start(|mut peer| {
        expect_stream(&mut peer, "p0000000000001");
        peer.say(EVENTS);
    });
    let arguments = TailArguments { no_reconnect: true, ..tailing(&server.address) };
    let error = tail_to(&arguments, &Environment::default(), &mut io::sink()).unwrap_err();
    server.finish();
    assert_eq!(error.exit_status(), ExitStatus::Temporary, "{error}");
}

#[test]
fn a_page_that_leads_nowhere_ends_the_history() {
    let server = FakeServer::start(|mut peer| {
        peer.expect_request("GET /api/v1/channels/rust/posts?count=5", "");
        let post = r#"{"id":"p2","time":"t","from":"a\u001b","text":"b\u009b"}"#;
        peer.answer("200 OK", "", &format!(r#"{{"posts":[{post}],"next":"before=p2"}}"#));
        peer.expect_request("GET /api/v1/channels/rust/posts?count=4&before=p2", "");
        peer.answer("200 OK", "", r#"{"posts":[],"next":"before=p2"}"#);
    });
    let mut screen = Screen::default();
    history_to(&looking(&server.address, 5), &Environment::default(), &mut screen).unwrap();
    server.finish();
    assert_eq!(screen.text(), "t a^[: bM-^[\n");
}

#[test]
fn a_greeting_of_another_listener_is_no_answer() {
    let server = FakeServer::start(|mut peer| {
        peer.say("Welcome to Postroom. Choose a name with /setname NAME.\n");
        peer.drain();
    });
    let error = sent(&sending(&server.address, "Hi")).unwrap_err();
    server.finish();
    assert!(matches!(error, ClientError::OtherListener { met: "chat", .. }), "{error:?}");
}
