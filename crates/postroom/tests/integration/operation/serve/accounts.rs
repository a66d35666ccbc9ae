//! `postroom account` on the folder of a server that does not run.

use std::fs;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::{VERBOSE, folder, run, text};
use crate::harness::support::{Server, program};

/// The first line of the list of accounts.
const HEADER: &str = "ACCOUNT\tUNREAD\tLOGIN";

/// Runs `postroom account`; returns whether it succeeded, and its output.
fn account(data: &Path, arguments: &[&str]) -> (bool, String, String) {
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

/// Runs a command that succeeds; returns what it says.
fn done(data: &Path, arguments: &[&str]) -> String {
    let (is_done, said, error) = account_typing(data, arguments, "secret\n");
    assert!(is_done && error.is_empty(), "{arguments:?}: {error}");
    said
}

/// A folder with a new store.
pub(super) fn store() -> (TempDir, PathBuf) {
    let (folder, data) = folder();
    assert!(Server::in_folder(&data, &[]).stop().success());
    (folder, data)
}

#[test]
fn accounts_are_added_changed_and_listed() {
    let (_folder, data) = store();
    let none = format!("{HEADER}\n");
    assert_eq!(account(&data, &["list"]), (true, none, String::new()));
    let added = account_typing(&data, &["add", "Dora"], "secret\n");
    let said = "added the account Dora with a password\n".to_owned();
    assert_eq!(added, (true, said, String::new()));
    let mut server = Server::in_folder(&data, &[]);
    assert_eq!(server.log_in("bob").compose("dora", "hello"), "MESSAGE SENT");
    let mut dora = server.connect("mailbox");
    dora.send("PASS secret\n");
    assert_eq!(dora.ask("LOGIN dora"), "1");
    assert_eq!(server.connect(VERBOSE).ask("LOGIN dora"), "LOGIN ERROR");
    drop(dora);
    server.stop();
    let changed = account_typing(&data, &["passwd", "dora"], "other\n");
    let said = "changed the password of the account Dora\n".to_owned();
    assert_eq!(changed, (true, said, String::new()));
    // An account without a password can receive one.
    let (done, said, _) = account_typing(&data, &["passwd", "bob"], "bobs");
    assert!(done);
    assert_eq!(said, "set a password for the account bob, which had none\n");
    let listed = account(&data, &["list"]);
    assert_eq!(listed.1, format!("{HEADER}\nDora\t1\tpassword\nbob\t0\tpassword\n"));
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
fn senders_are_blocked_and_listed() {
    let (_folder, data) = store();
    assert!(account_typing(&data, &["add", "Dora"], "secret\n").0);
    let done = |arguments: &[&str]| done(&data, arguments);
    assert_eq!(done(&["blocked", "dora"]), "SENDER\n");
    assert_eq!(
        done(&["block", "dora", "Bob"]),
        "Dora has blocked Bob: messages from it are refused\n"
    );
    assert_eq!(done(&["block", "dora", "bob"]), "Dora has blocked bob already\n");
    assert_eq!(done(&["blocked", "dora"]), "SENDER\nBob\n");
    assert_eq!(done(&["blocked", "dora", "--json"]), "{\"sender\":\"Bob\"}\n");
    let mut server = Server::in_folder(&data, &[]);
    assert_eq!(server.log_in("bob").compose("dora", "hello"), "MESSAGE FAILED");
    assert_eq!(server.log_in("ann").compose("dora", "hello"), "MESSAGE SENT");
    server.stop();
    assert_eq!(done(&["unblock", "dora", "bob"]), "Dora has unblocked bob\n");
    assert_eq!(done(&["unblock", "dora", "bob"]), "Dora has not blocked bob\n");
    server.restart();
    assert_eq!(server.log_in("bob").compose("dora", "hello"), "MESSAGE SENT");
    server.stop();
    for (arguments, part) in [
        (&["block", "bob", "dora"], "give it one with: postroom account passwd bob"),
        (
            &["block", "nobody", "bob"],
            "there is no account nobody; add it with: postroom account add",
        ),
        (&["block", "dora", "a b"], "\"a b\" is not a name"),
    ] {
        let (is_done, said, error) = account(&data, arguments);
        assert!(!is_done && said.is_empty() && error.contains(part), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn an_account_is_renamed_and_loses_its_password() {
    let (_folder, data) = store();
    let done = |arguments: &[&str]| done(&data, arguments);
    done(&["add", "Dora"]);
    let said = done(&["rename", "dora", "Theodora"]);
    let (what, release) = said.trim_end().split_once(" until: postroom account ").unwrap();
    assert_eq!(what, "renamed the account Dora to Theodora; the name Dora is reserved");
    assert!(release.starts_with("release Dora --data "), "{release}");
    let list = done(&["list", "--json"]);
    let lines: Vec<_> = list.lines().collect();
    assert_eq!(
        lines,
        [
            r#"{"account":"Theodora","login":"password","unread":0}"#,
            r#"{"account":"Dora","login":"reserved","unread":0}"#
        ]
    );
    let said = done(&["remove-password", "theodora"]);
    assert_eq!(said, "removed the password of the account Theodora\n");
    let said = done(&["remove-password", "theodora"]);
    assert_eq!(said, "the account Theodora had no password\n");
    let said = done(&["rename", "theodora", "thea"]);
    assert_eq!(said, "renamed the account Theodora to thea\n");
    let server = Server::in_folder(&data, &[]);
    assert_eq!(server.log_in("thea").compose("theodora", "new"), "MESSAGE SENT");
}

#[test]
fn a_deleted_name_is_reserved_until_it_is_released() {
    let (_folder, data) = store();
    let done = |arguments: &[&str]| done(&data, arguments);
    done(&["add", "Dora"]);
    let mut server = Server::in_folder(&data, &[]);
    assert_eq!(server.log_in("bob").compose("dora", "hello"), "MESSAGE SENT");
    assert_eq!(server.log_in("ann").compose("bob", "hello"), "MESSAGE SENT");
    server.stop();
    let said = done(&["delete", "dora"]);
    let (what, release) = said.trim_end().split_once(" until: postroom account ").unwrap();
    assert_eq!(
        what,
        "deleted the account Dora, 1 unread message and 0 posts; the name Dora is reserved"
    );
    assert!(release.starts_with("release Dora --data "), "{release}");
    assert_eq!(
        done(&["list"]),
        format!("{HEADER}\nDora\t0\treserved\nbob\t1\topen\nann\t0\topen\n")
    );
    server.restart();
    for password in ["", "PASS secret\n", "PASS new\n"] {
        let mut dora = server.connect(VERBOSE);
        dora.send(password);
        assert_eq!(dora.ask("LOGIN dora"), "LOGIN ERROR");
    }
    assert_eq!(server.log_in("bob").compose("dora", "hello"), "MESSAGE FAILED");
    server.stop();
    for (arguments, part) in [
        (&["add", "dora"][..], "the name dora is reserved: its account was deleted or renamed; re"),
        (&["rename", "bob", "Dora"], "release it with: postroom account release Dora"),
        (&["passwd", "dora"], "there is no account dora"),
        (&["block", "dora", "bob"], "there is no account dora"),
        (&["delete", "dora"], "there is no account dora; list the accounts with: postroom acc"),
        (&["release", "bob"], "the name bob is not reserved; list accounts and reserved names"),
    ] {
        let (is_done, said, error) = account_typing(&data, arguments, "secret\n");
        assert!(!is_done && said.is_empty() && error.contains(part), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    assert_eq!(done(&["release", "dora"]), "the name dora can be registered again\n");
    assert_eq!(done(&["delete", "bob"]), "deleted the account bob, 1 unread message and 0 posts\n");
    assert_eq!(done(&["list"]), format!("{HEADER}\nann\t0\topen\n"));
    server.restart();
    let welcome = "Login successful with new username. Welcome dora";
    assert_eq!(server.connect(VERBOSE).ask("LOGIN dora"), welcome);
    server.stop();
}

#[test]
fn what_cannot_be_done_with_an_account_is_reported_in_one_sentence() {
    let (folder, data) = store();
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
    assert_eq!(account(&data, &["list"]).1, format!("{HEADER}\ndora\t0\tpassword\n"));
}

#[test]
fn a_folder_without_a_store_is_reported_and_left_alone() {
    let (folder, data) = folder();
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    for place in [&data, &empty, &data.join("further"), &file] {
        for arguments in [&["list"][..], &["add", "dora"], &["passwd", "dora"]] {
            let (done, stdout, stderr) = account_typing(place, arguments, "secret\n");
            assert!(!done && stdout.is_empty(), "{arguments:?}");
            assert_eq!(stderr.lines().count(), 1, "{stderr}");
            let no_store = format!("there is no store in {}", place.display());
            assert!(stderr.contains(&no_store) && stderr.contains("--data"), "{stderr}");
        }
    }
    assert!(!data.exists());
    assert_eq!(fs::read_dir(&empty).unwrap().count(), 0);
}

#[test]
fn a_hint_is_a_command_for_the_same_store() {
    let (folder, data) = store();
    let odd = folder.path().join("it's odd");
    fs::rename(&data, &odd).unwrap();
    let config = folder.path().join("postroom.toml");
    fs::write(&config, "").unwrap();
    let hinted = |arguments: &[&str]| {
        let (done, _, stderr) = account_typing(&odd, arguments, "secret\n");
        assert!(!done, "{arguments:?}");
        let (_, hint) = stderr.trim_end().split_once(" with: postroom ").unwrap();
        hint.to_owned()
    };
    let hint = hinted(&["passwd", "dora", "--config", text(&config)]);
    // As a person would, in a shell.
    let typed = |hint: &str| {
        let output = run_in_shell(&format!("echo secret | \"$0\" {hint}"));
        assert!(output.status.success(), "{hint}: {output:?}");
    };
    assert!(hint.contains("account add dora") && hint.contains(text(&config)), "{hint}");
    typed(&hint);
    typed(&hinted(&["add", "dora"]));
}

fn run_in_shell(line: &str) -> Output {
    Command::new("sh").args(["-c", line]).arg(program()).output().unwrap()
}

#[test]
fn a_password_file_that_overrides_a_password_is_reported() {
    let (folder, data) = store();
    let passwords = folder.path().join("passwords");
    fs::write(&passwords, "Dora 12345\n").unwrap();
    let config = folder.path().join("postroom.toml");
    fs::write(&config, format!("passwords = \"{}\"\n", passwords.display())).unwrap();
    let said = |arguments: &[&str]| {
        let arguments = [arguments, &["--config", text(&config)]].concat();
        let (done, stdout, stderr) = account_typing(&data, &arguments, "secret\n");
        assert!(done && stderr.is_empty(), "{stderr}");
        assert_eq!(stdout.lines().count(), 1, "{stdout}");
        stdout
    };
    let names_it = format!("the password file {} names it", passwords.display());
    assert!(said(&["add", "dora"]).contains(&names_it));
    assert!(said(&["passwd", "dora"]).contains(&names_it));
    assert!(!said(&["add", "erik"]).contains("password file"));
    assert!(!said(&["passwd", "erik"]).contains("password file"));
    let too = format!("; remove dora from the password file {}, too", passwords.display());
    assert!(said(&["delete", "dora"]).trim_end().ends_with(&too));
    assert!(!said(&["delete", "erik"]).contains("password file"));
    said(&["release", "dora"]);
    said(&["add", "dora"]);
    fs::remove_file(&passwords).unwrap();
    assert!(said(&["passwd", "dora"]).contains("cannot read the password file"));
}
