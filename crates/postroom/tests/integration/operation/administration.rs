//! The socket of a running server: the commands that use it, and curl.

use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::geteuid;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::logged::LoggedServer;
use crate::harness::operator::{curl, run, run_with};
use crate::harness::strace::{TracedServer, data};
use crate::harness::support::{COMMIT_PATHS, Client, PATIENCE, Server, need};

#[test]
fn accounts_are_changed_while_the_server_runs() {
    let server = LoggedServer::start(&[], &[]);
    let ask = |arguments: &[&str]| run_with(server.data(), arguments, "secret\n");
    let done = |arguments: &[&str]| ask(arguments).unwrap();
    assert_eq!(done(&["account", "add", "Dora"]), "added the account Dora with a password\n");
    assert!(ask(&["account", "add", "dora"]).unwrap_err().contains("account passwd Dora --data "));
    let mut dora = server.connect("mailbox");
    dora.send("PASS secret\n");
    assert_eq!(dora.ask("LOGIN dora"), "0");
    let mut bob = server.log_in("bob");
    assert_eq!(
        done(&["account", "block", "dora", "bob"]),
        "Dora has blocked bob: messages from it are refused\n"
    );
    assert_eq!(bob.compose("dora", "hello"), "MESSAGE FAILED");
    assert_eq!(done(&["account", "blocked", "dora"]), "SENDER\nbob\n");
    let list = "ACCOUNT\tUNREAD\tLOGIN\nDora\t0\tpassword\nbob\t0\topen\n";
    assert_eq!(done(&["account", "list"]), list);
    // Who has another name is no longer there.
    assert!(
        done(&["account", "rename", "bob", "rob"]).starts_with("renamed the account bob to rob")
    );
    assert_eq!(bob.rest(), "");
    assert!(done(&["account", "delete", "dora"]).contains("the name Dora is reserved until"));
    assert_eq!(dora.rest(), "");
    assert_eq!(server.log_in("rob").compose("dora", "hello"), "MESSAGE FAILED");
    assert_eq!(done(&["account", "release", "dora"]), "the name dora can be registered again\n");
    assert_eq!(server.log_in("rob").compose("dora", "hello"), "MESSAGE SENT");
    assert_eq!(done(&["account", "export", "rob"]).lines().count(), 3);
    for (what, subject) in [
        ("account added", "Dora"),
        ("sender blocked", "Dora"),
        ("account renamed", "bob to rob"),
        ("account deleted", "Dora"),
        ("account exported", "rob"),
    ] {
        let subject = format!("subject=\"{subject}\"");
        server.wait_for_log(&["an operator: ", what, &subject, "audit=\"administration\""]);
    }
    assert!(!server.log().contains("secret"));
    let error = ask(&["account", "delete", "nobody"]).unwrap_err();
    assert!(error.contains("there is no account nobody; list the accounts with: "), "{error}");
}

