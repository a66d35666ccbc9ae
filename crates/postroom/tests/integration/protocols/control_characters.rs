//! Control characters in what clients send reach no other client, log or report.

use std::fs;
use std::path::Path;

use crate::harness::chat::enter;
use crate::harness::im::{DELIVERED, ImClient};
use crate::harness::logged::LoggedServer;
use crate::harness::support::{Client, Server};

/// Colours, a window title, C1, backspaces, direction marks, and a carriage return.
const HOSTILE: &str = "a\u{1b}[31mb\u{1b}]0;owned\u{7}c\u{9b}2Jd\u{8}\u{8}e\u{202e}f\u{2066}g\u{200f}\
                       h\u{7f}i\u{85}j\rk #tag";

/// The same as the server shows it.
const SHOWN: &str = "a^[[31mb^[]0;owned^GcM-^[2Jd^H^Hefgh^?iM-^Ej^Mk #tag";

const FORMATS: [&str; 2] = ["--log-format=text", "--log-format=json"];

/// Fails if there is a control character.
fn assert_harmless(what: &str, text: &str) {
    let found = text.chars().find(|character| match character {
        '\n' | '\t' => false,
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        character => character.is_control(),
    });
    assert_eq!(found, None, "in {what}: {text:?}");
}

/// A server that logs everything, and the folder of its report.
fn talkative(format: &str) -> (LoggedServer, tempfile::TempDir) {
    let folder = tempfile::TempDir::new().unwrap();
    let report = format!("--report={}", report(folder.path()).display());
    let arguments =
        [format, &report, "--set=log.level=trace", "--set=connection.drain_limit_ms=100"];
    (LoggedServer::start(&["bob"], &arguments), folder)
}

fn report(folder: &Path) -> std::path::PathBuf {
    folder.join("report")
}

/// Stops the server and returns its log and its report.
fn assert_files_are_harmless(mut server: LoggedServer, folder: &Path) {
    assert!(server.stop().success());
    let report = fs::read_to_string(report(folder)).unwrap();
    assert!(report.contains(&format!("SERVER [GENERAL] message received: {SHOWN}\n")), "{report}");
    assert_harmless("the report", &report);
    let log = server.log();
    assert!(log.contains("message received") && !log.contains(SHOWN), "{log}");
    assert_harmless("the log", &log);
}

fn board(server: &Server, request: &str) -> Client {
    let mut client = server.connect("board");
    client.send(request);
    client
}

fn upload(server: &Server) {
    let mut client = board(server, &format!("u\n{HOSTILE}\n"));
    client.end();
    assert_eq!(client.rest(), "operation success\n");
}

fn assert_downloads_are_harmless(server: &Server) {
    for request in ["d\n\n", "d\n#tag\n"] {
        assert_eq!(board(server, request).rest(), SHOWN);
    }
    let said = board(server, "t\n#tag\n").rest();
    assert_eq!(said, format!("ann: {SHOWN}\n@board: {SHOWN}\n"));
}

#[test]
fn a_message_stored_at_any_listener_is_harmless_at_each() {
    let server = LoggedServer::start(&["bob"], &[]);
    let mut writers =
        [server.log_in("ann"), server.connect("mailbox-verbose"), enter(&server, "dora")];
    writers[1].ask("LOGIN carl");
    for reader in ["one", "two", "three", "bob"] {
        assert_eq!(writers[0].compose(reader, HOSTILE), "MESSAGE SENT");
        let sent = writers[1].ask(&format!("COMPOSE carl {reader} {HOSTILE}"));
        assert_eq!(sent, "MESSAGE SENT SUCCESSFULLY.");
        let sent = writers[2].ask(&format!("/send {reader} {HOSTILE}"));
        assert_eq!(sent, format!("Message left for {reader}."));
    }
    let mut one = server.log_in("one");
    let mut two = server.connect("mailbox-verbose");
    assert!(two.ask("LOGIN two").contains("3 unread"));
    let mut three = enter(&server, "three");
    let mut bob = ImClient::enter(&server, "bob");
    for (left, writer) in [(2, "ann"), (1, "carl"), (0, "dora")] {
        assert_eq!(one.read(), Some((writer.to_owned(), SHOWN.to_owned())));
        assert_eq!(two.ask("READ two"), format!("{left} {writer} {SHOWN}"));
        assert_eq!(bob.receive(), format!("/from {writer} {SHOWN}"));
    }
    assert_eq!(three.line(), "bob has joined (3 users active)");
    for writer in ["ann", "carl", "dora"] {
        assert_eq!(three.ask("/read"), format!("from {writer}: {SHOWN}"));
    }
}

