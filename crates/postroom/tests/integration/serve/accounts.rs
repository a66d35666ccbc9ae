//! `postroom account`: accounts with passwords, while no server runs.

use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{VERBOSE, folder, run, text};
use crate::support::Server;

/// Runs `postroom account`: whether it succeeded, and what it said.
pub(super) fn account(data: &Path, arguments: &[&str]) -> (bool, String, String) {
    account_typing(data, arguments, "")
}

fn account_typing(data: &Path, arguments: &[&str], typed: &str) -> (bool, String, String) {
    let mut input = tempfile::tempfile().unwrap();
    input.write_all(typed.as_bytes()).unwrap();
    input.rewind().unwrap();
    let output = run(&[&["account"], arguments].concat(), |command| {
        command.arg("--data").arg(data).stdin(input);
    });
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

/// A folder with a new store.
pub(super) fn store() -> (TempDir, PathBuf) {
    let (folder, data) = folder();
    assert!(Server::in_folder(&data, &[]).stop().success());
    (folder, data)
}

#[test]
fn accounts_are_added_changed_and_listed() {
    let (_folder, data) = folder();
    assert_eq!(account(&data, &["list"]), (true, String::new(), String::new()));
    let added = account_typing(&data, &["add", "Dora"], "secret\n");
    assert_eq!(added, (true, String::new(), String::new()));
    let mut server = Server::in_folder(&data, &[]);
    assert_eq!(server.log_in("bob").compose("dora", "hello"), "MESSAGE SENT");
    let mut dora = server.connect("mailbox");
    dora.send("PASS secret\n");
    assert_eq!(dora.ask("LOGIN dora"), "1");
    assert_eq!(server.connect(VERBOSE).ask("LOGIN dora"), "LOGIN ERROR");
    drop(dora);
    server.stop();
    let changed = account_typing(&data, &["passwd", "dora"], "other\n");
    assert_eq!(changed, (true, String::new(), String::new()));
    // An open account can be given one, too.
    assert!(account_typing(&data, &["passwd", "bob"], "bobs").0);
    let listed = account(&data, &["list"]);
    assert_eq!(listed.1, "Dora\t1\tpassword\nbob\t0\tpassword\n");
    server.restart();
    let mut dora = server.connect(VERBOSE);
    dora.send("PASS secret\n");
    assert_eq!(dora.ask("LOGIN dora"), "LOGIN ERROR");
    dora.send("PASS other\n");
    assert_eq!(
        dora.ask("LOGIN dora"),
        "Login successful. Welcome Dora. You have 1 unread messages."
    );
    let mut bob = server.connect("mailbox");
    bob.send("LOGIN bob\n");
    assert_eq!(bob.rest(), "");
}

#[test]
fn what_cannot_be_done_with_an_account_is_told_in_one_sentence() {
    let (folder, data) = folder();
    assert!(account_typing(&data, &["add", "dora"], "secret\n").0);
    let missing = folder.path().join("missing");
    for (arguments, typed, named) in [
        (&["add", "Dora"][..], "other\n", "passwd dora"),
        (&["passwd", "erik"], "other\n", "add erik"),
        (&["add", "two words"], "other\n", "two words"),
        (&["add", "erik"], "", "password"),
        (&["add", "erik"], "\n", "password"),
        (&["add", "erik"], "a\u{7}b\n", "password"),
        (&["add", "erik", "--password-file", text(&missing)], "", "missing"),
    ] {
        let (done, stdout, stderr) = account_typing(&data, arguments, typed);
        assert!(!done && stdout.is_empty(), "{arguments:?}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        let found = stderr.to_lowercase().contains(&named.to_lowercase());
        assert!(stderr.starts_with("postroom: ") && found, "{arguments:?}: {stderr}");
        assert!(!stderr.contains("a\u{7}b"), "{stderr}");
    }
    assert_eq!(account(&data, &["list"]).1, "dora\t0\tpassword\n");
}

#[test]
fn accounts_are_left_alone_while_a_server_runs() {
    let server = Server::start();
    for arguments in [&["list"][..], &["add", "dora"], &["passwd", "dora"]] {
        let (done, stdout, stderr) = account_typing(server.data(), arguments, "secret\n");
        assert!(!done && stdout.is_empty(), "{arguments:?}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains("in use"), "{stderr}");
    }
}
