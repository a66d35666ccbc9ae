//! A message is removed only once its reader has proved receipt: every way in which
//! a connection can end, and what it proves.

mod proxy;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use crate::harness::support::{Client, PATIENCE, Server};

const VERBOSE: &str = "mailbox-verbose";

/// A server with these texts from `carol` in the mailbox of `bob`.
fn server_with(texts: &[&str], arguments: &[&str]) -> Server {
    let server = Server::with(arguments);
    let mut carol = server.log_in("carol");
    for text in texts {
        assert_eq!(carol.compose("bob", text), "MESSAGE SENT");
    }
    leave(carol);
    server
}

#[expect(clippy::unnecessary_wraps, reason = "it is compared with what READ returns")]
fn carols(text: &str) -> Option<(String, String)> {
    Some(("carol".to_owned(), text.to_owned()))
}

/// Messages in bob's mailbox, those handed out included.
fn stored(server: &Server) -> u32 {
    let mut visitor = server.connect("mailbox");
    let number = visitor.ask("LOGIN bob").parse().unwrap();
    leave(visitor);
    number
}

/// Waits until the server has put back the messages of a connection that broke: it
/// sees the break a little later than the test. Returns the earliest message and
/// the session that holds it now.
fn read_when_put_back(server: &Server) -> (Client, (String, String)) {
    let begun = Instant::now();
    let mut bob = server.log_in("bob");
    loop {
        if let Some(message) = bob.read() {
            return (bob, message);
        }
        assert!(begun.elapsed() < PATIENCE, "the message does not come back");
    }
}

/// Waits until bob would receive just these, and removes none of them.
fn wait_until_put_back(server: &Server, texts: &[&str]) {
    let begun = Instant::now();
    while what_waits(server, texts.len()) != texts {
        assert!(begun.elapsed() < PATIENCE, "the messages do not come back");
    }
}

/// Reads one message more than expected, all in one packet, and resets.
fn what_waits(server: &Server, expected: usize) -> Vec<String> {
    let mut bob = server.log_in("bob");
    bob.send(&"READ\n".repeat(expected + 1));
    let mut texts = Vec::new();
    for _ in 0..=expected {
        if bob.line() != "READ ERROR" {
            texts.push(bob.line());
        }
    }
    bob.reset();
    texts
}

/// Reads and confirms all of bob's messages.
fn read_all(server: &Server) -> Vec<String> {
    let mut bob = server.log_in("bob");
    let mut texts = Vec::new();
    while let Some((_, text)) = bob.read() {
        texts.push(text);
    }
    leave(bob);
    texts
}

/// Half-closes and waits until the server has closed too.
fn leave(mut client: Client) {
    client.send("EXIT\n");
    assert_eq!(client.rest(), "");
}

fn wait_until_empty(server: &Server) {
    let begun = Instant::now();
    while stored(server) > 0 {
        assert!(begun.elapsed() < PATIENCE, "the message is not removed");
    }
}

#[test]
fn a_further_line_removes_what_was_read_before_it_is_answered() {
    let server = server_with(&["one", "two"], &[]);
    let mut bob = server.log_in("bob");
    assert_eq!(bob.read(), carols("one"));
    assert_eq!(stored(&server), 2);
    assert_eq!(bob.read(), carols("two"));
    assert_eq!(stored(&server), 1);
    assert_eq!(bob.compose("carol", "thanks"), "MESSAGE SENT");
    assert_eq!(stored(&server), 0);
}

#[test]
fn a_compose_without_its_body_is_a_further_line() {
    let server = server_with(&["one"], &[]);
    let mut bob = server.log_in("bob");
    assert_eq!(bob.read(), carols("one"));
    bob.send("COMPOSE carol\n");
    wait_until_empty(&server);
    bob.reset();
    assert_eq!(read_all(&server), [""; 0]);
}

#[test]
fn half_a_line_proves_nothing() {
    let server = server_with(&["one"], &[]);
    let mut bob = server.log_in("bob");
    assert_eq!(bob.read(), carols("one"));
    bob.send("COMPOSE caro");
    bob.reset();
    assert_eq!(read_when_put_back(&server).1.1, "one");
}

#[test]
fn a_reset_after_read_puts_the_message_back_in_its_place() {
    let server = server_with(&["one", "two", "three"], &[]);
    let mut bob = server.log_in("bob");
    assert_eq!(bob.read(), carols("one"));
    bob.reset();
    wait_until_put_back(&server, &["one", "two", "three"]);
    assert_eq!(read_all(&server), ["one", "two", "three"]);
}

