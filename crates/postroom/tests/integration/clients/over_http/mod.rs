//! The clients over HTTP: `send` and `read` with an address of HTTP, `tail`, `post` and `history`.

mod following;
mod mistakes;

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use postroom_testing::terminal::check_safe;
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use self::following::Follower;
use crate::harness::http::{Http, curl};
use crate::harness::support::{Server, program, run_program, without_user};
use crate::harness::tls::{Authority, Valid};

/// Runs a client at the listener `http`.
fn run(server: &Server, words: &[&str], input: &str) -> Output {
    let address = format!("http://{}", server.address("http"));
    let words = [&words[..1], &["--server", &address], &words[1..]].concat();
    run_program(words, input.as_bytes())
}

/// Runs a client that must succeed; returns what it prints.
#[track_caller]
fn done(server: &Server, words: &[&str], input: &str) -> String {
    let output = run(server, words, input);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{words:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a client that must fail with this status; returns what it says.
#[track_caller]
fn refused(server: &Server, words: &[&str], input: &str, status: i32) -> String {
    let output = run(server, words, input);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{words:?}: {said}");
    said
}

#[track_caller]
fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// Posts as bob; returns the id.
fn post(server: &Server, text: &str) -> String {
    let response =
        Http::connect(server.address("http")).request("POST", "/api/v1/channels/rust/posts", text);
    response.json()["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_pipe_is_one_message_and_keeps_its_lines() {
    let server = Server::start();
    let text = "First line\n\n  third: \u{1b}[2J\n";
    assert_eq!(done(&server, &["send", "--as", "bob", "al"], text), "");
    done(&server, &["send", "--as", "bob", "al", "-"], "CR LF\r\nis a line end\r\n");
    let shown = done(&server, &["read", "--as", "al"], "");
    assert_eq!(shown, "bob: First line\n  \n    third: ^[[2J\n");
    let shown = done(&server, &["read", "--as", "al", "--json"], "");
    let message = json(&shown);
    assert_eq!(
        (&message["from"], &message["text"]),
        (&"bob".into(), &"CR LF\nis a line end".into())
    );
    let (id, time) = (message["id"].as_str().unwrap(), message["time"].as_str().unwrap());
    assert!(id.starts_with('m') && id.len() == 14, "{id}");
    assert!(time.ends_with('Z') && time.contains('T'), "{time}");
    assert_eq!(done(&server, &["read", "--as", "al", "--all"], ""), "");
    refused(&server, &["read", "--as", "al", "--fail-empty"], "", 1);

    // As many lines and bytes as a text may have, and more.
    let most = "x\n".repeat(64);
    done(&server, &["send", "--as", "bob", "al"], &most);
    let shown = json(&done(&server, &["read", "--as", "al", "--json"], ""));
    assert_eq!(shown["text"], most.trim_end());
    let said = refused(&server, &["send", "--as", "bob", "al"], &"x\n".repeat(65), 65);
    assert!(said.contains("more than 64 lines"), "{said}");
    let said = refused(&server, &["send", "--as", "bob", "al"], &"x".repeat(8_193), 65);
    assert!(said.contains("more than 8192 bytes"), "{said}");
    assert_eq!(done(&server, &["read", "--as", "al", "--all"], ""), "");
}

#[test]
fn a_message_for_several_is_for_all_of_them_or_none() {
    let server = Server::with(&["--capacity=1"]);
    done(&server, &["send", "--as", "bob", "al,eve", "Hi both"], "");
    assert_eq!(done(&server, &["read", "--as", "al"], ""), "bob: Hi both\n");
    let said = refused(&server, &["send", "--as", "bob", "al,eve", "again"], "", 75);
    assert!(said.contains("the mailbox of eve is full"), "{said}");
    assert_eq!(done(&server, &["read", "--as", "al"], ""), "");
    for recipients in ["al,", ",", "al eve", "al,e:ve"] {
        refused(&server, &["send", "--as", "bob", recipients, "hi"], "", 64);
    }
}

#[test]
fn what_is_posted_is_the_history_oldest_first() {
    let server = Server::start();
    assert_eq!(done(&server, &["history", "#rust"], ""), "");
    let posted: Vec<_> = (0..230).map(|number| post(&server, &format!("post {number}"))).collect();
    let texts = |words: &[&str]| -> Vec<String> {
        let shown = done(&server, &[&["history", "#rust"], words].concat(), "");
        let text = |line: &str| {
            let (head, text) = line.split_once(": ").unwrap();
            let (time, from) = head.split_once(' ').unwrap();
            assert!(time.ends_with('Z') && from == "bob", "{line}");
            text.to_owned()
        };
        shown.lines().map(text).collect()
    };
    let expected = |posts: std::ops::Range<usize>| -> Vec<String> {
        posts.map(|number| format!("post {number}")).collect()
    };
    assert_eq!(texts(&[]), expected(210..230));
    assert_eq!(texts(&["--count", "150"]), expected(80..230));
    assert_eq!(texts(&["--count", "10000"]), expected(0..230));
    assert_eq!(texts(&["--before", &posted[200], "--count=120"]), expected(80..200));
    assert_eq!(texts(&["--after", &posted[10], "--count=120"]), expected(11..131));
    assert_eq!(texts(&["--after", &posted[220]]), expected(221..230));
    assert_eq!(texts(&["--since", "2020-01-01T00:00:00Z", "--count=2"]), expected(0..2));
    assert_eq!(texts(&["--since", "2099-01-01T00:00:00+01:00"]), expected(0..0));

    done(&server, &["post", "--as", "mary", "#rust"], "several\nlines\n");
    done(&server, &["post", "--as", "mary", "#rust", "-x"], "");
    let shown = done(&server, &["history", "#rust", "--count=2"], "");
    assert!(shown.contains(" mary: several\n  lines\n"), "{shown}");
    assert!(shown.ends_with(" mary: -x\n"), "{shown}");
    let shown = done(&server, &["history", "#rust", "--count=2", "--json"], "");
    let posts: Vec<_> = shown.lines().map(json).collect();
    assert_eq!(posts[0]["text"], "several\nlines");
    assert!(posts[0]["id"].as_str().unwrap() > posted[229].as_str(), "{posts:?}");
}

#[test]
fn a_deleted_post_is_shown_as_deleted() {
    let folder = TempDir::new().unwrap();
    let password = folder.path().join("passwords");
    std::fs::write(&password, "ann secret\n").unwrap();
    let server = Server::with(&["--passwords", password.to_str().unwrap()]);
    let address = server.address("http").to_string();
    let follower = Follower::start(&["tail", "--server", &address, "#rust", "--json"]);
    let login = ["-u", "ann:secret"];
    let path = "/api/v1/channels/rust/posts";
    // Until the stream has begun: what is posted before is not told.
    let first = loop {
        let (status, said) = curl(&server, path, &[&login[..], &["-d", "oops"]].concat());
        assert_eq!(status, 201, "{said}");
        if let Ok(line) = follower.lines.recv_timeout(Duration::from_millis(200)) {
            break json(&line);
        }
    };
    let id = first["id"].as_str().unwrap();
    let (status, _) =
        curl(&server, &format!("/api/v1/posts/{id}"), &[&login[..], &["-X", "DELETE"]].concat());
    assert_eq!(status, 204);
    let mut told = std::iter::repeat_with(|| json(&follower.line()));
    let told = told.find(|line| line["id"] == id).unwrap();
    let expected = serde_json::json!(
        {"id": id, "time": first["time"], "from": "ann", "deleted": true}
    );
    assert_eq!(told, expected);
    let shown = done(&server, &["history", "#rust", "--count=10000"], "");
    assert!(shown.contains(" ann: (deleted)\n"), "{shown}");
    assert_eq!(follower.end(Signal::INT).0.code(), Some(0));
}

/// What an account without a password has unread.
fn unread(server: &Server, name: &str) -> Value {
    let (status, said) = curl(server, "/~", &["-u", &format!("{name}:")]);
    assert_eq!(status, 200, "{said}");
    json(&said)
}

/// Runs a client whose output is this file; returns its status and what it says.
fn run_into(output: impl Into<Stdio>, words: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(program());
    let command = without_user(&mut command).args(words).stdin(Stdio::null()).stdout(output);
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn what_cannot_be_printed_stays_unread() {
    let server = Server::start();
    let address = server.address("http").to_string();
    let http = format!("http://{address}");
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    // A pipe that nobody reads any more ends a client quietly.
    let closed = || std::io::pipe().unwrap().1;
    for (number, words) in [&[][..], &["--all", "--json"], &["--follow"]].into_iter().enumerate() {
        for (output, status, begin) in [
            (Stdio::from(full()), 74, "postroom: cannot write the output: "),
            (closed().into(), 0, ""),
        ] {
            let name = format!("al{number}{status}");
            done(&server, &["send", "--as", "bob", &name, "one"], "");
            let read = ["read", "--server", &http, "--as", &name];
            let (ended, said) = run_into(output, &[&read[..], words].concat());
            assert_eq!(ended, Some(status), "{words:?}: {said}");
            assert!(said.starts_with(begin) && said.is_empty() == begin.is_empty(), "{said}");
            // Until its lease ends; who follows sees that nobody reads before there is one.
            let is_leased = status != 0 || words != ["--follow"];
            let left = unread(&server, &name);
            assert_eq!(left["unread"], 1, "{words:?}");
            assert_eq!(left["messages"][0]["leased"], is_leased, "{words:?}");
        }
    }
    post(&server, "one");
    for words in [
        &["tail", "--server", &address, "#rust", "--after", "p0000000000000"][..],
        &["history", "--server", &address, "#rust"],
    ] {
        assert_eq!(run_into(full(), words).0, Some(74), "{words:?}");
        assert_eq!(run_into(closed(), words), (Some(0), String::new()), "{words:?}");
    }
}

#[test]
fn several_lines_need_http() {
    let server = Server::start();
    let mailbox = server.address("mailbox").to_string();
    let words = ["send", "--server", &mailbox, "--as", "bob", "al"];
    let output = run_program(words, b"one\ntwo\n");
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(65), "{said}");
    let advice = "use its http listener: --server http://127.0.0.1;";
    assert!(said.contains(advice), "{said}");
    assert_eq!(unread(&server, "al")["unread"], 0);
    // An id and a time are told by HTTP alone.
    done(&server, &["send", "--as", "bob", "al"], "one\ntwo\n");
    let output = run_program(["read", "--server", &mailbox, "--as", "al", "--json"], b"");
    let line = String::from_utf8(output.stdout).unwrap();
    assert_eq!(json(&line), serde_json::json!({"from": "bob", "text": "one \u{23ce} two"}));
}

#[test]
fn all_clients_of_http_use_tls_where_they_are_told_to() {
    let (folder, authority) = (TempDir::new().unwrap(), Authority::new());
    let pair = authority.issue(folder.path(), &["localhost"], Valid::Now);
    let settings = pair.settings();
    let server = Server::with(&["--listen=http+tls=127.0.0.1:0", &settings[0], &settings[1]]);
    let port = server.address("http+tls").port();
    let ca = format!("--ca={}", pair.authority.display());
    let secured = format!("https://localhost:{port}");
    let run = |words: &[&str]| {
        let output = run_program([words, &["--server", &secured]].concat(), b"");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), String::from_utf8(output.stdout).unwrap() + &said)
    };
    let ok = |words: &[&str]| {
        let (status, said) = run(&[words, &[&ca]].concat());
        assert_eq!(status, Some(0), "{words:?}: {said}");
        said
    };
    assert_eq!(ok(&["send", "--as", "bob", "al", "hi"]), "");
    assert_eq!(ok(&["post", "--as", "bob", "#rust", "news"]), "");
    assert_eq!(ok(&["read", "--as", "al"]), "bob: hi\n");
    assert!(ok(&["history", "#rust"]).ends_with(" bob: news\n"));
    let after = ["--after", "p0000000000000"];
    let words = ["tail", "--server", &secured, "#rust", &ca];
    let follower = Follower::start(&[&words[..], &after].concat());
    follower.expect(" bob: news");
    ok(&["post", "--as", "bob", "#rust", "more"]);
    follower.expect(" bob: more");
    assert_eq!(follower.end(Signal::INT).0.code(), Some(0));
    // Nothing is sent to who is not trusted.
    let (status, said) = run(&["send", "--as", "bob", "al", "hi"]);
    assert_eq!(status, Some(76), "{said}");
    assert_eq!(ok(&["read", "--as", "al"]), "");
}

#[test]
fn what_others_say_is_safe_to_show() {
    let server = Server::start();
    post(&server, "\u{1b}]0;owned\u{7}\u{9b}2J\r\u{202e}\n\u{7f}2026-11-23T08:00:00Z eve: forged");
    let shown = done(&server, &["history", "#rust"], "");
    check_safe("what is shown", shown.as_bytes());
    assert_eq!(shown.lines().count(), 2);
    assert!(shown.lines().nth(1).unwrap().starts_with("  ^?2026"), "{shown}");
    let address = server.address("http").to_string();
    let words = ["tail", "--server", &address, "#rust", "--after", "p0000000000000"];
    let follower = Follower::start(&words);
    assert_eq!(format!("{}\n{}\n", follower.line(), follower.line()), shown);
    let json = done(&server, &["history", "#rust", "--json"], "");
    assert!(json.trim_end().bytes().all(|byte| matches!(byte, b' '..=b'~')), "{json}");
}
