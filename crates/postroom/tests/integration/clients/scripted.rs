//! The clients in scripts: which arguments are a message, and exit statuses.

use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::harness::support::{Server, program, run_program, wait_for, without_user};

fn run(words: &[&str], input: &str) -> Output {
    run_program(words, input.as_bytes())
}

fn text_of(output: &Output) -> String {
    String::from_utf8([&output.stdout[..], &output.stderr].concat()).unwrap()
}

/// Sends as bob to a new mailbox; returns the status and the texts in the mailbox.
fn send(server: &Server, words: &[&str], input: &str) -> (Option<i32>, Vec<String>) {
    let address = server.address("mailbox").to_string();
    let words: Vec<_> = ["send", "--server", &address].iter().chain(words).copied().collect();
    let output = run(&words, input);
    let mut al = server.log_in("al");
    let stored = std::iter::from_fn(|| al.read().map(|(_, text)| text)).collect();
    al.send("EXIT\n");
    al.rest();
    (output.status.code(), stored)
}

#[test]
fn what_looks_like_an_option_is_a_message_after_the_recipient() {
    let server = Server::start();
    for (words, stored) in [
        (&["--as", "bob", "al", "-help wanted"][..], "-help wanted"),
        (&["--as", "bob", "al", "--help"], "--help"),
        (&["--as", "bob", "al", "-h"], "-h"),
        (&["--as", "bob", "al", "--version"], "--version"),
        (&["al", "--as", "bob", "-V", "--timeout=20"], "-V"),
        (&["al", "--timeout", "20", "--bogus", "--as", "bob"], "--bogus"),
        (&["--as", "bob", "al", "--", "--as"], "--as"),
        (&["--as", "bob", "al", "--", "--"], "--"),
        (&["--as", "bob", "al", "--", "-"], "-"),
        (&["--as", "bob", "al", ""], ""),
        (&["--as", "bob", "al", "-"], "from the input"),
        (&["--as", "bob", "al"], "from the input"),
    ] {
        let sent = send(&server, words, "from the input\n");
        assert_eq!(sent, (Some(0), vec![stored.to_owned()]), "{words:?}");
    }
}

#[test]
fn status_0_of_send_means_stored() {
    let server = Server::start();
    for (words, status) in [
        (&["--as", "bob", "al", "hello", "world"][..], 64),
        (&["--as", "bob", "al", "-", "hello"], 64),
        (&["--as", "bob", "al", "hello", "--timeout"], 64),
        (&["al", "hello"], 64),
        (&["--as", "bob", "--bogus", "al", "hello"], 64),
        (&["--as", "a b", "al", "hello"], 64),
        (&["--as", "bob", "a:l", "hello"], 64),
        (&["--as", "bob", "al", "one\ntwo"], 65),
        (&["--as", "bob", "al"], 65),
        (&["--as", "bob", "al", "hello", "--password-file", "/nonexistent/password"], 66),
    ] {
        assert_eq!(send(&server, words, "\n"), (Some(status), vec![]), "{words:?}");
    }
    assert_eq!(
        send(&server, &["--as", "bob", "al", "--allow-empty"], ""),
        (Some(0), vec![String::new()])
    );
}

#[test]
fn the_advice_for_several_lines_works() {
    let server = Server::start();
    let address = server.address("mailbox").to_string();
    let output = run(&["send", "--server", &address, "--as", "bob", "al"], "one\n\n-help two\n-\n");
    assert_eq!(output.status.code(), Some(65));
    let told = text_of(&output);
    let (_, advice) = told.trim_end().split_once("of its own: ").unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("lines");
    std::fs::write(&file, "one\n\n-help two\n-\n").unwrap();
    let advice = advice
        .replace("postroom", program().to_str().unwrap())
        .replace("NAME", "bob")
        .replace("RECIPIENT", "al")
        .replace("FILE", file.to_str().unwrap());
    assert!(Command::new("sh").args(["-c", &advice]).status().unwrap().success(), "{advice}");
    let mut al = server.log_in("al");
    let stored: Vec<_> = std::iter::from_fn(|| al.read().map(|(_, text)| text)).collect();
    assert_eq!(stored, ["one", "", "-help two", "-"]);
}

