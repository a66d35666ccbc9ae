//! Servers that say nothing for a while, or for good.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use super::*;
use crate::socket::{SOCKET, with_address};

const PATIENCE: Duration = Duration::from_millis(200);

/// A folder with a socket, and a client that waits only a little while.
fn listening() -> (TempDir, UnixListener, Place) {
    let folder = tempfile::tempdir().expect("a folder");
    let listener = UnixListener::bind(folder.path().join(SOCKET)).expect("a socket");
    let place = Place::new(folder.path()).with_patience(PATIENCE);
    (folder, listener, place)
}

fn client(place: Place) -> AdminClient {
    AdminClient::connect_to(place).expect("no error").expect("a server")
}

/// Accepts a connection and reads a request without a body.
fn accept(listener: &UnixListener) -> (UnixStream, String) {
    let (mut stream, _) = listener.accept().expect("a connection");
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).expect("a request"), 1);
        request.push(byte[0]);
    }
    (stream, String::from_utf8(request).expect("text"))
}

fn answer(mut stream: &UnixStream, body: &str) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).expect("it is sent");
}

#[test]
fn a_server_that_says_nothing_is_left() {
    let (_folder, listener, place) = listening();
    let server = thread::spawn(move || {
        let (asked, _) = accept(&listener);
        let (probe, request) = accept(&listener);
        assert!(request.starts_with("GET /v1/status "), "{request}");
        (asked, probe)
    });
    let error = client(place).get::<Value>("/v1/sessions").expect_err("no answer comes");
    assert!(matches!(error, ClientError::Silent { asked: Asked::Tell, .. }), "{error}");
    drop(server.join().expect("it was asked twice"));
}

#[test]
fn an_answer_that_takes_its_time_is_awaited_while_the_server_says_how_it_is() {
    let (_folder, listener, place) = listening();
    let server = thread::spawn(move || {
        let (asked, _) = accept(&listener);
        for _ in 0..3 {
            let (probe, _) = accept(&listener);
            answer(&probe, "{}");
        }
        answer(&asked, r#"{"whole":true}"#);
    });
    let told: Value = client(place).get("/v1/sessions").expect("an answer");
    assert_eq!(told, json!({"whole": true}));
    server.join().expect("it was asked so often");
}

#[test]
fn a_server_that_stops_between_two_lines_is_left() {
    let (_folder, listener, place) = listening();
    let server = thread::spawn(move || {
        let (mut asked, _) = accept(&listener);
        asked.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n1\n2\n").expect("sent");
        (accept(&listener), asked)
    });
    let mut lines = Vec::new();
    let told = client(place).lines("/v1/check", |line: u32| {
        lines.push(line);
        ControlFlow::Continue(())
    });
    assert!(matches!(told, Err(ClientError::Silent { .. })), "{told:?}");
    assert_eq!(lines, [1, 2]);
    drop(server.join().expect("it was asked"));
}

#[test]
fn a_server_that_accepts_nobody_is_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
    with_address(folder.path(), |address| listener.bind(address)).expect("it is bound");
    listener.listen(0).expect("it listens");
    let place = Place::new(folder.path()).with_patience(PATIENCE);
    let _waiting = place.connect().expect("there is room for one").expect("a server");
    let begun = Instant::now();
    let error = place.connect().expect_err("there is no more room");
    assert!(matches!(error, ClientError::Silent { .. }), "{error}");
    assert!(begun.elapsed() >= PATIENCE);
}