#[test]
fn live_messages_are_harmless_on_chat_im_and_board() {
    for format in FORMATS {
        let (server, folder) = talkative(format);
        let mut bob = ImClient::enter(&server, "bob");
        let mut ann = enter(&server, "ann");
        let mut carl = enter(&server, "carl");
        assert_eq!(ann.line(), "carl has joined (3 users active)");
        assert_eq!(carl.ask("/join #tag"), "You are in #tag now.");
        let mut streams = [board(&server, "s\n#tag\n"), board(&server, "s\n\n")];
        assert_eq!(ann.ask("/say #other hi"), "Said in #other.");

        for (command, shown) in
            [("/all", "ann: "), ("/private carl", "ann(private): "), ("/say #tag", "ann(#tag): ")]
        {
            ann.send(&format!("{command} {HOSTILE}\n"));
            assert_eq!(carl.line(), format!("{shown}{SHOWN}"));
        }
        assert_eq!(ann.line(), "Said in #tag.");
        ann.send(&format!("/private bob {HOSTILE}\n"));
        assert_eq!(bob.receive(), format!("/broadcast ann {SHOWN}"));
        assert_eq!(bob.receive(), format!("/from ann {SHOWN}"));
        bob.a.send(&format!("/to ann {HOSTILE}\n/toall {HOSTILE}\n"));
        assert_eq!((bob.a.line(), bob.a.line()), (DELIVERED.to_owned(), DELIVERED.to_owned()));
        assert_eq!(ann.line(), format!("bob(private): {SHOWN}"));
        assert_eq!((ann.line(), carl.line()), (format!("bob: {SHOWN}"), format!("bob: {SHOWN}")));

        upload(&server);
        assert_eq!(carl.line(), format!("@board(#tag): {SHOWN}"));
        assert_eq!(streams[0].line(), format!("ann: {SHOWN}"));
        for stream in &mut streams {
            assert_eq!(stream.line(), format!("@board: {SHOWN}"));
        }
        assert_downloads_are_harmless(&server);
        assert_files_are_harmless(server, folder.path());
    }
}

#[test]
fn refused_names_and_commands_are_echoed_harmlessly() {
    for format in FORMATS {
        let (server, folder) = talkative(format);
        upload(&server);
        for (protocol, lines) in [
            ("mailbox", vec!["LOGIN ?", "?"]),
            (
                "mailbox-verbose",
                vec!["LOGIN ?", "?", "LOGIN ann", "COMPOSE ann ? hi", "READ ?", "?"],
            ),
            (
                "im",
                vec!["/login ? ?", "/login bob ?", "?", "/login bob bob-secret", "/to ? hi", "?"],
            ),
            ("im", vec!["/login bob bob-secret", "/port ?", "/list ?", "/toall"]),
            ("board", vec!["?"]),
            ("board", vec!["d", "#?"]),
            ("board", vec!["t", "?"]),
            (
                "chat",
                vec!["/setname ?", "/pass ?", "?", "/setname carl", "?", "/join ?", "/say ? hi"],
            ),
            ("chat", vec!["/setname dora", "/send ? hi", "/private ? hi", "/cmd ?", "/leave ?"]),
        ] {
            let mut client = server.connect(protocol);
            for line in lines {
                client.send(&format!("{}\n", line.replace('?', HOSTILE)));
            }
            client.end();
            assert_harmless(protocol, &client.rest());
        }
        assert_files_are_harmless(server, folder.path());
    }
}
