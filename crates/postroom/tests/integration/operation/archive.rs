//! What operators read of the whole store while the server runs, and what that costs others.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::chat::{read_greeting, set_name};
use crate::harness::logged::wait_until;
use crate::harness::support::{PATIENCE, Server, need, program, run_program};

/// Bytes that the log keeps when it begins anew.
const LOG_BYTES_KEPT: u64 = 16 << 20;
/// Twice that: half of its limit, at which commits wait. While a page is being read the log
/// cannot begin anew, and goes on growing.
const LOG_BYTES_MAX: u64 = 32 << 20;

/// A folder with the accounts alice and bob, and what a statement has changed in its store.
fn store(statement: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let mut server = Server::in_folder(folder.path(), &[]);
    for name in ["alice", "bob"] {
        server.log_in(name);
    }
    assert!(server.stop().success());
    let connection = Connection::open(folder.path().join("postroom.db")).unwrap();
    connection.execute_batch(statement).unwrap();
    folder
}

/// A statement that stores so many messages from one account to another.
fn messages(count: u32, sender: u32, recipient: u32, text: &str) -> String {
    format!(
        "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {count})
         INSERT INTO message (recipient, sender, stored_ms, text)
         SELECT {recipient}, {sender}, 1700000000000 + n, '{text} ' || n FROM number;"
    )
}

/// Runs a command of the program on a folder; returns its status and its output.
fn run(data: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let words = arguments.iter().copied().chain(["--data", data.to_str().unwrap()]);
    let output = run_program(words, b"");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Begins a request; the answer is read line by line, or not.
fn get(data: &Path, path: &str) -> BufReader<UnixStream> {
    let mut stream = UnixStream::connect(data.join("postroom.sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = "HTTP/1.1\r\nHost: localhost\r\nConnection: close";
    write!(stream, "GET {path} {head}\r\n\r\n").unwrap();
    BufReader::new(stream)
}

/// Reads the head of an answer; returns its status.
fn status(answer: &mut BufReader<UnixStream>) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(answer.read_line(&mut head).unwrap() > 0, "{head}");
    }
    head.split(' ').nth(1).unwrap().to_owned()
}

/// Clients that write to themselves and read it, while something is done.
struct Load {
    /// Bytes of text that were acknowledged.
    bytes: AtomicU64,
    /// The length that the log has had.
    log_bytes: AtomicU64,
    is_over: AtomicBool,
}

impl Load {
    const CLIENTS: usize = 6;
    const TEXT_BYTES: usize = 8_000;

    /// Does something while the clients are at work; returns the length that the log has had.
    fn during(server: &Server, act: impl FnOnce(&Self)) -> u64 {
        let load = Self {
            bytes: AtomicU64::new(0),
            log_bytes: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        };
        let log = server.data().join("postroom.db-wal");
        thread::scope(|scope| {
            let over = Over(&load.is_over);
            for number in 0..Self::CLIENTS {
                let load = &load;
                scope.spawn(move || load.write(server, &format!("load-{number}")));
            }
            scope.spawn(|| {
                while !load.is_over.load(Ordering::Relaxed) {
                    load.log_bytes.fetch_max(fs::metadata(&log).unwrap().len(), Ordering::Relaxed);
                    thread::sleep(Duration::from_millis(1));
                }
            });
            act(&load);
            drop(over);
        });
        load.log_bytes.into_inner()
    }

    fn write(&self, server: &Server, name: &str) {
        let mut client = server.log_in(name);
        let text = "x".repeat(Self::TEXT_BYTES);
        while !self.is_over.load(Ordering::Relaxed) {
            assert_eq!(client.compose(name, &text), "MESSAGE SENT");
            self.bytes.fetch_add(Self::TEXT_BYTES as u64, Ordering::Relaxed);
            assert_eq!(client.read(), Some((name.to_owned(), text.clone())));
        }
    }

    /// Whether as much was written as would make a log too long that never begins anew.
    fn has_written_enough(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > 2 * LOG_BYTES_KEPT
    }
}

/// Ends the load, however what is done beside it ends.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn checks_under_load_find_nothing_and_leave_the_log_short() {
    let folder = store(&messages(300_000, 0, 1, "hello"));
    let server = Server::in_folder(folder.path(), &[]);
    let mut checks = 0;
    let log_bytes = Load::during(&server, |load| {
        while !load.has_written_enough() || checks < 3 {
            let (status, stdout, stderr) = run(folder.path(), &["check"]);
            assert_eq!((status, stderr.as_str()), (Some(0), ""), "{stdout}");
            assert!(stdout.contains("accounts ") && stdout.contains("a server is running"));
            checks += 1;
        }
    });
    assert!(log_bytes <= LOG_BYTES_MAX, "after {checks} checks: {log_bytes}");
}

