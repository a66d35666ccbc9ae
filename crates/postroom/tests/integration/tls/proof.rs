//! What proves over TLS that a message has arrived: as little as over TCP.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use rustls::version;
use socket2::{Domain, SockRef, Socket, Type};

use super::Secured;
use crate::harness::logged::wait_until;
use crate::harness::support::Client;
use crate::harness::tls::TlsStream;

/// A server with one message for bob.
fn server_with(text: &str) -> Secured {
    let secured = Secured::start(&["--set=connection.drain_limit_ms=200"]);
    let mut carol = secured.server.log_in("carol");
    assert_eq!(carol.compose("bob", text), "MESSAGE SENT");
    leave(carol);
    secured
}

fn leave(mut client: Client) {
    client.send("EXIT\n");
    assert_eq!(client.rest(), "");
}

/// Messages in bob's mailbox, those handed out included.
fn stored(secured: &Secured) -> u32 {
    let mut visitor = secured.server.connect("mailbox");
    let number = visitor.ask("LOGIN bob").parse().unwrap();
    leave(visitor);
    number
}

fn ask(tls: &mut TlsStream, command: &str, answer: &str) {
    tls.write_all(command.as_bytes()).unwrap();
    let mut bytes = vec![0; answer.len()];
    tls.read_exact(&mut bytes).unwrap();
    assert_eq!(String::from_utf8_lossy(&bytes), answer, "to {command}");
}

/// The ciphertext of some plaintext, which is not sent.
fn encrypted(tls: &mut TlsStream, text: &str) -> Vec<u8> {
    tls.conn.writer().write_all(text.as_bytes()).unwrap();
    let mut ciphertext = Vec::new();
    while tls.conn.wants_write() {
        tls.conn.write_tls(&mut ciphertext).unwrap();
    }
    ciphertext
}

/// Waits until the server knows that all sessions but one visitor's have ended: a message
/// that bob was handed and did not confirm is unread again.
fn read_when_put_back(secured: &Secured, text: &str) {
    let mut bob = secured.server.log_in("bob");
    wait_until("the message is back", || bob.read() == Some(("carol".into(), text.into())));
    bob.reset();
    wait_until("the message is back again", || {
        let log = secured.server.log();
        let count = |what: &str| {
            log.lines().filter(|line| line.contains("account=bob") && line.contains(what)).count()
        };
        count("logged in") == count("disconnected")
    });
}

fn bob(secured: &Secured) -> TlsStream {
    secured.server.log_in("bob").into_tls()
}

fn reset(tls: TlsStream) {
    SockRef::from(&tls.sock).set_linger(Some(Duration::ZERO)).unwrap();
    drop(tls);
}

#[test]
fn a_further_line_and_an_orderly_end_remove() {
    let secured = server_with("one");
    let mut bob = bob(&secured);
    ask(&mut bob, "READ\n", "carol\none\n");
    bob.conn.send_close_notify();
    bob.conn.complete_io(&mut bob.sock).unwrap();
    let mut rest = Vec::new();
    // The server answers in order: its end of TLS comes before the end of TCP.
    assert_eq!(bob.read_to_end(&mut rest).unwrap(), 0);
    assert_eq!(stored(&secured), 0);
}

#[test]
fn a_stream_that_ends_without_the_end_of_tls_proves_nothing() {
    for (sent, ends) in [("", "a whole line"), ("EXI", "half a line")] {
        let secured = server_with("one");
        let mut bob = bob(&secured);
        ask(&mut bob, "READ\n", "carol\none\n");
        let ciphertext = if sent.is_empty() { Vec::new() } else { encrypted(&mut bob, sent) };
        bob.sock.write_all(&ciphertext).unwrap();
        bob.sock.shutdown(Shutdown::Write).unwrap();
        let reason = ["account=bob", "the connection ended without the end of TLS (close_notify)"];
        secured.server.wait_for_log(&reason);
        assert_eq!(stored(&secured), 1, "after {ends}");
        read_when_put_back(&secured, "one");
    }
}

/// An attacker between the two who cuts the ciphertext anywhere, and ends the stream.
#[test]
fn a_command_cut_anywhere_proves_nothing() {
    let secured = server_with("one");
    for cut in 1..=5 {
        let mut bob = bob(&secured);
        ask(&mut bob, "READ\n", "carol\none\n");
        let exit = encrypted(&mut bob, "EXIT\n");
        bob.sock.write_all(&exit[..exit.len() - cut]).unwrap();
        bob.sock.shutdown(Shutdown::Write).unwrap();
        read_when_put_back(&secured, "one");
        assert_eq!(stored(&secured), 1, "cut {cut} bytes before the end");
    }
}