#[test]
fn a_running_server_tells_its_sessions_and_ends_them() {
    let mut server = Server::start();
    let mut bob = server.log_in("bob");
    let mut chat = server.connect("chat");
    chat.line();
    let status = run(server.data(), &["status"]).unwrap();
    assert!(status.contains("\nconnections\t2 of "), "{status}");
    let status: Value =
        serde_json::from_str(&run(server.data(), &["status", "--json"]).unwrap()).unwrap();
    assert_eq!((&status["connections"], &status["before_login"]), (&json!(2), &json!(1)));
    let sessions = run(server.data(), &["sessions"]).unwrap();
    let mut lines: Vec<Vec<&str>> =
        sessions.lines().map(|line| line.split('\t').collect()).collect();
    let header = lines.remove(0);
    assert_eq!(header, ["ACCOUNT", "LOGGED IN", "LISTENER", "PEER", "SECONDS", "BYTES WAITING"]);
    lines.sort_unstable();
    let seen: Vec<_> = lines.iter().map(|fields| &fields[..3]).collect();
    assert_eq!(seen, [["-", "no", "chat"], ["bob", "yes", "mailbox"]]);
    let sessions = run(server.data(), &["sessions", "--json"]).unwrap();
    for line in sessions.lines() {
        let session: Value = serde_json::from_str(line).unwrap();
        assert!(session["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{line}");
    }
    assert_eq!(run(server.data(), &["kick", "BOB"]).unwrap(), "ended 1 session of BOB\n");
    assert_eq!(bob.rest(), "");
    let kicked = run(server.data(), &["kick", "127.0.0.0/8"]).unwrap();
    assert_eq!(kicked, "ended 1 session of 127.0.0.0/8\n");
    assert_eq!(chat.rest(), "Disconnected: an operator has ended your session.\n");
    for (subject, expected) in [
        ("127.0.0.0/33", "add --name"),
        ("999.1.1.1", "add --name"),
        ("two words", "is no address, no prefix such as 192.0.2.0/24, and no name: "),
    ] {
        let error = run(server.data(), &["kick", subject]).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let kicked = run(server.data(), &["kick", "127.0.0.1", "--name"]).unwrap();
    assert_eq!(kicked, "127.0.0.1 has no session; nothing was ended\n");
    assert!(server.stop().success());
    for command in [&["status"][..], &["sessions"], &["kick", "bob"]] {
        let error = run(server.data(), command).unwrap_err();
        assert!(error.starts_with("postroom: no server runs in "), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn the_socket_is_for_the_user_of_the_server_alone_and_goes_with_it() {
    let mut server = Server::start();
    let socket = server.data().join("postroom.sock");
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    server.kill();
    assert!(socket.exists(), "nobody removed it");
    server.restart();
    assert!(run(server.data(), &["status"]).is_ok(), "it was replaced");
    assert!(server.stop().success());
    assert!(!socket.exists());
}

#[test]
fn curl_asks_and_is_answered_in_json() {
    need("curl", "curl");
    let server = Server::start();
    let curl = |path: &str, body: Option<&str>| curl(server.data(), path, body);
    let add = r#"{"command":"add","account":"ann","password":"secret"}"#;
    let added = ("200".to_owned(), json!({"done": "added", "account": "ann"}));
    assert_eq!(curl("/v1/account", Some(add)), added);
    for (path, body, status, problem) in [
        ("/v1/account", Some(add), "409", "account-exists"),
        ("/v1/account", Some(r#"{"command":"delete","account":"bob"}"#), "404", "no-such-account"),
        ("/v1/account", Some(r#"{"command":"delete","account":"a b"}"#), "422", "name"),
        (
            "/v1/account",
            Some(r#"{"command":"passwd","account":"ann","password":""}"#),
            "422",
            "password",
        ),
        ("/v1/account", Some(r#"{"command":"fly","account":"ann"}"#), "422", "malformed"),
        ("/v1/account", Some("{"), "400", "malformed"),
        ("/v1/kick", Some(r#"{"account":""}"#), "422", "name"),
        ("/nowhere", None, "404", "unknown-path"),
        ("/v1/reload", None, "405", "method"),
        ("/v1/accounts?from=-1", None, "400", "malformed"),
    ] {
        let (told, answer) = curl(path, body);
        assert_eq!((told.as_str(), &answer["problem"]), (status, &json!(problem)), "{answer}");
        assert!(!answer["detail"].as_str().unwrap().is_empty());
    }
    let (status, page) = curl("/v1/accounts", None);
    let expected = json!({
        "accounts": [{"account": "ann", "unread": 0, "login": "password"}],
        "next": null,
    });
    assert_eq!((status.as_str(), page), ("200", expected));
    let (status, kicked) = curl("/v1/kick", Some(r#"{"account":"ann"}"#));
    assert_eq!((status.as_str(), kicked), ("200", json!({"sessions": 0})));
}

#[test]
fn connections_that_ask_for_nothing_keep_no_operator_out() {
    let server = Server::start();
    let half = b"POST /v1/kick HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{";
    let begun = Instant::now();
    let idle: Vec<_> = (0..400)
        .map(|number| {
            let mut stream = UnixStream::connect(server.data().join("postroom.sock")).unwrap();
            if number % 2 == 0 {
                stream.write_all(half).unwrap();
            }
            stream
        })
        .collect();
    assert!(run(server.data(), &["status"]).is_ok());
    // Each of them may stay for 30 seconds where nobody needs its place.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    drop(idle);
}

/// Only root can become somebody else; for others the mode of the socket stands in.
#[test]
fn other_users_cannot_ask() {
    need("curl", "curl");
    need("setpriv", "util-linux");
    let server = Server::start();
    let socket = server.data().join("postroom.sock");
    // The folders are no help: each would keep others out.
    for folder in [server.data(), server.data().parent().unwrap()] {
        fs::set_permissions(folder, Permissions::from_mode(0o711)).unwrap();
    }
    let ask = |launcher: &[&str]| {
        let words = ["curl", "-sS", "-m", "10", "--unix-socket", socket.to_str().unwrap()];
        let words = [launcher, &words, &["http://localhost/v1/status"]].concat();
        Command::new(words[0]).args(&words[1..]).output().unwrap()
    };
    assert!(ask(&[]).status.success());
    if geteuid().is_root() {
        let output = ask(&["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains("connect"), "{error}");
    }
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o077, 0);
}

/// Sends a question without waiting for its answer.
fn ask_for_status(data: &Path) -> UnixStream {
    let mut socket = UnixStream::connect(data.join("postroom.sock")).unwrap();
    let head = "GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    socket.write_all(head.as_bytes()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// The status of the answer, and the answer.
fn answer(mut socket: UnixStream) -> (String, Value) {
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().to_owned();
    (status, serde_json::from_str(body).unwrap())
}

#[test]
fn more_questions_than_may_wait_are_refused_and_harm_no_one() {
    const ASKED: usize = 100;
    const WAIT: usize = 64;
    let folder = TempDir::new().unwrap();
    let data = data(folder.path());
    assert!(Server::in_folder(&data, &[]).stop().success());
    // The event loop waits for each sync.
    let options = ["-e", "trace=fdatasync", "-e", "inject=fdatasync:delay_enter=3000000"];
    let server =
        TracedServer::start(folder.path(), &options.map(str::to_owned), &[COMMIT_PATHS[0]]);
    let mut bob = Client::connect(server.address("mailbox"));
    assert_eq!(bob.ask("LOGIN bob"), "0");
    bob.send("COMPOSE bob\nhello\n");
    // It takes the first of these, or none; then it waits.
    let begun = Instant::now();
    let asked: Vec<_> = (0..ASKED).map(|_| ask_for_status(&data)).collect();
    let answers: Vec<_> = asked.into_iter().map(answer).collect();
    let busy = answers.iter().filter(|(status, _)| status == "503");
    let (busy, problems): (Vec<_>, Vec<_>) =
        busy.map(|(status, answer)| (status, &answer["problem"])).unzip();
    assert!(problems.iter().all(|problem| **problem == json!("busy")), "{problems:?}");
    assert!((1..=ASKED - WAIT).contains(&busy.len()), "{} in {:?}", busy.len(), begun.elapsed());
    let others = answers.iter().filter(|(status, _)| status == "200");
    assert_eq!(others.count() + busy.len(), ASKED);
    assert_eq!(bob.line(), "MESSAGE SENT");
    assert_eq!(bob.read(), Some(("bob".into(), "hello".into())));
    assert_eq!(answer(ask_for_status(&data)).0, "200");
}