#[test]
fn curl_is_told_of_each_damaged_record_in_a_line_of_json() {
    need("curl", "curl");
    let folder = store(&messages(2, 9, 1, "hello"));
    let _server = Server::in_folder(folder.path(), &[]);
    let socket = folder.path().join("postroom.sock");
    let mut command = Command::new("curl");
    command.args(["-sS", "-m", "10", "--unix-socket"]).arg(socket);
    let output = command.arg("http://localhost/v1/check").output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let (status, printed, _) = run(folder.path(), &["check", "--json"]);
    assert_eq!((status, &printed), (Some(1), &lines));
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let what = "its sender is missing";
    let record = |key| json!({"type": "record", "table": "message", "key": key, "what": what});
    let end = json!({
        "type": "end", "accounts": 2, "messages": 2, "removals": 0, "channels": 0, "posts": 0,
        "blocks": 0, "bans": 0, "invitations": 0, "structure": false,
    });
    assert_eq!(lines, [record(1), record(2), end]);
}

/// A store with so many damaged records that nobody can be told of them at once.
fn damaged_store() -> TempDir {
    store(&messages(100_000, 9, 1, "hello"))
}

#[test]
fn a_check_that_nobody_reads_holds_up_neither_the_log_nor_the_next_check() {
    let folder = damaged_store();
    let mut server = Server::in_folder(folder.path(), &[]);
    let mut stalled = get(folder.path(), "/v1/check");
    assert_eq!(status(&mut stalled), "200");
    let log_bytes = Load::during(&server, |load| {
        wait_until("the log was filled", || load.has_written_enough());
    });
    assert!(log_bytes <= LOG_BYTES_MAX, "{log_bytes}");
    let (status, stdout, stderr) = run(folder.path(), &["check"]);
    assert_eq!((status, stdout.as_str()), (Some(1), ""));
    assert_eq!(stderr, "postroom: another answer of this kind is under way; try again\n");
    drop(stalled);
    let mut checked = (None, String::new(), String::new());
    wait_until("the next check is answered", || {
        checked = run(folder.path(), &["check"]);
        !checked.2.contains("under way")
    });
    let (status, stdout, stderr) = checked;
    assert_eq!((status, stdout.lines().count()), (Some(1), 100_000));
    assert!(stderr.contains("has 100000 damaged records, listed above"), "{stderr}");
    // One under way does not delay a stop, and its answer is seen to be cut off.
    let mut stalled = get(folder.path(), "/v1/check");
    assert_eq!(self::status(&mut stalled), "200");
    let begun = Instant::now();
    assert!(server.stop().success());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let mut rest = Vec::new();
    let _ = stalled.read_to_end(&mut rest);
    assert!(!String::from_utf8_lossy(&rest).contains("\"end\""));
}

