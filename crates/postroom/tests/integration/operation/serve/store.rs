//! The files of the store: which of them a server accepts, their permissions, and
//! that one server at a time has them.

use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use super::accounts::store;
use super::{folder, refusal, serve_in, text};
use crate::harness::support::Server;

fn database(data: &Path) -> PathBuf {
    data.join("postroom.db")
}

/// Changes the database from outside the server.
fn execute(data: &Path, statement: &str) {
    Connection::open(database(data)).unwrap().execute_batch(statement).unwrap();
}

fn cut(path: &Path, bytes: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(bytes).unwrap();
}

/// Checks that the store is refused in one sentence that says what to do, without
/// SQL, and is left as it is.
fn check_refused(data: &Path, words: &[&str]) {
    let before = fs::read(database(data)).unwrap();
    let log = fs::read(data.join("postroom.db-wal")).ok();
    let sentence = refusal(&serve_in(data), |_| {});
    let lower = sentence.to_lowercase();
    for word in words.iter().chain(&[text(&database(data))]) {
        assert!(sentence.contains(word), "{word}: {sentence}");
    }
    for sql in ["select", "create ", "table account", "no such", "malformed", "schema", "sqlite"] {
        assert!(!lower.contains(sql), "{sql}: {sentence}");
    }
    assert!(fs::read(database(data)).unwrap() == before, "the file was changed: {sentence}");
    if let Some(log) = log {
        let now = fs::read(data.join("postroom.db-wal")).unwrap();
        assert!(now.starts_with(&log), "the log was changed: {sentence}");
    }
}

#[test]
fn a_file_that_is_cut_short_is_reported() {
    for bytes in [10, 50, 100, 4_096, 8_192, 10_000] {
        let (_folder, data) = store();
        cut(&database(&data), bytes);
        check_refused(&data, &["cut short", "restore a backup"]);
    }
}

#[test]
fn a_file_that_is_cut_short_beside_its_log_is_reported() {
    let (_folder, data) = store();
    let mut server = Server::in_folder(&data, &[]);
    assert_eq!(server.log_in("bob").compose("bob", "hello"), "MESSAGE SENT");
    server.kill();
    cut(&database(&data), 8_192);
    check_refused(&data, &["cut short", "restore a backup"]);
}

#[test]
fn an_empty_file_beside_its_log_is_reported_and_the_log_is_kept() {
    let (_folder, data) = folder();
    let mut server = Server::in_folder(&data, &[]);
    assert_eq!(server.log_in("bob").compose("bob", "hello"), "MESSAGE SENT");
    server.kill();
    let whole = fs::read(database(&data)).unwrap();
    cut(&database(&data), 0);
    check_refused(&data, &["is empty", "backup", "-wal"]);
    // Everything was in the log.
    fs::write(database(&data), whole).unwrap();
    server.restart();
    assert_eq!(server.log_in("bob").read().unwrap().1, "hello");
}

#[test]
fn a_foreign_file_is_reported() {
    let (_folder, data) = store();
    execute(&data, "PRAGMA application_id = 7");
    check_refused(&data, &["not a postroom store", "move it away"]);
    let (_folder, data) = folder();
    fs::create_dir(&data).unwrap();
    fs::write(database(&data), "x").unwrap();
    check_refused(&data, &["not a postroom store", "move it away"]);
}

#[test]
fn a_version_that_does_not_fit_is_reported() {
    for (version, advice) in
        [(0, "backup"), (1, "backup"), (5, "backup"), (-2, "backup"), (99, "newer postroom")]
    {
        let (_folder, data) = store();
        execute(&data, &format!("PRAGMA user_version = {version}"));
        check_refused(&data, &[&format!("version {version}"), advice]);
    }
    for change in [
        "DROP TABLE post",
        "DROP TABLE message",
        "DROP TABLE block",
        "DROP TABLE ban",
        "DROP VIEW said; DROP TABLE post; DROP TABLE channel; PRAGMA user_version = 1;
         CREATE VIEW said AS SELECT 1",
        "ALTER TABLE message RENAME COLUMN sender TO author",
        "ALTER TABLE account DROP COLUMN deleted",
    ] {
        let (_folder, data) = store();
        execute(
            &data,
            &format!("DROP VIEW unread; DROP VIEW said; CREATE VIEW said AS SELECT 1; {change}"),
        );
        check_refused(&data, &["tables are not those", "restore a backup"]);
    }
}

#[test]
fn a_second_server_is_kept_out_though_the_lock_file_is_gone() {
    let server = Server::start();
    fs::remove_file(server.data().join("postroom.lock")).unwrap();
    for _ in 0..2 {
        let sentence = refusal(&serve_in(server.data()), |_| {});
        assert!(sentence.contains("in use"), "{sentence}");
    }
    assert_eq!(server.log_in("bob").compose("bob", "hello"), "MESSAGE SENT");
}

/// The files of a store that users other than its owner may read or write.
fn wide(data: &Path) -> Vec<String> {
    let mode = |entry: &fs::DirEntry| entry.metadata().unwrap().permissions().mode() & 0o777;
    let entries: Vec<_> = fs::read_dir(data).unwrap().map(Result::unwrap).collect();
    assert!(entries.len() >= 4, "table file, log, index and lock: {entries:?}");
    entries
        .iter()
        .filter(|entry| mode(entry) != 0o600)
        .map(|entry| format!("{} {:o}", entry.file_name().display(), mode(entry)))
        .collect()
}

#[test]
fn all_files_of_the_store_are_for_their_owner_alone() {
    for umask in ["000", "022", "277"] {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::set_permissions(&data, Permissions::from_mode(0o777)).unwrap();
        let launcher = ["sh", "-c", &format!("umask {umask}; exec \"$0\" \"$@\"")];
        let launcher = launcher.map(str::to_owned);
        let mut server = Server::through(&launcher, &data, &[]);
        server.log_in("bob").compose("bob", "hello");
        assert_eq!(wide(&data), Vec::<String>::new(), "umask {umask}");
        // Files that an older version left open to others are closed.
        server.kill();
        for entry in fs::read_dir(&data).unwrap() {
            fs::set_permissions(entry.unwrap().path(), Permissions::from_mode(0o666)).unwrap();
        }
        server.restart();
        assert_eq!(wide(&data), Vec::<String>::new(), "umask {umask}");
        assert_eq!(server.log_in("bob").read().unwrap().1, "hello");
    }
}
