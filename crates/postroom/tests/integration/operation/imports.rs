//! `postroom account import`: what `postroom account export` has written comes to another
//! server or folder whole, or not at all.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::chat::{read_greeting, set_name};
use crate::harness::im::{BYE, CONNECTED, LOGGED_IN, RECEIVED, port_of};
use crate::harness::logged::wait_until;
use crate::harness::operator::run_with;
use crate::harness::support::{Client, Server, program, run_program};

/// Runs a command, which may ask for a password.
fn run(data: &Path, arguments: &[&str]) -> Result<String, String> {
    run_with(data, arguments, "secret\n")
}

/// The export of an account with a blocked sender, three unread messages, one that it has
/// written, and a post; in a folder that has nothing else.
fn exported() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let server = Server::start();
    let [mut bob, mut ann] = ["bob", "Ann"].map(|name| server.log_in(name));
    for text in ["one", "two \u{1b}[1m", "three"] {
        assert_eq!(bob.compose("ann", text), "MESSAGE SENT");
    }
    assert_eq!(ann.compose("bob", "to bob"), "MESSAGE SENT");
    let mut chat = server.connect("chat");
    read_greeting(&mut chat);
    set_name(&mut chat, "ann");
    assert_eq!(chat.ask("/say #rust hi"), "Said in #rust.");
    for arguments in [&["account", "passwd", "ann"][..], &["account", "block", "ann", "eve"]] {
        run(server.data(), arguments).unwrap();
    }
    let file = folder.path().join("ann.jsonl");
    fs::write(&file, run(server.data(), &["account", "export", "ann"]).unwrap()).unwrap();
    (folder, file)
}

/// An empty store.
fn store() -> TempDir {
    let folder = TempDir::new().unwrap();
    assert!(Server::in_folder(folder.path(), &[]).stop().success());
    folder
}

fn import(data: &Path, file: &Path) -> Result<String, String> {
    run(data, &["account", "import", file.to_str().unwrap()])
}

/// Whether there is an account.
fn is_known(data: &Path, name: &str) -> bool {
    let list = run(data, &["account", "list"]).unwrap();
    list.lines().any(|line| line.starts_with(&format!("{name}\t")))
}

#[test]
fn an_export_is_imported_on_a_server_and_in_a_folder() {
    let (_folder, file) = exported();
    let sentence = "imported the account Ann with a password, 3 unread messages and 1 blocked \
                    sender; 1 message to others and 1 post were left out\n";
    for is_running in [true, false] {
        let folder = store();
        let data = folder.path();
        let mut server = Server::in_folder(data, &[]);
        if !is_running {
            assert!(server.stop().success());
        }
        assert_eq!(import(data, &file).unwrap(), sentence);
        let again = import(data, &file).unwrap_err();
        assert!(again.contains("there is an account Ann already; see it with: "), "{again}");
        // What is exported there is what was imported.
        let kept = |text: &str| -> Vec<Value> {
            let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
            lines.filter(|line| line["type"] == "block" || line["type"] == "message").collect()
        };
        let told = run(data, &["account", "export", "ann"]).unwrap();
        let expected = kept(&fs::read_to_string(&file).unwrap());
        assert_eq!((kept(&told), expected.len()), (expected, 4));
        if !is_running {
            server.restart();
        }
        assert_eq!(server.log_in("carol").compose("ann", "four"), "MESSAGE SENT");
        assert_eq!(server.log_in("eve").compose("ann", "blocked"), "MESSAGE FAILED");
        let mut ann = server.connect("mailbox");
        ann.send("PASS secret\n");
        assert_eq!(ann.ask("LOGIN ann"), "4");
        let read: Vec<_> = std::iter::from_fn(|| ann.read()).collect();
        let read: Vec<_> = read.iter().map(|(from, text)| format!("{from}: {text}")).collect();
        assert_eq!(read[..2], ["bob: one", "bob: two ^[[1m"]);
        assert_eq!(read[2..], ["bob: three", "carol: four"]);
        // Bob is no account here.
        assert!(!is_known(data, "bob"));
        assert_eq!(server.log_in("bob").compose("ann", "five"), "MESSAGE SENT");
        assert!(server.stop().success());
        let check = run(data, &["check"]).unwrap();
        assert!(check.starts_with("nothing is damaged in "), "{check}");
    }
}

