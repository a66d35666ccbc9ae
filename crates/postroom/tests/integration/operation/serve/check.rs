//! `postroom check`: it reads everything, reports damage and changes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use rusqlite::Connection;

use super::accounts::store;
use super::{folder, run, text};
use crate::harness::im::log_in;
use crate::harness::logged::LoggedServer;
use crate::harness::support::Server;

/// Runs `postroom check`; returns its status and its output.
fn check(data: &Path) -> (Option<i32>, String, String) {
    let output = run(&["check", "--data", text(data)], |_| {});
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// All files of a folder, with their contents and modification times; not the socket of a
/// server.
fn files(data: &Path) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    let entry = |entry: fs::DirEntry| {
        let modified = entry.metadata().unwrap().modified().unwrap();
        let name = entry.file_name().into_string().unwrap();
        (name, (fs::read(entry.path()).unwrap(), modified))
    };
    let is_file = |entry: &fs::DirEntry| entry.file_type().unwrap().is_file();
    fs::read_dir(data).unwrap().map(Result::unwrap).filter(is_file).map(entry).collect()
}

/// The same, and checks that it changes no file.
fn check_untouched(data: &Path) -> (Option<i32>, String, String) {
    let before = files(data);
    let checked = check(data);
    assert!(files(data) == before, "the check has changed something");
    checked
}

fn execute(data: &Path, statement: &str) {
    Connection::open(data.join("postroom.db")).unwrap().execute_batch(statement).unwrap();
}

/// The lock of an account of the password file is not a hash, but no damage.
#[test]
fn accounts_of_the_password_file_are_sound() {
    let server = LoggedServer::start(&["bob"], &[]);
    log_in(&server, "bob");
    let (status, stdout, stderr) = check(server.data());
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    assert!(stdout.contains("nothing is damaged") && stdout.contains("accounts 1"), "{stdout}");
}

#[test]
fn a_sound_store_is_read_and_reported_in_one_sentence() {
    let (_folder, data) = store();
    let (status, stdout, stderr) = check_untouched(&data);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    assert!(stdout.contains("nothing is damaged") && stdout.contains("messages 0"), "{stdout}");
    let mut server = Server::in_folder(&data, &[]);
    let mut bob = server.log_in("bob");
    assert_eq!(bob.compose("alice", "hello"), "MESSAGE SENT");
    assert_eq!(bob.compose("alice", "hello again"), "MESSAGE SENT");
    assert_eq!(server.connect("board").ask("u\nhi #rust #go"), "operation success");
    let numbers =
        "accounts 2, messages 2, removals 0, channels 3, posts 3, blocks 0, bans 0, invitations 0";
    // While the server runs, without blocking it.
    let (status, stdout, stderr) = check(&data);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    assert!(stdout.contains(numbers) && stdout.contains("server is running"), "{stdout}");
    assert_eq!(bob.compose("alice", "hello"), "MESSAGE SENT");
    // What only the log holds is read after a crash.
    let numbers =
        "accounts 2, messages 3, removals 0, channels 3, posts 3, blocks 0, bans 0, invitations 0";
    server.kill();
    for _ in 0..2 {
        let (status, stdout, _) = check_untouched(&data);
        assert_eq!(status, Some(0));
        assert!(stdout.contains(numbers), "{stdout}");
        assert_eq!(stdout.lines().count(), 1, "{stdout}");
        // Its index is not needed.
        let _ = fs::remove_file(data.join("postroom.db-shm"));
    }
    server.restart();
    assert!(server.stop().success());
    let (_, stdout, _) = check_untouched(&data);
    assert!(stdout.contains(numbers) && !stdout.contains("running"), "{stdout}");
}

#[test]
fn each_damaged_record_is_a_line_with_its_table_and_key() {
    let (_folder, data) = store();
    let mut server = Server::in_folder(&data, &[]);
    let mut bob = server.log_in("bob");
    for text in ["one", "two", "three"] {
        assert_eq!(bob.compose("alice", text), "MESSAGE SENT");
    }
    assert_eq!(server.connect("board").ask("u\nhi #rust"), "operation success");
    assert!(server.stop().success());
    execute(
        &data,
        "UPDATE message SET text = CAST(x'ff' AS TEXT) WHERE sequence = 1;
         UPDATE message SET sender = 9 WHERE sequence = 2;
         UPDATE account SET password = 'no-hash' WHERE name = 'bob';
         UPDATE account SET name = 'two words' WHERE name = 'alice';
         INSERT INTO removal VALUES (5, -1, NULL);
         UPDATE post SET text = 'a' || char(0) || 'b';
         UPDATE channel SET name = 'no tag' WHERE id = 1",
    );
    let damaged = ["account 0: ", "account 1: ", "channel 1: ", "message 1: ", "message 2: "];
    let damaged = [&damaged[..], &["post 1: ", "post 2: ", "removal 5: "]].concat();
    let check_lines = |(status, stdout, stderr): (Option<i32>, String, String)| {
        assert_eq!(status, Some(1), "{stdout}");
        let mut lines: Vec<_> = stdout.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines.len(), damaged.len(), "{stdout}");
        for (line, begins) in lines.iter().zip(&damaged) {
            assert!(line.starts_with(begins), "{begins}: {stdout}");
        }
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains("has 8 damaged records"), "{stderr}");
    };
    check_lines(check_untouched(&data));
    server.restart();
    check_lines(check(&data));
}

#[test]
fn damage_to_the_structure_of_the_file_is_found() {
    let (_folder, data) = store();
    let mut server = Server::in_folder(&data, &["--capacity=1000"]);
    let mut bob = server.log_in("bob");
    for _ in 0..30 {
        assert_eq!(bob.compose("alice", &"x".repeat(1_000)), "MESSAGE SENT");
    }
    assert!(server.stop().success());
    let file = data.join("postroom.db");
    let page: usize = Connection::open(&file)
        .unwrap()
        .query_row(
            "SELECT pageno FROM dbstat WHERE name = 'message' AND pagetype = 'leaf' LIMIT 1",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let mut content = fs::read(&file).unwrap();
    content[(page - 1) * 4_096..page * 4_096].fill(0);
    fs::write(&file, content).unwrap();
    let (status, stdout, stderr) = check_untouched(&data);
    assert_eq!(status, Some(1), "{stdout}");
    assert!(stdout.contains("file: ") && stdout.contains("message "), "{stdout}");
    assert!(stderr.contains("or refuses to start"), "{stderr}");
    server.restart();
    let mut alice = server.log_in("alice");
    assert!(std::iter::from_fn(|| alice.read()).count() > 20, "the rest can be read");
}

#[test]
fn a_folder_without_a_store_is_reported_and_left_alone() {
    let (_folder, data) = folder();
    for _ in 0..2 {
        let (status, stdout, stderr) = check(&data);
        assert_eq!((status, stdout.as_str()), (Some(1), ""));
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains("there is no store in"), "{stderr}");
        assert!(!data.exists() || fs::read_dir(&data).unwrap().count() == 0);
        let _ = fs::create_dir(&data);
    }
}
