//! Streams over WebSocket.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::http::{HANDSHAKE, Http, WebSocket, request, resident_bytes};
use crate::harness::operator::run;
use crate::harness::support::Server;

const POSTS: &str = "/api/v1/channels/rust/posts";
const STREAM: &str = "/api/v1/channels/rust/stream";

fn send(http: &mut Http, path: &str, text: &str) -> String {
    let sent = http.request("POST", path, text);
    assert_eq!(sent.status, 201, "{sent:?}");
    sent.json()["id"].as_str().unwrap().to_owned()
}

#[test]
fn posts_come_as_messages_and_the_stream_goes_on_after_a_kill() {
    let mut server = Server::start();
    let mut http = Http::connect(server.address("http"));
    let mut stream = Http::websocket(server.address("http"), STREAM);
    let one = send(&mut http, POSTS, "one");
    let told = stream.json();
    assert_eq!(
        told,
        json!({"event": "post", "id": one, "time": told["time"], "from": "bob", "text": "one"})
    );
    let two = send(&mut http, POSTS, "two");
    server.kill();
    server.restart();
    let mut http = Http::connect(server.address("http"));
    let three = send(&mut http, POSTS, "three");
    let mut stream = Http::websocket(server.address("http"), &format!("{STREAM}?after={one}"));
    assert_eq!([&stream.json()["id"], &stream.json()["id"]], [&two, &three]);
}

#[test]
fn a_message_is_removed_once_it_is_acknowledged() {
    let server = Server::start();
    let mut http = Http::connect(server.address("http"));
    let mut mail = Http::websocket(server.address("http"), "/~/stream");
    let one = send(&mut http, "/~bob", "one");
    let told = mail.json();
    assert_eq!(
        told,
        json!({
            "event": "message", "id": one, "time": told["time"], "from": "bob", "text": "one",
            "remaining": 0
        })
    );
    // Without an acknowledgement it is unread again, and comes first.
    let two = send(&mut http, "/~bob", "two");
    mail.reset();
    let mut mail = Http::websocket(server.address("http"), "/~/stream");
    assert_eq!(mail.json()["id"], one);
    // An acknowledgement of what was not told changes nothing.
    mail.send(WebSocket::TEXT, json!({"ack": two}).to_string().as_bytes());
    mail.send(WebSocket::TEXT, json!({"ack": one}).to_string().as_bytes());
    assert_eq!(mail.json(), json!({"event": "confirmed", "id": one}));
    mail.send(WebSocket::TEXT, json!({"ack": one}).to_string().as_bytes());
    assert_eq!(mail.json()["id"], two);
    assert_eq!(http.request("GET", "/~", "").json()["unread"], 1);
    // What is acknowledged before the close is removed.
    mail.send(WebSocket::TEXT, json!({"ack": two}).to_string().as_bytes());
    mail.send(WebSocket::CLOSE, &1_000_u16.to_be_bytes());
    assert_eq!(mail.json(), json!({"event": "confirmed", "id": two}));
    assert_eq!(mail.close(), (1_000, String::new()));
    assert_eq!(http.request("GET", "/~", "").json()["unread"], 0);
}

#[test]
fn a_close_is_answered_and_ends_the_connection() {
    let server = Server::start();
    let mut stream = Http::websocket(server.address("http"), STREAM);
    stream.send(WebSocket::PING, b"there?");
    assert_eq!(stream.frame(), (WebSocket::PONG, b"there?".to_vec()));
    stream.send(WebSocket::CLOSE, &1_000_u16.to_be_bytes());
    assert_eq!(stream.close(), (1_000, String::new()));
    assert_eq!(stream.connection().maybe_response(), None);
}

#[test]
fn a_stop_and_a_kick_close_it_with_a_reason() {
    let mut server = Server::start();
    let mut stream = Http::websocket(server.address("http"), STREAM);
    run(server.data(), &["kick", "bob"]).unwrap();
    assert_eq!(stream.close().0, 1_001);
    let mut streams =
        [STREAM, "/~/stream"].map(|path| Http::websocket(server.address("http"), path));
    let begun = Instant::now();
    assert!(server.stop().success());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    for stream in &mut streams {
        let (code, reason) = stream.close();
        assert_eq!((code, reason.as_str()), (1_001, "the stream has ended; connect again"));
    }
}

#[test]
fn rude_clients_are_closed_with_a_reason() {
    let server = Server::start();
    let begin = || Http::websocket(server.address("http"), "/~/stream");
    for (kind, payload, code) in [
        (WebSocket::TEXT, &b"hello"[..], 1_008),
        (WebSocket::TEXT, br#"{"ack":1}"#, 1_008),
        (WebSocket::TEXT, b"\xff", 1_007),
        (WebSocket::TEXT, &[b'x'; 1_025], 1_009),
        (WebSocket::BINARY, b"x", 1_003),
        (3, b"", 1_002),
        (WebSocket::PING, &[b'x'; 126], 1_002),
    ] {
        let mut stream = begin();
        stream.send(kind, payload);
        assert_eq!(stream.close().0, code, "{kind} {payload:?}");
        assert_eq!(stream.connection().maybe_response(), None);
    }
    // A frame that is not masked, and one that never ends.
    let mut stream = begin();
    stream.connection().send([0x81, 0x01, b'x']);
    assert_eq!(stream.close().0, 1_002);
    let mut stream = begin();
    stream.connection().send([0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    stream.connection().send([0; 4]);
    assert_eq!(stream.close().0, 1_009);
}

/// Pings without end, whose answers nobody takes, cost the others nothing.
#[test]
fn pings_are_no_way_to_fill_memory() {
    let server = Server::start();
    let mut rude = Http::websocket(server.address("http"), STREAM);
    let before = resident_bytes(server.pid());
    let mut pings = Vec::new();
    for _ in 0..10_000 {
        pings.extend([0x89, 0xfd, 0, 0, 0, 0]);
        pings.extend([b'x'; 125]);
    }
    rude.connection().send_while_taken(&pings, 40);
    let mut http = Http::connect(server.address("http"));
    let mut stream = Http::websocket(server.address("http"), STREAM);
    let id = send(&mut http, POSTS, "still here");
    assert_eq!(stream.json()["id"], id);
    let grown = resident_bytes(server.pid()).saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes");
}

#[test]
fn a_handshake_that_is_wrong_is_refused_with_a_reason() {
    let server = Server::start();
    let begins = request("GET", STREAM, "").replace("\r\n\r\n", HANDSHAKE);
    for (from, to) in [
        ("Version: 13", "Version: 8"),
        ("Connection: keep-alive, Upgrade", "Connection: keep-alive"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="),
    ] {
        let mut http = Http::connect(server.address("http"));
        http.send(begins.replace(from, to));
        let refused = http.response();
        assert_eq!((refused.status, refused.problem().as_str()), (426, "websocket"), "{to}");
        assert_eq!(refused.header("sec-websocket-version"), Some("13"));
    }
    let mut http = Http::connect(server.address("http"));
    http.send(begins.replace("\r\nUpgrade", "\r\nOrigin: https://example.org\r\nUpgrade"));
    assert_eq!(http.response().problem(), "cross-site");
    let mut http = Http::connect(server.address("http"));
    let begins = begins.replace(STREAM, "/~/stream");
    http.send(begins.replace("Authorization: Basic Ym9iOg==\r\n", ""));
    assert_eq!(http.response().status, 401);
}
