//! Mailboxes over HTTP.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::http::{Http, curl, request};
use crate::harness::operator::run;
use crate::harness::support::Server;

fn json(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_else(|_| panic!("{body}"))
}

#[test]
fn what_curl_leaves_another_listener_reads() {
    let server = Server::start();
    let (status, body) = curl(&server, "/~alice", &["-u", "bob:", "-d", "Hi Alice!"]);
    assert_eq!(status, 201, "{body}");
    let sent = json(&body);
    assert_eq!(sent["to"], "alice");
    assert!(sent["id"].as_str().unwrap().starts_with('m'), "{sent}");
    assert!(sent["time"].as_str().unwrap().ends_with('Z'), "{sent}");
    assert_eq!(json(&curl(&server, "/~", &["-u", "alice:"]).1)["unread"], 1);
    let mut alice = server.log_in("alice");
    alice.send("READ\n");
    assert_eq!([alice.line(), alice.line()], ["bob", "Hi Alice!"]);
}

#[test]
fn a_lease_is_confirmed_with_its_key_alone() {
    let server = Server::start();
    let mut writer = server.log_in("alice");
    for text in ["first", "second"] {
        writer.send(&format!("COMPOSE bob\n{text}\n"));
        assert_eq!(writer.line(), "MESSAGE SENT");
    }
    let mut http = Http::connect(server.address("http"));
    let first = http.request("POST", "/~/lease?for=1h", "").json();
    assert_eq!((&first["text"], &first["from"]), (&"first".into(), &"alice".into()));
    assert_eq!(first["remaining"], 1);
    let second = http.request("POST", "/~/lease?for=1h", "").json();
    assert_eq!(second["text"], "second");
    assert!(first["id"].as_str() < second["id"].as_str());
    assert_eq!(http.request("POST", "/~/lease", "").status, 204);
    // It is no other session's, and counts.
    let mut bob = server.log_in("bob");
    bob.send("READ\n");
    assert_eq!(bob.line(), "READ ERROR");
    assert_eq!(http.request("GET", "/~", "").json()["unread"], 2);
    let confirm = |http: &mut Http, id: &Value, key: &Value| {
        let (id, key) = (id.as_str().unwrap(), key.as_str().unwrap());
        http.request("DELETE", &format!("/~/{id}?key={key}"), "")
    };
    assert_eq!(confirm(&mut http, &first["id"], &second["key"]).problem(), "expired");
    // From another connection as well: it is the key that counts.
    let mut other = Http::connect(server.address("http"));
    assert_eq!(confirm(&mut other, &first["id"], &first["key"]).status, 204);
    assert_eq!(confirm(&mut other, &first["id"], &first["key"]).status, 410);
    assert_eq!(http.request("GET", "/~", "").json()["unread"], 1);
    // The same key of the same message, asked for by somebody else.
    let (id, key) = (second["id"].as_str().unwrap(), second["key"].as_str().unwrap());
    let path = format!("/~/{id}?key={key}");
    let (status, _) = curl(&server, &path, &["-u", "alice:", "-X", "DELETE"]);
    assert_eq!(status, 410);
    assert_eq!(confirm(&mut http, &second["id"], &second["key"]).status, 204);
}

#[test]
fn a_message_is_unread_again_once_its_lease_has_ended() {
    let server = Server::start();
    let mut http = Http::connect(server.address("http"));
    assert_eq!(http.request("POST", "/~bob", "again").status, 201);
    let leased = http.request("POST", "/~/lease?for=1s", "").json();
    let begun = Instant::now();
    // Who waits for a message gets it.
    let again = http.request("POST", "/~/lease?for=1h&wait=30s", "").json();
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
    assert_eq!(again["id"], leased["id"]);
    let (id, key) = (leased["id"].as_str().unwrap(), leased["key"].as_str().unwrap());
    let late = http.request("DELETE", &format!("/~/{id}?key={key}"), "");
    assert_eq!((late.status, late.problem().as_str()), (410, "expired"));
}