#[test]
fn a_check_says_so_if_the_server_dies_meanwhile() {
    let folder = damaged_store();
    let mut server = Server::in_folder(folder.path(), &[]);
    let mut check = Command::new(program())
        .args(["check", "--data", folder.path().to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It goes on once its output is read.
    let mut output = BufReader::new(check.stdout.take().unwrap());
    assert!(output.read_line(&mut String::new()).unwrap() > 0);
    server.kill();
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert!(rest.lines().count() < 99_999);
    let output = check.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
    assert!(stderr.contains("has ended before its answer was whole"), "{stderr}");
}

/// The lines of an export, without when it was begun.
fn export_lines(text: &str) -> Vec<Value> {
    let mut lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let time = lines[0]["time"].take();
    assert!(time.as_str().unwrap().ends_with('Z') && time.as_str().unwrap().starts_with("20"));
    lines
}

#[test]
fn an_export_is_the_same_from_a_server_and_from_a_folder() {
    let folder = store(&messages(2, 1, 0, "hello"));
    let data = folder.path();
    let mut server = Server::in_folder(data, &[]);
    assert_eq!(server.log_in("alice").compose("bob", "a \"quoted\" \u{1b}text"), "MESSAGE SENT");
    let mut chat = server.connect("chat");
    read_greeting(&mut chat);
    set_name(&mut chat, "alice");
    assert_eq!(chat.ask("/say #rust hi"), "Said in #rust.");
    for arguments in [&["account", "passwd", "alice"][..], &["account", "block", "alice", "Eve"]] {
        let words = arguments.iter().copied().chain(["--data", data.to_str().unwrap()]);
        assert!(run_program(words, b"secret\n").status.success());
    }
    let (status, from_server, told) = run(data, &["account", "export", "ALICE"]);
    let sentence = "exported the account alice: 1 blocked sender, 2 unread messages, 1 message to \
                    others, 1 post\n";
    assert_eq!((status, told.as_str()), (Some(0), sentence));
    let lines = export_lines(&from_server);
    let message = |number: u32| {
        let time = format!("2023-11-14T22:13:20.00{number}Z");
        json!({"type": "message", "sender": "bob", "time": time, "text": format!("hello {number}")})
    };
    let account = json!({"type": "account", "version": 2, "account": "alice", "has_password": true, "time": null});
    assert_eq!(lines[..2], [account, json!({"type": "block", "sender": "Eve"})]);
    assert_eq!(lines[2..4], [message(1), message(2)]);
    assert_eq!(
        (&lines[4]["recipient"], &lines[4]["text"]),
        (&json!("bob"), &json!("a \"quoted\" \u{1b}text"))
    );
    assert_eq!((&lines[5]["channel"], &lines[5]["text"]), (&json!("#rust"), &json!("hi")));
    let end = json!({
        "type": "end", "blocks": 1, "messages": 2, "read": 0, "sent": 1, "posts": 1, "damaged": 0
    });
    assert_eq!(lines[6..], [end]);
    assert!(!from_server.contains("argon2"), "not even the hash of the password");
    // Nothing was read by it.
    let mut alice = server.connect("mailbox");
    alice.send("PASS secret\n");
    assert_eq!(alice.ask("LOGIN alice"), "2");
    drop(alice);
    assert!(server.stop().success());
    let file = data.join("alice.jsonl");
    let output = file.to_str().unwrap();
    let (status, told, error) = run(data, &["account", "export", "alice", "--output", output]);
    assert_eq!((status, told.as_str(), error.as_str()), (Some(0), sentence, ""));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(export_lines(&written), lines);
    let (status, _, error) = run(data, &["account", "export", "alice", "--output", output]);
    assert_eq!((status, error.lines().count()), (Some(1), 1), "{error}");
    assert!(error.starts_with("postroom: cannot write ") && error.contains("exists"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), written, "it is as it was");
}

#[test]
fn an_export_that_cannot_be_says_why_and_makes_no_file() {
    let folder = store("");
    let data = folder.path();
    let file = data.join("out");
    let output = file.to_str().unwrap();
    for _ in 0..2 {
        let server = Server::in_folder(data, &[]);
        let refused = |name: &str| run(data, &["account", "export", name, "--output", output]);
        for (name, words) in [
            (
                "carol",
                &["there is no account carol; list the accounts with: postroom account list"][..],
            ),
            ("two words", &["\"two words\" is not a name"]),
        ] {
            let (status, stdout, error) = refused(name);
            assert_eq!(
                (status, stdout.as_str(), error.lines().count()),
                (Some(1), "", 1),
                "{error}"
            );
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
        drop(server);
        let (status, _, error) = refused("carol");
        assert_eq!(status, Some(1));
        assert!(error.contains("there is no account carol; list the accounts"), "{error}");
        assert!(!file.exists());
    }
    assert_eq!(run(data, &["account", "export"]).0, Some(2));
    let nowhere = TempDir::new().unwrap();
    let (status, _, error) = run(nowhere.path(), &["account", "export", "alice"]);
    assert!(status == Some(1) && error.contains("there is no store in"), "{error}");
}

#[test]
fn a_large_mailbox_is_exported_to_a_slow_reader_and_nobody_waits_for_it() {
    const MESSAGES: u32 = 30_000;
    let text = "x".repeat(300);
    let folder = store(&messages(MESSAGES, 1, 0, &text));
    let server = Server::in_folder(folder.path(), &[]);
    let mut slow = get(folder.path(), "/v1/export?account=alice");
    assert_eq!(status(&mut slow), "200");
    let log_bytes = Load::during(&server, |load| {
        wait_until("the log was filled", || load.has_written_enough());
    });
    assert!(log_bytes <= LOG_BYTES_MAX, "{log_bytes}");
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).unwrap();
    let rest = String::from_utf8(rest).unwrap();
    // Each chunk ends with a line feed, and has its length in a line of its own.
    let lines = rest.lines().filter(|line| line.starts_with('{'));
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    for (line, number) in lines[1..].iter().zip(1..=MESSAGES) {
        assert_eq!(line["text"], json!(format!("{text} {number}")));
    }
    assert_eq!(lines.last().unwrap()["messages"], json!(MESSAGES));
    let mut alice = server.connect("mailbox");
    assert_eq!(alice.ask("LOGIN alice"), MESSAGES.to_string(), "nothing was read by it");
}

#[test]
fn an_export_that_is_cut_off_leaves_no_file() {
    let folder = store(&messages(200_000, 1, 0, &"x".repeat(100)));
    let mut server = Server::in_folder(folder.path(), &[]);
    let file = folder.path().join("out");
    let export = Command::new(program())
        .args(["account", "export", "alice", "--output", file.to_str().unwrap()])
        .args(["--data", folder.path().to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("the export has begun", || file.exists());
    server.kill();
    let output = export.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
    assert!(!file.exists(), "a part of an export is none");
}