#[test]
fn a_reset_before_the_answer_was_seen_puts_the_message_back() {
    for _ in 0..20 {
        let server = server_with(&["one"], &[]);
        let mut bob = server.log_in("bob");
        bob.send("READ\n");
        bob.reset();
        assert_eq!(read_when_put_back(&server).1.1, "one");
    }
}

#[test]
fn an_end_of_input_with_the_answers_taken_removes() {
    let server = server_with(&["one", "two"], &[]);
    let mut bob = server.log_in("bob");
    assert_eq!(bob.read(), carols("one"));
    bob.end();
    assert_eq!(bob.rest(), "");
    assert_eq!(stored(&server), 1);
    assert_eq!(read_all(&server), ["two"]);
}

#[test]
fn a_close_with_an_answer_unread_puts_back() {
    let server = server_with(&["one"], &[]);
    let mut bob = server.log_in("bob");
    bob.send("READ\n");
    // The answer is in the client's socket, and the client closes without
    // taking it: its system then resets the connection.
    let mut byte = [0];
    assert_eq!(bob.stream().peek(&mut byte).unwrap(), 1);
    drop(bob);
    assert_eq!(read_when_put_back(&server).1.1, "one");
}

#[test]
fn an_end_of_input_in_one_packet_with_read_removes_nothing() {
    let server = server_with(&["one"], &[]);
    let mut bob = server.log_in("bob");
    // The end came before the answer could have been acknowledged.
    bob.send("READ\n");
    bob.end();
    assert_eq!(bob.rest(), "carol\none\n");
    let kept = stored(&server);
    // If they came in two packets, the end has proved receipt.
    assert!(kept <= 1);
    assert_eq!(read_all(&server).len(), usize::try_from(kept).unwrap());
}

/// A client of bob whose answer is still on its way: its receive window is smaller
/// than the answer.
fn with_an_answer_on_its_way(server: &Server, text: &str) -> TcpStream {
    assert_eq!(server.log_in("carol").compose("bob", text), "MESSAGE SENT");
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(2_048).unwrap();
    socket.connect(&server.address("mailbox").into()).unwrap();
    let mut bob = TcpStream::from(socket);
    bob.write_all(b"LOGIN bob\nREAD\n").unwrap();
    // The first bytes have come.
    bob.set_read_timeout(Some(PATIENCE)).unwrap();
    bob.read_exact(&mut [0; 8]).unwrap();
    bob
}

fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

#[test]
fn a_line_sent_while_the_answer_is_on_its_way_proves_nothing() {
    let server = Server::start();
    let text = "x".repeat(8_192);
    let mut bob = with_an_answer_on_its_way(&server, &text);
    bob.write_all(b"COMPOSE dora\nhello\n").unwrap();
    let mut dora = server.log_in("dora");
    let begun = Instant::now();
    while dora.read().is_none() {
        assert!(begun.elapsed() < PATIENCE, "the line is not taken");
    }
    assert_eq!(stored(&server), 1);
    reset(bob);
    assert_eq!(read_when_put_back(&server).1.1, text);
}

#[test]
fn an_end_of_input_while_the_answer_is_on_its_way_proves_nothing() {
    let server = Server::start();
    let text = "x".repeat(8_192);
    let bob = with_an_answer_on_its_way(&server, &text);
    bob.shutdown(Shutdown::Write).unwrap();
    // The server stops waiting for a proof that can no longer come.
    assert_eq!(read_when_put_back(&server).1.1, text);
    reset(bob);
}

#[test]
fn read_read_exit_in_one_packet_and_a_reset_lose_nothing() {
    let server = server_with(&["one", "two"], &[]);
    let mut bob = server.log_in("bob");
    bob.send("READ\nREAD\nEXIT\n");
    let mut first = [0; 5];
    bob.stream().read_exact(&mut first).unwrap();
    bob.reset();
    wait_until_put_back(&server, &["one", "two"]);
}

#[test]
fn read_read_exit_in_one_packet_and_an_orderly_end_remove() {
    let server = server_with(&["one", "two"], &[]);
    let mut bob = server.log_in("bob");
    bob.send("READ\nREAD\nEXIT\n");
    assert_eq!(bob.rest(), "carol\none\ncarol\ntwo\n");
    // Nothing is removed while the client has not ended its side.
    assert_eq!(stored(&server), 2);
    drop(bob);
    wait_until_empty(&server);
}

