//! The report of the board.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Instant;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Signal, kill_process};
use tempfile::TempDir;

use crate::harness::logged::{LoggedServer, wait_until};
use crate::harness::support::{PATIENCE, Server, command, only_child, run_program, wait_for};

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

/// The report after these requests.
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
    // The log has the errors and the uploads too, without the text.
    let log = server.log();
    let is_logged = |line: &&&str| line.starts_with("[ERROR]") || line.contains("message received");
    for line in LINES.iter().filter(is_logged) {
        let (_, what) = line.split_once("] ").unwrap();
        let (what, text) = what.split_once(": hello").unwrap_or((what, ""));
        assert!(log.contains(what), "{what:?} is not in the log: {log}");
        assert!(text.is_empty() || log.contains("characters=11"), "{log}");
    }
    assert_eq!(log.matches("disconnected").count(), log.matches(" connected").count());
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
    assert_eq!(wait_for_lines(&report, 1), "SERVER [GENERAL] server started\n");
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
    // Opened for reading and writing, which does not wait for another process.
    let mut options = fs::OpenOptions::new();
    let reader = options.read(true).write(true).open(&pipe).unwrap();
    let server = LoggedServer::start(&[], &[&report_argument(&pipe)]);
    let text = "x".repeat(150);
    let begun = Instant::now();
    // More than a pipe holds.
    while !server.log().contains("cannot write the report file") {
        assert_eq!(ask_board(&server, &format!("u\n{text}\n")), "operation success\n");
        assert!(begun.elapsed() < PATIENCE, "the pipe is never full");
    }
    drop(reader);
    assert_eq!(ask_board(&server, "d\n\n"), text);
}

#[test]
fn a_server_that_could_not_start_is_reported_and_leaves_the_lines_of_others() {
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("report");
    let first = Server::with(&[&report_argument(&report)]);
    assert_eq!(ask_board(&first, "u\nhello\n"), "operation success\n");
    let before = wait_for_lines(&report, 3);
    let missing = folder.path().join("missing");
    let taken = first.address("board");
    let attempts = [
        // The data folder is in use.
        (first.data().to_owned(), "--set=mailbox.capacity=1".to_owned()),
        (folder.path().join("data"), format!("--listen=board={taken}")),
        (folder.path().join("data"), "--listen=nonsense=127.0.0.1:0".to_owned()),
        (folder.path().join("data"), format!("--passwords={}", missing.display())),
    ];
    for (data, argument) in &attempts {
        let mut command = command(data, &[argument.clone(), report_argument(&report)]);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        assert_eq!(wait_for(&mut child).code(), Some(1), "{argument}");
    }
    let content = wait_for_lines(&report, 3 + attempts.len());
    let added = content.strip_prefix(&before).unwrap();
    assert_eq!(added.lines().count(), attempts.len(), "{content}");
    for line in added.lines() {
        assert!(line.starts_with("SERVER [ERROR] server could not start: "), "{content}");
    }
    // The first server goes on with the same file.
    assert_eq!(ask_board(&first, "u\nagain\n"), "operation success\n");
    let content = wait_for_lines(&report, 5 + attempts.len());
    assert!(content.contains("message received: again"), "{content}");
}

#[test]
fn server_and_clients_share_one_file_in_whole_lines() {
    const CLIENTS: usize = 4;
    const ROUNDS: usize = 8;
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("Sample.txt");
    let mut server = Server::with(&[&report_argument(&report)]);
    let port = server.address("board").port().to_string();
    let (text, report_of_client) = ("x".repeat(150), report_argument(&report));
    let upload = || {
        for _ in 0..ROUNDS {
            let arguments = ["board", &report_of_client, "-u", "127.0.0.1", &port, &text];
            assert!(run_program(arguments, b"").status.success());
        }
    };
    thread::scope(|scope| (0..CLIENTS).for_each(|_| drop(scope.spawn(upload))));
    assert!(server.stop().success());
    let content = fs::read_to_string(&report).unwrap();
    let received = format!("SERVER [GENERAL] message received: {text}");
    let started = format!("CLIENT [GENERAL] client started: upload to 127.0.0.1:{port}");
    let expected = [
        (&*received, CLIENTS * ROUNDS),
        ("SERVER [CONNECTION] a client is gone", CLIENTS * ROUNDS),
        (&started, CLIENTS * ROUNDS),
        ("Transmission Successfull...", CLIENTS * ROUNDS),
        ("CLIENT [GENERAL] client ended", CLIENTS * ROUNDS),
        ("SERVER [GENERAL] server started", 1),
        ("SERVER [CONNECTION] server stopped", 1),
    ];
    for (line, count) in expected {
        assert_eq!(content.lines().filter(|found| *found == line).count(), count, "{line}");
    }
    let all: usize = expected.iter().map(|(_, count)| count).sum();
    assert_eq!(content.lines().count(), all, "{content}");
}

#[test]
fn a_report_that_is_too_large_is_renamed_and_begun_anew() {
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("report");
    let arguments = [&*report_argument(&report), "--set=report_bytes_max=2000"];
    let mut server = LoggedServer::start(&[], &arguments);
    let earlier = folder.path().join("report.1");
    let mut number = 0;
    let mut upload = |server: &Server| {
        number += 1;
        let text = format!("u\n{number} {}\n", "x".repeat(100));
        assert_eq!(ask_board(server, &text), "operation success\n");
        assert!(number < 1_000, "the report is never renamed");
    };
    while !earlier.exists() {
        upload(&server);
    }
    let whole = |path: &Path| {
        let content = fs::read_to_string(path).unwrap();
        assert!(content.len() <= 2_000 && content.ends_with('\n'), "{content}");
        assert!(content.lines().all(|line| line.starts_with("SERVER [")), "{content}");
    };
    whole(&earlier);
    // If it cannot be renamed, there is one warning, and nothing stops.
    fs::remove_file(&earlier).unwrap();
    fs::create_dir(&earlier).unwrap();
    while !server.log().contains("cannot write the report file") {
        upload(&server);
    }
    upload(&server);
    assert!(server.stop().success());
    whole(&report);
    assert_eq!(server.log().matches("cannot write the report file").count(), 1);
}

#[test]
fn a_report_on_a_disk_that_hangs_stops_nothing() {
    let folder = TempDir::new().unwrap();
    let [report, trace] = ["report", "trace"].map(|name| folder.path().join(name));
    fs::write(&report, "").unwrap();
    let [path, trace] = [&report, &trace].map(|path| path.to_str().unwrap());
    let delay = "inject=write:delay_enter=60000000";
    let launcher = ["strace", "-f", "-o", trace, "-P", path, "-e", "trace=write", "-e", delay];
    let mut server = LoggedServer::through(&launcher, &[], &[&report_argument(&report)]);
    let begun = Instant::now();
    // More lines than may wait to be written.
    for _ in 0..700 {
        assert_eq!(ask_board(&server, "u\nhello\n"), "operation success\n");
    }
    assert_eq!(ask_board(&server, "d\n\n"), "hello");
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    assert_eq!(fs::read_to_string(&report).unwrap(), "", "the disk hangs");
    kill_process(only_child(server.pid()), Signal::TERM).unwrap();
    server.wait_for_log(&["INFO", "stopped"]);
    // strace keeps a process whose call it delays until the delay has passed.
    server.kill();
}