#[test]
fn what_came_before_a_cut_is_done_and_half_a_text_is_not_posted() {
    let secured = server_with("one");
    let mut bob = bob(&secured);
    bob.write_all(b"COMPOSE dora\nwhole\nCOMPOSE dora\nhal").unwrap();
    bob.sock.shutdown(Shutdown::Write).unwrap();
    let mut dora = secured.server.log_in("dora");
    wait_until("the whole text is there", || dora.read() == Some(("bob".into(), "whole".into())));
    secured.server.wait_for_log(&["account=bob", "close_notify"]);
    assert_eq!(dora.read(), None);

    // On the board the end of input ends a text, and so does a pause.
    for text in ["u\nhalf a te", "u\nhalf a text\n"] {
        let mut board = secured.server.connect("board").into_tls();
        board.write_all(text.as_bytes()).unwrap();
        board.sock.shutdown(Shutdown::Write).unwrap();
        let port = board.sock.local_addr().unwrap().port();
        secured.server.wait_for_log(&[&format!("peer=127.0.0.1:{port}"), "close_notify"]);
    }
    let mut board = secured.server.connect("board");
    board.send("d\n");
    board.end();
    assert_eq!(board.rest(), "Empty Message");
}

/// The READ and the EXIT of bob are two records. Wherever the stream is cut in two, with
/// the first part answered before the second one is sent, only a cut between the records
/// lets the EXIT prove that the message has arrived: in any other case a part of the EXIT
/// was on its way before the answer.
#[test]
fn a_record_proves_only_what_was_acknowledged_before_its_first_byte_was_read() {
    for version in [&version::TLS12, &version::TLS13] {
        let mut secured = server_with("one");
        secured.server.use_tls(secured.authority.client_with(&[version]));
        let length = {
            let mut bob = bob(&secured);
            encrypted(&mut bob, "READ\n").len()
        };
        let after = [2, 3, 7, length - 1, length];
        let cuts = [1, 5, length - 1].into_iter().chain(after.map(|at| length + at));
        for cut in cuts.chain([length]) {
            let mut bob = bob(&secured);
            let read = encrypted(&mut bob, "READ\n");
            let stream = [read, encrypted(&mut bob, "EXIT\n")].concat();
            bob.sock.write_all(&stream[..cut]).unwrap();
            if cut >= length {
                ask(&mut bob, "", "carol\none\n");
            }
            bob.sock.write_all(&stream[cut..]).unwrap();
            let mut rest = String::new();
            bob.read_to_string(&mut rest).unwrap();
            // The server has ended its side, and waits for the end of bob's, which would
            // prove receipt too.
            reset(bob);
            if cut == length {
                assert_eq!(stored(&secured), 0, "a cut between the records proves");
            } else {
                read_when_put_back(&secured, "one");
            }
        }
    }
}

/// A client of bob whose answer is still on its way: its receive window is smaller than
/// the answer, and it reads no more.
fn stuck_reader(secured: &Secured) -> TlsStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(2_048).unwrap();
    socket.connect(&secured.server.address("mailbox+tls").into()).unwrap();
    let mut bob = Client::try_connect_tls(TcpStream::from(socket), &secured.client).unwrap();
    bob.send("LOGIN bob\n");
    assert_eq!(bob.line(), "1");
    let mut bob = bob.into_tls();
    bob.write_all(b"READ\n").unwrap();
    // The first bytes have come.
    assert_eq!(bob.sock.peek(&mut [0]).unwrap(), 1);
    bob
}

#[test]
fn a_client_that_reads_nothing_proves_nothing() {
    let text = "x".repeat(8_192);
    let secured = server_with(&text);
    let mut bob = stuck_reader(&secured);
    bob.write_all(b"COMPOSE dora\nhello\n").unwrap();
    let mut dora = secured.server.log_in("dora");
    wait_until("the line is taken", || dora.read().is_some());
    assert_eq!(stored(&secured), 1);
    reset(bob);
    read_when_put_back(&secured, &text);

    // The end of TLS proves no more.
    let mut bob = stuck_reader(&secured);
    bob.conn.send_close_notify();
    while bob.conn.wants_write() {
        bob.conn.write_tls(&mut bob.sock).unwrap();
    }
    read_when_put_back(&secured, &text);
    reset(bob);
}