/// An address at which nothing listens.
fn nowhere() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn each_failure_has_its_status() {
    let folder = TempDir::new().unwrap();
    let passwords = folder.path().join("passwords");
    std::fs::write(&passwords, "jacky 12345\n").unwrap();
    let server = Server::with(&["--capacity=1", "--passwords", passwords.to_str().unwrap()]);
    let (mailbox, closed) = (server.address("mailbox").to_string(), nowhere().to_string());
    let verbose = server.address("mailbox-verbose").to_string();
    let (_, closed_port) = closed.split_once(':').unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().to_string();
    let read = |server: &str, name: &str, more: &[&str]| {
        let words = [&["read", "--server", server, "--as", name], more].concat();
        run(&words, "").status.code()
    };
    assert_eq!(read(&mailbox, "bob", &[]), Some(0));
    assert_eq!(read(&mailbox, "bob", &["--fail-empty"]), Some(1));
    assert_eq!(read(&mailbox, "bob", &["--all", "--fail-empty"]), Some(1));
    assert_eq!(read(&mailbox, "bob", &["--bogus"]), Some(64));
    assert_eq!(read("no such host.invalid:1", "bob", &[]), Some(68));
    assert_eq!(read(&closed, "bob", &[]), Some(75));
    assert_eq!(read(&silent, "bob", &["--timeout=0.1"]), Some(75));
    assert_eq!(read(&verbose, "bob", &[]), Some(76));
    assert_eq!(read(&mailbox, "jacky", &[]), Some(77));
    for client in ["mail", "im", "chat"] {
        let output = run(&[client, "127.0.0.1", closed_port], "bob\n");
        assert_eq!(output.status.code(), Some(75), "{}", text_of(&output));
        assert_eq!(run(&[client, "::1"], "").status.code(), Some(64));
    }
    assert_eq!(run(&["board", "-d", "127.0.0.1", closed_port], "").status.code(), Some(75));
    let send = ["send", "--server", &mailbox, "--as", "bob", "al", "hi"];
    assert_eq!(run(&send, "").status.code(), Some(0));
    assert_eq!(run(&send, "").status.code(), Some(75));
}

#[test]
fn piped_mail_never_makes_an_account_of_a_password() {
    let folder = TempDir::new().unwrap();
    let passwords = folder.path().join("passwords");
    std::fs::write(&passwords, "dora 12345\n").unwrap();
    let server = Server::with(&["--passwords", passwords.to_str().unwrap()]);
    for (listener, more) in [("mailbox-verbose", &[][..]), ("mailbox", &["--strict"])] {
        let port = server.address(listener).port().to_string();
        let words = [&["mail", "127.0.0.1", &port], more].concat();
        let output = run(&words, "dora\nMyPass123\nEXIT\n");
        assert_eq!(output.status.code(), Some(77), "{listener}");
        assert!(!text_of(&output).contains("MyPass123"), "{listener}: {}", text_of(&output));
    }
    // An account that exists already would not be new.
    let port = server.address("mailbox-verbose").port().to_string();
    let output = run(&["mail", "127.0.0.1", &port], "MyPass123\nEXIT\n");
    assert!(text_of(&output).contains("new username. Welcome MyPass123"), "{}", text_of(&output));
}

#[test]
fn the_statuses_are_documented() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    for client in ["mail", "send", "read", "im", "chat", "board", "tail", "post", "history"] {
        let output = run(&[client, "--help"], "");
        assert_eq!(output.status.code(), Some(0));
        let help = text_of(&output);
        for status in [0, 1, 64, 65, 66, 68, 69, 71, 74, 75, 76, 77, 78] {
            assert!(help.contains(&format!("\n{status:4}  ")), "{client} {status}: {help}");
            assert!(readme.contains(&format!("\n| {status} | ")), "{status}");
        }
    }
}

#[test]
fn the_help_of_chat_has_each_command_of_the_server() {
    let server = Server::start();
    let port = server.address("chat").port().to_string();
    let output = run(&["chat", "127.0.0.1", &port, "--as", "bob"], "/cmd\n/help\n/quit\n");
    let said = text_of(&output);
    let (_, rest) = said.split_once("Commands: ").unwrap();
    let commands: Vec<_> = rest.lines().next().unwrap().split(", ").collect();
    assert!(commands.len() > 10, "{commands:?}");
    for usage in commands {
        assert!(said.lines().any(|line| line.starts_with(&format!("{usage} "))), "{usage}: {said}");
    }
}

