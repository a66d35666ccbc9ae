//! The report of what happens on the board.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use crate::logged::{LoggedServer, wait_until};
use crate::support::{Client, PATIENCE, Server, command, wait_for};

fn report_argument(path: &Path) -> String {
    format!("--report={}", path.display())
}

fn wait_for_lines(path: &Path, count: usize) -> String {
    let mut content = String::new();
    wait_until(&format!("the report has {count} lines"), || {
        content = fs::read_to_string(path).unwrap();
        content.lines().count() >= count
    });
    content
}

fn ask_board(server: &Server, request: &str) -> String {
    let mut client = server.connect("board");
    client.send(request);
    client.end();
    client.rest()
}

/// What these requests, one after the other, leave in the report.
const LINES: [&str; 13] = [
    "[GENERAL] server started",
    "[GENERAL] message received: hello world",
    "[CONNECTION] a client is gone",
    "[GENERAL] message received: Empty Message",
    "[CONNECTION] a client is gone",
    "[CONNECTION] a client is gone",
    "[ERROR] message length illegal",
    "[CONNECTION] a client is gone",
    "[ERROR] operation illegal",
    "[CONNECTION] a client is gone",
    "[ERROR] hashtag illegal",
    "[CONNECTION] a client is gone",
    "[CONNECTION] server stopped",
];

#[test]
fn what_happens_is_a_line_each() {
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("report");
    fs::write(&report, "of the last time\n").unwrap();
    let mut server = LoggedServer::start(&[], &[&report_argument(&report)]);
    let read = || fs::read_to_string(&report).unwrap();
    assert_eq!(wait_for_lines(&report, 1), "SERVER [GENERAL] server started\n");
    let too_long = format!("u\n{}\n", "x".repeat(151));
    let requests = ["u\nhello world\n", "u\n\n", "d\n\n", &too_long, "y\n", "d\n#lobby\n"];
    for (gone, request) in (1..).zip(requests) {
        ask_board(&server, request);
        wait_until("the client is gone", || read().matches("[CONNECTION]").count() == gone);
    }
    assert!(server.stop().success());
    let content = read();
    let lines: Vec<_> = content.lines().map(|line| line.strip_prefix("SERVER ").unwrap()).collect();
    assert_eq!(lines, LINES);
    // The log has them too, but for the text.
    let log = server.log();
    for line in LINES {
        let (_, what) = line.split_once("] ").unwrap();
        let (what, text) = what.split_once(": hello").unwrap_or((what, ""));
        assert!(log.contains(what), "{what:?} is not in the log: {log}");
        assert!(text.is_empty() || log.contains("characters=11"), "{log}");
    }
}

#[test]
fn no_text_of_a_message_is_in_the_log_at_any_level() {
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("report");
    let arguments = [&*report_argument(&report), "--set=log.level=trace"];
    let mut server = LoggedServer::start(&[], &arguments);
    ask_board(&server, "u\nsecret one #secret\n");
    ask_board(&server, &format!("u\nsecret {}\n", "x".repeat(150)));
    assert_eq!(server.log_in("bob").compose("bob", "secret two"), "MESSAGE SENT");
    let mut chat = server.connect("chat");
    chat.send("/setname ann\n/all secret three\n/private ann secret four\n/quit\n");
    chat.rest();
    assert!(server.stop().success());
    let log = server.log();
    assert!(log.contains("message received") && !log.contains("secret"), "{log}");
    assert!(fs::read_to_string(&report).unwrap().contains("message received: secret one"));
}

#[test]
fn the_report_is_about_the_board_alone_and_is_emptied_at_each_start() {
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("report");
    let mut server = LoggedServer::start(&[], &[&report_argument(&report)]);
    assert_eq!(server.log_in("bob").compose("bob", "hi"), "MESSAGE SENT");
    assert_eq!(ask_board(&server, "u\nhello\n"), "operation success\n");
    let content = wait_for_lines(&report, 3);
    assert!(!content.contains("bob"), "{content}");
    server.kill();
    server.restart();
    assert_eq!(fs::read_to_string(&report).unwrap(), "SERVER [GENERAL] server started\n");
}

#[test]
fn a_report_that_cannot_be_written_stops_nothing() {
    let folder = TempDir::new().unwrap();
    let pipe = folder.path().join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
    let nowhere = folder.path().join("no").join("such").join("folder");
    for report in [folder.path(), &pipe, &nowhere, Path::new("/dev/full")] {
        let mut server = LoggedServer::start(&[], &[&report_argument(report)]);
        assert_eq!(ask_board(&server, "u\nhello\n"), "operation success\n");
        assert_eq!(ask_board(&server, "d\n\n"), "hello");
        assert!(server.stop().success());
        let log = server.log();
        let warnings = log.matches("cannot write the report file").count();
        assert_eq!(warnings, 1, "{}: {log}", report.display());
    }
}

#[test]
fn a_pipe_whose_reader_falls_behind_stops_nothing() {
    let folder = TempDir::new().unwrap();
    let pipe = folder.path().join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
    // Opened for both, which waits for no one.
    let mut options = fs::OpenOptions::new();
    let reader = options.read(true).write(true).open(&pipe).unwrap();
    let server = LoggedServer::start(&[], &[&report_argument(&pipe)]);
    let text = "x".repeat(150);
    let begun = std::time::Instant::now();
    // More than a pipe holds.
    while !server.log().contains("cannot write the report file") {
        assert_eq!(ask_board(&server, &format!("u\n{text}\n")), "operation success\n");
        assert!(begun.elapsed() < PATIENCE, "the pipe is never full");
    }
    drop(reader);
    assert_eq!(ask_board(&server, "d\n\n"), text);
}

#[test]
fn a_server_that_could_not_start_is_reported() {
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("report");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let missing = folder.path().join("missing");
    for argument in [
        format!("--listen=board={address}"),
        "--listen=nonsense=127.0.0.1:0".to_owned(),
        format!("--passwords={}", missing.display()),
    ] {
        let arguments = [argument.clone(), report_argument(&report)];
        let mut command = command(&folder.path().join("data"), &arguments);
        let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
        assert_eq!(wait_for(&mut child).code(), Some(1), "{argument}");
        let content = fs::read_to_string(&report).unwrap();
        assert_eq!(content.lines().count(), 1, "{content}");
        assert!(content.starts_with("SERVER [ERROR] server could not start: "), "{content}");
    }
    drop(Client::connect(address));
}
