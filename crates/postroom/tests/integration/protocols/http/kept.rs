//! What an account has read and sent, read again over HTTP.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::http::curl;
use crate::harness::operator::run;
use crate::harness::support::{Server, add_account};

const READ: &str = "/api/v1/mailbox/read";
const KEEPING: [&str; 2] = ["--set=mailbox.keep_read_days=30", "--set=mailbox.keep_read_max=5"];

/// A page, as `carol` reads it.
fn page(server: &Server, query: &str) -> Value {
    let (status, body) = curl(server, &format!("{READ}{query}"), &["-u", "carol:sesame"]);
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

fn texts(page: &Value) -> Vec<&str> {
    let messages = page["messages"].as_array().unwrap();
    messages.iter().map(|message| message["text"].as_str().unwrap()).collect()
}

fn send(server: &Server, who: &str, to: &str, text: &str) -> Value {
    let (status, body) = curl(server, &format!("/~{to}"), &["-u", who, "-d", text]);
    assert_eq!(status, 201, "{body}");
    serde_json::from_str(&body).unwrap()
}

fn problem(server: &Server, query: &str, who: &str) -> (u16, String) {
    let (status, body) = curl(server, &format!("{READ}{query}"), &["-u", who]);
    let problem: Value = serde_json::from_str(&body).unwrap();
    (status, problem["type"].as_str().unwrap().replace("/api/v1/problems/", ""))
}

/// A server at which `carol` has a password.
fn server(arguments: &[&str]) -> (TempDir, Server) {
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    drop(Server::in_folder(&data, &[]));
    add_account(&data, "carol", "sesame");
    let server = Server::in_folder(&data, arguments);
    (folder, server)
}

/// `carol` reads all that is unread.
fn read_out(server: &Server, expected: &[&str]) {
    let mut carol = server.connect("mailbox");
    carol.send("PASS sesame\n");
    assert_eq!(carol.ask("LOGIN carol"), expected.len().to_string());
    for message in expected {
        let sender = carol.ask("READ");
        assert_eq!(format!("{sender}: {}", carol.line()), *message);
    }
    // The answer comes when what was read is removed.
    assert_eq!(carol.ask("READ"), "READ ERROR");
}

#[test]
fn what_any_listener_has_confirmed_is_read_again() {
    let (_folder, mut server) = server(&KEEPING);
    let one = send(&server, "bob:", "carol", "one");
    send(&server, "bob:", "carol", "two");
    let sent = send(&server, "carol:sesame", "bob", "three");
    assert_eq!(texts(&page(&server, "")), ["three"], "what is unread is not read");
    read_out(&server, &["bob: one", "bob: two"]);
    for round in 0..2 {
        let all = page(&server, "");
        assert_eq!(texts(&all), ["three", "two", "one"], "{round}");
        assert_eq!(
            all["messages"][0],
            json!({"id": sent["id"], "time": sent["time"], "to": "bob", "text": "three"})
        );
        assert_eq!(
            all["messages"][2],
            json!({"id": one["id"], "time": one["time"], "from": "bob", "text": "one"})
        );
        assert_eq!(all["next"], Value::Null);
        // In pages, in both directions, from an id and a time on.
        let first = page(&server, "?count=2");
        assert_eq!(texts(&first), ["three", "two"]);
        let rest = page(&server, &format!("?{}", first["next"].as_str().unwrap()));
        assert_eq!(texts(&rest), ["one"]);
        let (id, time) = (one["id"].as_str().unwrap(), one["time"].as_str().unwrap());
        for (query, expected) in [
            (format!("?from={id}&count=2"), &["one", "two"][..]),
            (format!("?after={id}"), &["two", "three"]),
            (format!("?before={id}"), &[]),
            (format!("?since={time}"), &["one", "two", "three"]),
            ("?since=2999-01-01T00:00:00Z".to_owned(), &[]),
        ] {
            assert_eq!(texts(&page(&server, &query)), expected, "{query}");
        }
        if round == 0 {
            server.kill();
            server.restart();
        }
    }
    for text in ["four", "five", "six"] {
        send(&server, "carol:sesame", "bob", text);
    }
    assert_eq!(texts(&page(&server, "")), ["six", "five", "four", "three", "two"]);
}

#[test]
fn who_keeps_nothing_is_told_why() {
    let (_folder, server) = server(&KEEPING);
    assert_eq!(problem(&server, "", "bob:"), (403, "no-password".to_owned()));
    assert_eq!(problem(&server, "", "carol:wrong"), (401, "credentials".to_owned()));
    for query in ["?count=0", "?count=101", "?before=p0000000000001", "?since=now", "?all=1"] {
        assert_eq!(problem(&server, query, "carol:sesame"), (422, "value".to_owned()), "{query}");
    }
    drop(server);
    let (_folder, server) = self::server(&[]);
    assert_eq!(problem(&server, "", "carol:sesame"), (404, "nothing-kept".to_owned()));
}

/// On the running server, and with the server's answer to `account export` before it.
#[test]
fn a_deleted_account_takes_what_it_keeps_along() {
    let (_folder, server) = server(&KEEPING);
    send(&server, "carol:sesame", "carol", "to myself");
    send(&server, "carol:sesame", "bob", "to bob");
    read_out(&server, &["carol: to myself"]);
    assert_eq!(texts(&page(&server, "")), ["to bob", "to myself"]);
    let exported = run(server.data(), &["account", "export", "carol"]).unwrap();
    assert!(exported.contains(r#"{"type":"read","sender":"carol","#), "{exported}");
    assert!(exported.contains(r#"{"type":"sent","recipient":"bob","#), "{exported}");
    run(server.data(), &["account", "delete", "carol"]).unwrap();
    assert_eq!(problem(&server, "", "carol:sesame").0, 401);
    // His mail stays his.
    assert!(curl(&server, "/~", &["-u", "bob:"]).1.contains("to bob"));
}

/// The command does not know the settings of the server.
#[test]
fn a_command_on_the_folder_removes_nothing_that_others_keep() {
    let (_folder, mut server) = server(&KEEPING);
    send(&server, "bob:", "carol", "one");
    send(&server, "carol:sesame", "dora", "two");
    read_out(&server, &["bob: one"]);
    assert!(server.stop().success());
    run(server.data(), &["account", "delete", "dora"]).unwrap();
    run(server.data(), &["account", "delete", "bob"]).unwrap();
    server.restart();
    assert_eq!(texts(&page(&server, "")), ["two", "one"]);
}