/// What was imported is pushed, shown and read as it is everywhere, and exported unchanged.
#[test]
fn texts_of_several_lines_are_imported_and_exported_as_they_are() {
    let (folder, file) = exported();
    let export = fs::read_to_string(&file).unwrap();
    let lines = folder.path().join("lines");
    // The last text ends with an empty line; one has as many as may be.
    let many = "x\\n".repeat(63) + "last";
    let texts = [("\"one\"", "one\\n\\nend"), ("two \\u001b[1m", &many), ("three\"", "3\\n\"")];
    let changed = texts.iter().fold(export, |export, (old, new)| {
        assert!(export.contains(old), "{old}: {export}");
        let new = if old.starts_with('"') { format!("\"{new}\"") } else { (*new).to_owned() };
        export.replacen(old, &new, 1)
    });
    fs::write(&lines, &changed).unwrap();
    let server = Server::start();
    import(server.data(), &lines).unwrap();
    let messages = |text: &str| -> Vec<Value> {
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["type"] == "message").collect()
    };
    let exported = run(server.data(), &["account", "export", "ann"]).unwrap();
    assert_eq!(messages(&exported), messages(&changed));
    let check = run(server.data(), &["check"]).unwrap();
    assert!(check.starts_with("nothing is damaged in "), "{check}");

    // Each reads the first, and gives it back by a reset.
    let mut mailbox = server.connect("mailbox");
    mailbox.send("PASS secret\n");
    assert_eq!(mailbox.ask("LOGIN ann"), "3");
    assert_eq!(mailbox.read(), Some(("bob".to_owned(), "one ⏎  ⏎ end".to_owned())));
    mailbox.reset();
    let mut verbose = server.connect("mailbox-verbose");
    verbose.send("PASS secret\n");
    assert!(verbose.ask("LOGIN ann").starts_with("Login successful."));
    assert_eq!(verbose.ask("READ ann"), "2 bob one ⏎  ⏎ end");
    verbose.reset();
    let mut im = server.connect("im");
    assert_eq!(im.ask("/login ann secret"), LOGGED_IN);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    assert_eq!(im.ask(&port_of(&listener)), CONNECTED);
    let mut pushes = Client::accept(&listener);
    for text in ["one", " "] {
        assert_eq!(pushes.line(), format!("/from bob {text}"));
        pushes.send(&format!("{RECEIVED}\n"));
    }
    assert_eq!(pushes.line(), "/from bob end");
    assert_eq!((im.ask("/exit"), im.rest()), (BYE.to_owned(), String::new()));
    pushes.close();
    im.close();
    let mut chat = server.connect("chat");
    read_greeting(&mut chat);
    chat.send("/pass secret\n");
    chat.line();
    set_name(&mut chat, "ann");
    chat.send("/read\n");
    let read: Vec<_> = (0..3).map(|_| chat.line()).collect();
    assert_eq!(read, ["from bob: one", "from bob:  ", "from bob: end"]);
    chat.send("/read\n");
    for line in 0..64 {
        let text = if line == 63 { "last" } else { "x" };
        assert_eq!(chat.line(), format!("from bob: {text}"));
    }
    // The next line proves that the one before has arrived.
    assert_eq!(chat.ask("/inbox"), "You have 1 unread message.");
    let (password, address) = (folder.path().join("password"), server.address("mailbox"));
    fs::write(&password, "secret\n").unwrap();
    let words = ["read", "--json", "--as=ann", "--server", &address.to_string()];
    let words = [&words[..], &["--password-file", password.to_str().unwrap()]].concat();
    let output = run_program(words, b"");
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&read["from"], &read["text"]), (&"bob".into(), &"3 ⏎ ".into()));
}

#[test]
fn what_cannot_be_imported_is_refused_in_one_line_and_changes_nothing() {
    let (folder, file) = exported();
    let export = fs::read_to_string(&file).unwrap();
    let wrong = folder.path().join("wrong");
    let lines: Vec<_> = export.lines().collect();
    let part = |count: usize| lines[..count].join("\n") + "\n";
    let cases = [
        (part(3), "ends after 3 lines without its end"),
        (part(1) + "{\"type\":\"message\"}\n", ", line 2: it is no line of an export: "),
        (export.replace("\"bob\"", "\"two words\""), "\"two words\" is not a name"),
        (export.replace("three", &"\\n".repeat(64)), "message 3: the text has more than 64 lines"),
        (export.replace("three", &"x".repeat(9_000)), "message 3: a text has at most 8192 bytes"),
        (export.replace("\"Ann\"", "\"\""), "\"\" is not a name"),
        (String::new(), "ends after 0 lines without its end"),
    ];
    let running = Server::with(&["--capacity=2"]);
    let stopped = store();
    for data in [running.data(), stopped.path()] {
        for (text, words) in &cases {
            fs::write(&wrong, text).unwrap();
            let error = import(data, &wrong).unwrap_err();
            assert!(error.starts_with("postroom: ") && error.contains(words), "{words}: {error}");
        }
        let error = import(data, &folder.path().join("nowhere")).unwrap_err();
        assert!(error.starts_with("postroom: cannot read "), "{error}");
        let error = import(data, folder.path()).unwrap_err();
        assert!(error.starts_with("postroom: cannot read "), "{error}");
        assert!(!is_known(data, "Ann"));
    }
    let error = import(running.data(), &file).unwrap_err();
    assert!(error.contains("a mailbox holds 2 messages here (mailbox.capacity)"), "{error}");
    assert!(!is_known(running.data(), "Ann"));
    let nowhere = TempDir::new().unwrap();
    let error = import(nowhere.path(), &file).unwrap_err();
    assert!(error.contains("there is no store in"), "{error}");
    assert_eq!(run_program(["account", "import"], b"").status.code(), Some(2));
}

/// A server that dies has imported all or nothing.
#[test]
fn an_import_is_whole_if_the_server_dies() {
    let (_folder, file) = exported();
    let mut server = Server::start();
    let data = server.data().to_path_buf();
    server.signal(Signal::STOP);
    let mut import = Command::new(program())
        .args(["account", "import", file.to_str().unwrap(), "--data", data.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut import.stdin.take().unwrap(), b"secret\n").unwrap();
    // It makes this once it has connected; the server is not to accept it any more.
    let has_connected = |entry: std::io::Result<fs::DirEntry>| {
        entry
            .and_then(|entry| fs::read_link(entry.path()))
            .is_ok_and(|link| link.to_string_lossy().contains("eventpoll"))
    };
    wait_until("the import has connected", || {
        let open = fs::read_dir(format!("/proc/{}/fd", import.id()));
        open.is_ok_and(|mut open| open.any(has_connected))
    });
    server.kill();
    let output = import.wait_with_output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), error.lines().count()), (Some(1), 1), "{error}");
    assert!(error.contains("look whether it has carried out the request"), "{error}");
    server.restart();
    assert!(!is_known(&data, "Ann"));
    assert!(self::import(&data, &file).is_ok());
}
