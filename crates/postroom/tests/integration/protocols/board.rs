//! The protocol `board` as its original clients use it.

use std::io::Write;

use crate::harness::logged::{LoggedServer, wait_until};
use crate::harness::support::{Client, Server};

fn request(server: &Server, request: &str) -> Client {
    let mut client = server.connect("board");
    client.send(request);
    client
}

/// Uploads a text and half-closes.
fn upload(server: &Server, text: &str) -> String {
    let mut client = request(server, &format!("u\n{text}"));
    client.end();
    client.rest()
}

/// The latest text, asked for as the original client does.
fn latest(server: &Server) -> String {
    request(server, "d\n").rest()
}

#[test]
fn a_text_and_its_end_are_enough() {
    let server = Server::start();
    assert_eq!(latest(&server), "Empty Message");
    // Without a line feed, and without reading the answer.
    drop(request(&server, "u\nhello"));
    wait_until("the text is there", || latest(&server) == "hello");
    // Half a text of a connection that was reset is not stored.
    request(&server, "u\nhalf").reset();
    assert_eq!(latest(&server), "hello");
}

#[test]
fn a_client_that_leaves_its_answer_unread_has_made_no_mistake() {
    let server = LoggedServer::start(&[], &["--set=connection.pause_ms=50"]);
    for number in 0..3 {
        let text = format!("text {number}");
        let client = request(&server, &format!("u\n{text}"));
        // The answer has come and is unread, so the client's system resets the connection.
        client.stream().peek(&mut [0]).unwrap();
        drop(client);
        assert_eq!(latest(&server), text);
    }
    let log = server.log();
    assert!(!log.contains("WARN") && !log.contains("ERROR"), "{log}");
}

#[test]
fn each_answer_comes_whole_with_one_receive_call() {
    let server = Server::start();
    for (request, answer) in [
        ("u\nhello\n", "operation success\n"),
        ("u\r\nhello\r\n", "operation success\n"),
        ("d\n\n", "hello"),
        ("x\n", "error: operation illegal\n"),
    ] {
        let client = server.connect("board");
        client.stream().write_all(request.as_bytes()).unwrap();
        assert_eq!(client.receive_once(), answer);
        assert_eq!(client.receive_once(), "", "it closes then");
    }
}

#[test]
fn the_latest_text_is_there_after_a_restart_unless_it_is_not_to_be() {
    for (arguments, after) in
        [(&[][..], "hello"), (&["--set=board.persist=false"], "Empty Message")]
    {
        let mut server = Server::with(arguments);
        assert_eq!(upload(&server, "hello #tag\n"), "operation success\n");
        assert_eq!(upload(&server, "hello\n"), "operation success\n");
        server.kill();
        server.restart();
        assert_eq!(latest(&server), after);
    }
}