#[test]
fn an_exit_after_the_answer_removes_before_the_server_closes() {
    let server = server_with(&["one"], &[]);
    let mut bob = server.log_in("bob");
    assert_eq!(bob.read(), carols("one"));
    leave(bob);
    assert_eq!(stored(&server), 0);
}

#[test]
fn a_client_that_never_ends_its_side_after_a_pipelined_exit_removes_nothing() {
    let server = server_with(&["one"], &["--set=connection.drain_limit_ms=200"]);
    let mut bob = server.log_in("bob");
    bob.send("READ\nEXIT\n");
    assert_eq!(bob.rest(), "carol\none\n");
    assert_eq!(read_when_put_back(&server).1.1, "one");
    drop(bob);
}

#[test]
fn a_kill_between_read_and_the_next_command_brings_the_message_back() {
    let mut server = server_with(&["one", "two"], &[]);
    let mut bob = server.log_in("bob");
    assert_eq!(bob.read(), carols("one"));
    server.kill();
    server.restart();
    assert_eq!(read_all(&server), ["one", "two"]);
}

#[test]
fn a_message_confirmed_before_a_kill_never_comes_back() {
    let mut server = server_with(&["one", "two", "three"], &[]);
    let mut bob = server.log_in("bob");
    assert_eq!(bob.read(), carols("one"));
    assert_eq!(bob.read(), carols("two"));
    server.kill();
    server.restart();
    assert_eq!(stored(&server), 2);
    assert_eq!(read_all(&server), ["two", "three"]);
    server.kill();
    server.restart();
    assert_eq!(stored(&server), 0);
    assert_eq!(read_all(&server), [""; 0]);
}

#[test]
fn two_sessions_of_one_account_are_given_each_message_once() {
    let texts: Vec<_> = (0..50).map(|number| format!("{number:02}")).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    let server = server_with(&texts, &[]);
    let read = |mut bob: Client| {
        let read: Vec<_> = std::iter::from_fn(|| bob.read()).map(|(_, text)| text).collect();
        leave(bob);
        read
    };
    let (one, two) = (server.log_in("bob"), server.log_in("BOB"));
    let (one, two) = std::thread::scope(|scope| {
        let other = scope.spawn(move || read(two));
        (read(one), other.join().unwrap())
    });
    assert!(one.is_sorted() && two.is_sorted(), "{one:?} {two:?}");
    let mut all = [one, two].concat();
    all.sort_unstable();
    assert_eq!(all, texts);
    assert_eq!(stored(&server), 0);
}

#[test]
fn a_message_given_to_one_session_is_not_given_to_another() {
    let server = server_with(&["one", "two"], &[]);
    let (mut first, mut second) = (server.log_in("bob"), server.log_in("bob"));
    assert_eq!(first.read(), carols("one"));
    assert_eq!(second.read(), carols("two"));
    assert_eq!(first.read(), None);
    // One is removed; two is not proved, and the second session keeps it.
    assert_eq!(stored(&server), 1);
    assert_eq!(second.read(), None);
    assert_eq!(stored(&server), 0);
}

#[test]
fn what_comes_back_goes_before_later_messages() {
    let server = server_with(&["one", "two", "three"], &[]);
    let (mut first, mut second) = (server.log_in("bob"), server.log_in("bob"));
    assert_eq!(first.read(), carols("one"));
    assert_eq!(second.read(), carols("two"));
    first.end();
    assert_eq!(first.rest(), "");
    second.reset();
    wait_until_put_back(&server, &["two", "three"]);
    assert_eq!(read_all(&server), ["two", "three"]);
}

#[test]
fn what_is_handed_out_counts_at_login_and_against_the_capacity() {
    let server = server_with(&["one", "two"], &["--capacity=2"]);
    let mut carol = server.log_in("carol");
    assert_eq!(carol.compose("bob", "three"), "MESSAGE FAILED");
    let mut bob = server.log_in("bob");
    assert_eq!(bob.read(), carols("one"));
    assert_eq!(stored(&server), 2);
    assert_eq!(carol.compose("bob", "three"), "MESSAGE FAILED");
    assert_eq!(bob.read(), carols("two"));
    assert_eq!(carol.compose("bob", "three"), "MESSAGE SENT");
    assert_eq!(carol.compose("bob", "four"), "MESSAGE FAILED");
    assert_eq!(stored(&server), 2);
    bob.end();
    assert_eq!(bob.rest(), "");
    assert_eq!(read_all(&server), ["three"]);
}

