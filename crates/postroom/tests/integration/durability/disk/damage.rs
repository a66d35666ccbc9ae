//! Damaged records: each is lost alone, reported once, and left as it is.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;

use crate::harness::fallible::FallibleConnection;
use crate::harness::logged::{LoggedServer, wait_until};
use crate::harness::strace::{SystemCall, TracedServer, data};
use crate::harness::support::Server;

/// What no log may show.
const SECRET: &str = "a text that is nobody else's business";

fn change(data: &Path, statement: &str) {
    let changed = Connection::open(data.join("postroom.db")).unwrap().execute_batch(statement);
    changed.unwrap();
}

/// How many lines of the log report damage to this record.
fn reports_of(log: &str, table: &str, key: i64) -> usize {
    let is_report = |line: &&str| {
        line.contains("ERROR")
            && line.contains(&format!("table=\"{table}\""))
            && line.contains(&format!("key={key} "))
    };
    log.lines().filter(is_report).count()
}

#[test]
fn a_damaged_message_is_reported_once_and_the_mailbox_goes_on() {
    let mut server = LoggedServer::start(&[], &["--capacity=3"]);
    let mut bob = server.log_in("bob");
    for text in ["first", SECRET, "third"] {
        assert_eq!(bob.compose("alice", text), "MESSAGE SENT");
    }
    drop(bob);
    assert!(server.stop().success());
    let damage = "UPDATE message SET text = CAST(text || x'ff' AS TEXT) WHERE sequence = 2";
    change(server.data(), damage);
    for run in 1..=2 {
        server.restart();
        let mut alice = server.log_in("alice");
        assert_eq!(alice.read().unwrap().1, "first");
        assert_eq!(alice.read().unwrap().1, "third", "the damaged one is left out");
        assert_eq!(alice.read(), None);
        assert_eq!(server.connect("mailbox").ask("LOGIN alice"), "0", "the count is right");
        let mut bob = server.log_in("bob");
        for text in ["first", "second", "third"] {
            assert_eq!(bob.compose("alice", text), "MESSAGE SENT", "there is room again");
        }
        assert_eq!(bob.compose("alice", "fourth"), "MESSAGE FAILED");
        let mut alice = server.log_in("alice");
        for text in ["first", "second", "third"] {
            assert_eq!(alice.read().unwrap().1, text);
        }
        assert_eq!(alice.read(), None);
        bob.compose("alice", "first");
        bob.compose("alice", "third");
        drop((alice, bob));
        assert!(server.stop().success());
        let log = server.log();
        assert_eq!(reports_of(&log, "message", 2), run, "once a run: {log}");
        assert!(!log.contains(SECRET), "{log}");
        assert_eq!(log.matches("ERROR").count(), run, "{log}");
    }
    change(server.data(), "UPDATE message SET text = 'mended' WHERE sequence = 2");
    server.restart();
    assert_eq!(server.log_in("alice").read().unwrap().1, "mended", "its row had stayed");
}

#[test]
fn damage_found_at_start_is_reported_and_stops_nothing() {
    let mut server = LoggedServer::start(&[], &[]);
    assert_eq!(server.log_in("bob").compose("alice", "hello"), "MESSAGE SENT");
    assert_eq!(server.connect("board").ask("u\none #rust"), "operation success");
    assert_eq!(server.connect("board").ask("u\ntwo #rust"), "operation success");
    assert!(server.stop().success());
    change(
        server.data(),
        "UPDATE account SET name = 'two words' WHERE name = 'bob';
         UPDATE account SET password = 'no hash' WHERE name = 'alice';
         INSERT INTO message VALUES (7, 55, 0, 0, 'to no one', NULL);
         UPDATE post SET text = CAST(x'ff' AS TEXT) WHERE text = 'two #rust';
         INSERT INTO post VALUES (90, 55, NULL, 0, 'nowhere', NULL, NULL)",
    );
    server.restart();
    let mut alice = server.connect("mailbox-verbose");
    assert_eq!(alice.ask("LOGIN alice"), "LOGIN ERROR", "a damaged password opens to nobody");
    let bob = server.connect("mailbox-verbose").ask("LOGIN damaged-account-0");
    assert_eq!(bob, "LOGIN ERROR");
    let mut board = server.connect("board");
    board.send("d\n#rust\n");
    assert_eq!(board.rest(), "one #rust", "the latest is the one before");
    let mut board = server.connect("board");
    board.send("t\n#rust\n");
    assert_eq!(board.rest(), "@board: one #rust\n");
    let mut board = server.connect("board");
    board.send("d\n");
    assert_eq!(board.rest(), "one #rust");
    assert_eq!(server.log_in("carol").compose("bob", "hello"), "MESSAGE SENT");
    assert!(server.stop().success());
    let log = server.log();
    for (table, key) in [("account", 0), ("account", 1), ("message", 7), ("post", 90)] {
        assert_eq!(reports_of(&log, table, key), 1, "{table} {key}: {log}");
    }
    // The post is a record in each of its channels.
    assert_eq!(log.matches("the text is not valid UTF-8").count(), 2, "{log}");
}

/// What of a long text is not in the table's own pages is read with the message.
#[test]
fn a_part_of_the_disk_that_cannot_be_read_costs_what_is_there() {
    let folder = TempDir::new().unwrap();
    let mut server = Server::in_folder(&data(folder.path()), &[]);
    let long = "x".repeat(8_000);
    let mut bob = server.log_in("bob");
    for text in [&long, "short"] {
        assert_eq!(bob.compose("alice", text), "MESSAGE SENT");
    }
    drop(bob);
    assert!(server.stop().success());
    let table = data(folder.path()).join("postroom.db");
    let mut options = vec!["-P".to_owned(), table.to_string_lossy().into_owned()];
    options.extend(["-e", "trace=pread64", "-y"].map(str::to_owned));
    // How many reads there are until then is seen in a rehearsal, which begins as the
    // performance does: with the log of a server that was killed.
    for _ in 0..2 {
        let rehearsal = TracedServer::start(folder.path(), &options, &[]);
        let mut alice = FallibleConnection::connect(rehearsal.address("mailbox")).unwrap();
        alice.send("LOGIN alice\n").unwrap();
        assert_eq!(alice.line().unwrap(), "2");
        rehearsal.kill();
    }
    let reads = reads_of_the_loop(&fs::read_to_string(folder.path().join("trace")).unwrap());

    options.extend(["-e".to_owned(), format!("inject=pread64:error=EIO:when={}", reads + 1)]);
    let server = TracedServer::start(folder.path(), &options, &[]);
    let mut alice = FallibleConnection::connect(server.address("mailbox")).unwrap();
    alice.send("LOGIN alice\n").unwrap();
    assert_eq!(alice.line().unwrap(), "2");
    alice.send("READ\n").unwrap();
    assert_eq!((alice.line().unwrap(), alice.line().unwrap()), ("bob".into(), "short".into()));
    wait_until("the damage is logged", || {
        reports_of(&fs::read_to_string(folder.path().join("errors")).unwrap(), "message", 1) == 1
    });
    assert!(server.kill().iter().any(SystemCall::was_made_to_fail));
    let server = Server::in_folder(&data(folder.path()), &[]);
    let mut alice = server.log_in("alice");
    assert_eq!(alice.read().unwrap().1, long, "its row has stayed");
}

/// How many times the thread that began the trace has read. Faults are counted
/// thread by thread, too.
fn reads_of_the_loop(trace: &str) -> usize {
    let (thread, _) = trace.split_once(' ').unwrap();
    let begun = |line: &&str| line.starts_with(thread) && line.contains("pread64(");
    trace.lines().filter(begun).count()
}