#[test]
fn a_board_message_may_look_like_an_option_or_come_from_the_input() {
    let server = Server::start();
    let port = server.address("board").port().to_string();
    for (words, stored) in [
        (&["-u", "127.0.0.1", &port, "-help wanted"][..], "-help wanted"),
        (&["-u", "127.0.0.1", &port, "--help"], "--help"),
        (&["127.0.0.1", &port, "-d", "--upload"], "-d"),
        (&["-u", "127.0.0.1", &port, "--", "--timeout"], "--timeout"),
        (&["-u", "127.0.0.1", &port, "-"], "from the input"),
    ] {
        let words = [&["board"], words].concat();
        assert_eq!(run(&words, "from the input\n").status.code(), Some(0), "{words:?}");
        let output = run(&["board", "-d", "127.0.0.1", &port], "");
        assert!(text_of(&output).contains(&format!("Received Message: {stored}\n")), "{words:?}");
    }
    for (words, status) in [
        (&["-u", "127.0.0.1", &port][..], 64),
        (&["-d", "127.0.0.1", &port, "-"], 64),
        (&["-d", "127.0.0.1", &port, "news"], 64),
        (&["-u", "127.0.0.1", &port, "hello", "world"], 64),
        (&["-u", "127.0.0.1", &port, "one\ntwo"], 65),
    ] {
        let words = [&["board"], words].concat();
        assert_eq!(run(&words, "").status.code(), Some(status), "{words:?}");
    }
}

#[test]
fn a_wrong_command_line_names_the_options_that_there_are() {
    for (words, told_words) in [
        (&["board", "-u", "::1", "4404"][..], "<MESSAGE|#TAG>\n"),
        (&["board", "::1", "4404", "hi"], "<--upload|--download>\n"),
        (
            &["board", "-u", "-d", "::1", "4404", "hi"],
            "'--upload' cannot be used with '--download'",
        ),
        (&["board", "-u", "::1", "4404", "hello", "world"], "'hello world'"),
        (&["send", "--as", "bob", "al", "hello", "world"], "'hello world'"),
        (&["send", "--as", "bob", "al", "-", "hello"], "given twice"),
    ] {
        let output = run(words, "");
        assert_eq!(output.status.code(), Some(64), "{words:?}");
        let told = text_of(&output);
        assert!(told.contains(told_words), "{told}");
        assert!(told.contains(&format!("Usage: postroom {} ", words[0])), "{told}");
        assert!(!told.contains("text-from-input"), "{told}");
        assert!(!told.contains("required arguments were not provided:\n  --upload"), "{told}");
    }
    for client in ["mail", "im", "chat", "board"] {
        for port in ["http", "0", "65536", ""] {
            let output = run(&[client, "::1", port], "");
            assert_eq!(output.status.code(), Some(64));
            let told = text_of(&output);
            assert!(told.contains("the port must be a number from 1 to 65535"), "{told}");
        }
    }
    let output = run(&["board", "-d", "::1", "4404", "-"], "");
    assert_eq!(output.status.code(), Some(64));
    assert!(text_of(&output).contains("\"-\" is not a hashtag"), "{}", text_of(&output));
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let server = Server::start();
    // More than a pipe holds, so that the client sees the pipe close.
    let text = "x".repeat(8_000);
    let mut al = server.log_in("al");
    for _ in 0..50 {
        assert_eq!(al.compose("al", &text), "MESSAGE SENT");
    }
    al.send("EXIT\n");
    al.rest();
    let mut child = without_user(&mut Command::new(program()))
        .args(["read", "--server", &server.address("mailbox").to_string(), "--as", "al", "--all"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    assert_eq!(line, format!("al: {text}\n"));
    drop(output);
    assert!(wait_for(&mut child).success());
    assert_eq!(text_of(&child.wait_with_output().unwrap()), "");
    // The messages that did not fit the pipe are still unread.
    let left = std::iter::from_fn(|| server.log_in("al").read()).take(1).count();
    assert_eq!(left, 1);
}