#[test]
fn in_full_sentences_any_line_is_a_proof_and_the_number_counts_what_can_be_given() {
    let server = server_with(&["one", "two", "three"], &[]);
    let mut bob = server.connect(VERBOSE);
    assert_eq!(bob.ask("LOGIN bob"), "Login successful. Welcome bob. You have 3 unread messages.");
    assert_eq!(bob.ask("READ bob"), "2 carol one");
    let mut other = server.connect(VERBOSE);
    let counted = "Login successful. Welcome bob. You have 3 unread messages.";
    assert_eq!(other.ask("LOGIN bob"), counted);
    assert_eq!(other.ask("READ bob"), "1 carol two");
    assert_eq!(bob.ask("nonsense"), "UNKNOWN COMMAND");
    assert_eq!(stored(&server), 2);
    assert_eq!(other.ask("READ carol"), "LOGIN ERROR");
    assert_eq!(stored(&server), 1);
    assert_eq!(bob.ask("READ bob"), "0 carol three");
    assert_eq!(bob.ask("READ bob"), "No More Unread Messages.");
    assert_eq!(stored(&server), 0);
}

#[test]
fn in_full_sentences_an_end_of_input_removes_and_a_reset_puts_back() {
    let server = server_with(&["one", "two"], &[]);
    let mut bob = server.connect(VERBOSE);
    bob.ask("LOGIN bob");
    assert_eq!(bob.ask("READ bob"), "1 carol one");
    bob.end();
    assert_eq!(bob.rest(), "");
    assert_eq!(stored(&server), 1);
    let mut bob = server.connect(VERBOSE);
    bob.ask("LOGIN bob");
    assert_eq!(bob.ask("READ bob"), "0 carol two");
    bob.reset();
    assert_eq!(read_when_put_back(&server).1.1, "two");
}

#[test]
fn in_full_sentences_pipelined_reads_and_a_reset_lose_nothing() {
    let server = server_with(&["one", "two"], &[]);
    let mut bob = server.connect(VERBOSE);
    bob.ask("LOGIN bob");
    bob.send("READ bob\nREAD bob\nEXIT\n");
    assert_eq!(bob.line(), "1 carol one");
    bob.reset();
    wait_until_put_back(&server, &["one", "two"]);
}

#[test]
fn in_full_sentences_a_command_ended_by_a_pause_is_a_proof() {
    let server = server_with(&["one", "two"], &["--set=connection.pause_ms=50"]);
    let mut bob = server.connect(VERBOSE);
    bob.send("LOGIN bob");
    assert_eq!(bob.line(), "Login successful. Welcome bob. You have 2 unread messages.");
    bob.send("READ bob");
    assert_eq!(bob.line(), "1 carol one");
    assert_eq!(stored(&server), 2);
    bob.send("READ bob");
    assert_eq!(bob.line(), "0 carol two");
    assert_eq!(stored(&server), 1);
    bob.end();
    assert_eq!(bob.rest(), "");
    assert_eq!(stored(&server), 0);
}

#[test]
fn a_drop_after_pipelined_input_proves_nothing() {
    let server = server_with(&["one"], &[]);
    let mut bob = server.log_in("bob");
    bob.send("READ\nnonsense\n");
    assert_eq!(bob.rest(), "carol\none\n");
    // The client closes in order, but the server ended the connection first.
    bob.end();
    drop(bob);
    assert_eq!(read_when_put_back(&server).1.1, "one");
}

#[test]
fn a_stop_of_the_server_proves_nothing() {
    for protocol in ["mailbox", VERBOSE] {
        let mut server = server_with(&["one"], &[]);
        let mut bob = server.connect(protocol);
        bob.ask("LOGIN bob");
        if protocol == VERBOSE {
            assert_eq!(bob.ask("READ bob"), "0 carol one");
        } else {
            assert_eq!(bob.read(), carols("one"));
        }
        server.signal(rustix::process::Signal::TERM);
        assert_eq!(bob.rest(), "");
        // The client follows with its own end, as any client does.
        drop(bob);
        assert!(server.wait().success());
        server.restart();
        assert_eq!(read_all(&server), ["one"], "{protocol}");
    }
}

#[test]
fn a_reader_that_takes_its_answers_late_still_gets_them_all() {
    let text = "x".repeat(8_000);
    let texts = vec![text.as_str(); 90];
    let server = server_with(&texts, &[]);
    let mut bob = server.log_in("bob");
    bob.stream().set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    bob.send(&"READ\n".repeat(91));
    bob.end();
    let answers = bob.rest();
    assert_eq!(answers, format!("carol\n{text}\n").repeat(90) + "READ ERROR\n");
}