#[test]
fn a_message_for_several_reaches_all_or_none() {
    let server = Server::with(&["--set", "mailbox.capacity=2"]);
    let mut http = Http::connect(server.address("http"));
    let sent = http.request("POST", "/api/v1/messages", r#"{"to":["ann","cat"],"text":"a\nb"}"#);
    assert_eq!(sent.status, 201, "{sent:?}");
    let ids: Vec<_> = (0..2).map(|of| sent.json()["messages"][of]["id"].clone()).collect();
    assert_ne!(ids[0], ids[1]);
    assert_eq!(http.request("POST", "/~cat", "c").status, 201);
    let refused =
        http.request("POST", "/api/v1/messages", r#"{"to":["dan","cat","ann"],"text":"d"}"#);
    assert_eq!((refused.status, refused.problem().as_str()), (507, "mailbox-full"));
    assert_eq!(refused.json()["account"], "cat");
    for (name, unread) in [("ann", 1), ("cat", 2), ("dan", 0)] {
        let mut client = server.connect("mailbox");
        client.send(&format!("LOGIN {name}\n"));
        assert_eq!(client.line(), unread.to_string(), "{name}");
    }
    let names: Vec<_> = (0..65).map(|number| format!("\"n{number}\"")).collect();
    let many = format!(r#"{{"to":[{}],"text":"x"}}"#, names.join(","));
    assert_eq!(http.request("POST", "/api/v1/messages", &many).problem(), "value");
    let broken = http.request("POST", "/api/v1/messages", r#"{"to":["ann"],"text":"x"#);
    assert_eq!((broken.status, broken.problem().as_str()), (400, "malformed"));
    http.send(
        [
            &b"POST /api/v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 25\r\n\r\n"[..],
            b"{\"to\":[\"ann\"],\"text\":\"\xff\"}",
        ]
        .concat(),
    );
    assert_eq!(http.response().status, 400);
}

#[test]
fn a_look_at_the_mailbox_hands_nothing_out() {
    let server = Server::start();
    let mut http = Http::connect(server.address("http"));
    let ids: Vec<_> = ["one", "two", "three"]
        .map(|text| http.request("POST", "/~bob", text).json()["id"].clone())
        .to_vec();
    let leased = http.request("POST", "/~/lease", "").json();
    let page = http.request("GET", "/~?count=2", "").json();
    assert_eq!((&page["unread"], page["messages"].as_array().unwrap().len()), (&3.into(), 2));
    let first = &page["messages"][0];
    assert_eq!(
        (&first["id"], &first["leased"], &first["text"]),
        (&leased["id"], &true.into(), &"one".into())
    );
    assert_eq!(page["messages"][1]["leased"], false);
    let next = format!("/~?{}", page["next"].as_str().unwrap());
    let page = http.request("GET", &next, "").json();
    assert_eq!((&page["messages"][0]["id"], &page["next"]), (&ids[2], &serde_json::Value::Null));
    let again = http.request("POST", "/~/lease", "").json();
    assert_eq!(again["text"], "two");
}

/// The stream of a mailbox that shows what is in it.
fn show(server: &Server, query: &str) -> Http {
    let mut http = Http::connect(server.address("http"));
    http.send(request("GET", &format!("/~/stream{query}"), ""));
    let head = http.head();
    assert_eq!(head.status, 200, "{head:?}");
    assert_eq!(http.chunk(), "retry: 1000\n\n");
    http
}

#[test]
fn a_stream_shows_each_message_once_and_goes_on_where_it_stopped() {
    let server = Server::start();
    let mut http = Http::connect(server.address("http"));
    let mut send = |text: &str| http.request("POST", "/~bob", text).json()["id"].clone();
    let ids: Vec<_> = (0..90).map(|number| send(&number.to_string())).collect();
    let mut stream = show(&server, "");
    let mut shown = Vec::new();
    let mut take = |stream: &mut Http| {
        for event in stream.chunk().split_terminator("\n\n") {
            let (_, data) = event.split_once("\ndata: ").unwrap();
            let data: serde_json::Value = serde_json::from_str(data).unwrap();
            assert_eq!(data["event"], "message");
            shown.push(data["id"].clone());
        }
        shown.clone()
    };
    while take(&mut stream).len() < ids.len() {}
    let last = send("last");
    let expected = [&ids[..], std::slice::from_ref(&last)].concat();
    assert_eq!(take(&mut stream), expected);
    let mut resumed = show(&server, &format!("?after={}", ids[89].as_str().unwrap()));
    assert!(resumed.chunk().contains(last.as_str().unwrap()));
}

#[test]
fn who_waits_is_told_as_soon_as_a_message_comes() {
    let server = Server::start();
    let mut http = Http::connect(server.address("http"));
    let begun = Instant::now();
    http.send(request("POST", "/~/lease?wait=1s", ""));
    assert_eq!(http.response().status, 204);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    http.send(request("POST", "/~/lease?wait=5m", ""));
    let mut alice = server.log_in("alice");
    alice.send("COMPOSE bob\nat last\n");
    assert_eq!(http.response().json()["text"], "at last");
}

/// It may have gone: a message handed out to it would be nobody's until its lease ends.
#[test]
fn who_has_half_closed_waits_no_more_and_neither_does_anyone_at_a_stop() {
    let mut server = Server::start();
    let begun = Instant::now();
    let mut gone = Http::connect(server.address("http"));
    gone.send(request("POST", "/~/lease?wait=5m", ""));
    gone.half_close();
    assert_eq!(gone.response().status, 204);
    let mut waits = Http::connect(server.address("http"));
    waits.send(request("POST", "/~/lease?wait=5m", ""));
    while !run(server.data(), &["sessions"]).unwrap().contains("\thttp\t") {
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    assert!(server.stop().success());
    let told = waits.response();
    assert_eq!((told.status, told.problem().as_str()), (503, "ended"));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[test]
fn a_kill_makes_what_is_leased_unread_again() {
    let mut server = Server::start();
    let mut http = Http::connect(server.address("http"));
    assert_eq!(http.request("POST", "/~bob", "kept").status, 201);
    let leased = http.request("POST", "/~/lease?for=1h", "").json();
    server.kill();
    server.restart();
    let mut http = Http::connect(server.address("http"));
    let (id, key) = (leased["id"].as_str().unwrap(), leased["key"].as_str().unwrap());
    assert_eq!(http.request("DELETE", &format!("/~/{id}?key={key}"), "").status, 410);
    let again = http.request("POST", "/~/lease", "").json();
    assert_eq!((&again["id"], &again["text"]), (&leased["id"], &"kept".into()));
}

#[test]
fn what_is_refused_says_why_and_stores_nothing() {
    let server = Server::with(&["--set", "mailbox.capacity=1"]);
    let mut http = Http::connect(server.address("http"));
    assert_eq!(http.request("POST", "/~alice", "one").status, 201);
    let long_name = format!("/~{}", "x".repeat(65));
    for (method, path, body, status, word) in [
        ("POST", "/~alice", "two", 507, "mailbox-full"),
        ("POST", "/~", "two", 405, "method"),
        ("POST", "/~a%20b", "two", 422, "name"),
        ("POST", "/~@web", "two", 422, "name"),
        ("POST", long_name.as_str(), "two", 422, "name"),
        ("POST", "/alice", "two", 404, "unknown-path"),
        ("GET", "/alice", "", 404, "unknown-path"),
        ("PUT", "/health", "", 404, "unknown-path"),
        ("GET", "/favicon.ico", "", 404, "unknown-path"),
        ("GET", "/alice/json", "", 404, "unknown-path"),
        ("GET", "/", "", 404, "unknown-path"),
        ("GET", "/~alice", "", 405, "method"),
        ("GET", "/%7Ealice", "", 405, "method"),
        ("POST", "/~alice/more", "two", 404, "unknown-path"),
        ("POST", "/~carl", "a\0b", 422, "text"),
        ("POST", "/~/lease?for=0s", "", 422, "value"),
        ("POST", "/~/lease?for=2h", "", 422, "value"),
        ("POST", "/~/lease?for=30", "", 422, "value"),
        ("POST", "/~/lease?wait=1h", "", 422, "value"),
        ("POST", "/~/lease?fro=30s", "", 422, "value"),
        ("DELETE", "/~/m000?key=00", "", 422, "value"),
        ("DELETE", "/~/m0000000000001", "", 422, "value"),
        ("GET", "/api/v1/nothing", "", 404, "unknown-path"),
        ("PUT", "/~", "", 405, "method"),
    ] {
        let refused = http.request(method, path, body);
        assert_eq!((refused.status, refused.problem().as_str()), (status, word), "{path}");
    }
    let described = http.request("GET", "/api/v1/problems/mailbox-full", "");
    assert_eq!(described.body, "mailbox-full (status 507)\nThe mailbox is full.\n");

    // Who asks for a path that there is not is not asked for credentials.
    let server = Server::with(&["--set=http.anonymous=none"]);
    for (path, status) in [("/alice", 404), ("/~alice", 401)] {
        let mut http = Http::connect(server.address("http"));
        http.send(format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!(http.response().status, status, "{path}");
    }
}

/// The text of the earliest message of bob that nobody has, at another listener.
fn unread(server: &Server) -> Vec<String> {
    let mut bob = server.log_in("bob");
    bob.send("READ\n");
    match bob.line().as_str() {
        "READ ERROR" => Vec::new(),
        _ => vec![bob.line()],
    }
}

#[test]
fn a_response_that_has_arrived_confirms_its_message() {
    let server = Server::start();
    let mut http = Http::connect(server.address("http"));
    for text in ["one", "two", "three"] {
        assert_eq!(http.request("POST", "/~bob", text).status, 201);
    }
    let read = |http: &mut Http| http.request("POST", "/~/lease?ack=auto", "").json();
    let one = read(&mut http);
    assert_eq!((&one["text"], &one["key"]), (&"one".into(), &Value::Null));
    // It has it, but nothing says so yet.
    assert_eq!(http_unread(&server), 3);
    assert_eq!(read(&mut http)["text"], "two");
    // The next request has said it, and its answer came after the removal.
    assert_eq!(http_unread(&server), 2);
    // An end in order says it, too.
    http.half_close();
    assert_eq!(http.maybe_response(), None);
    let begun = Instant::now();
    while http_unread(&server) != 1 {
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    // A client that closes before it has the response proves nothing.
    let mut gone = Http::connect(server.address("http"));
    gone.send(request("POST", "/~/lease?ack=auto", ""));
    gone.reset();
    let begun = Instant::now();
    while unread(&server).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}

fn http_unread(server: &Server) -> u64 {
    let mut http = Http::connect(server.address("http"));
    http.request("GET", "/~", "").json()["unread"].as_u64().unwrap()
}

/// Whoever sends all at once has not seen the first response when it sends the second request.
#[test]
fn a_request_that_was_sent_before_the_response_confirms_nothing() {
    let server = Server::start();
    let mut http = Http::connect(server.address("http"));
    assert_eq!(http.request("POST", "/~bob", "one").status, 201);
    let read = request("POST", "/~/lease?ack=auto", "");
    http.send(format!("{read}{}", request("GET", "/~", "")));
    assert_eq!(http.response().json()["text"], "one");
    assert_eq!(http.response().json()["unread"], 1);
    http.reset();
    let mut other = Http::connect(server.address("http"));
    assert_eq!(other.request("POST", "/~/lease?wait=30s", "").json()["text"], "one");
}

#[test]
fn nothing_confirms_where_a_proxy_may_be_between() {
    let behind =
        ["--listen", "http=127.0.0.1:0 proof=command passwords=optional registration=open"];
    let behind = [behind.as_slice(), &["--allow-open"]].concat();
    for (arguments, header) in [
        (&[][..], "Via: 1.1 proxy"),
        (&[], "Forwarded: for=192.0.2.1"),
        (&[], "X-Forwarded-For: 192.0.2.1"),
        (&behind, "X: x"),
    ] {
        let server = Server::with(arguments);
        let path = "/~/lease?ack=auto";
        let (status, body) = curl(&server, path, &["-u", "bob:", "-X", "POST", "-H", header]);
        assert_eq!(status, 400, "{header}: {body}");
        assert!(body.contains("/problems/ack"), "{body}");
    }
}
