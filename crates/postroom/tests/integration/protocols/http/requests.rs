//! Requests as such: what a client may send, and what it may not.

use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::harness::http::{Http, curl, request};
use tempfile::TempDir;

use crate::harness::logged::LoggedServer;
use crate::harness::support::{Server, need};
use crate::harness::tls::{Authority, Valid};

fn connect(server: &Server) -> Http {
    Http::connect(server.address("http"))
}

#[test]
fn requests_may_be_pipelined_and_are_answered_in_order() {
    let server = Server::start();
    let mut http = connect(&server);
    let both = [request("POST", "/~bob", "one"), request("GET", "/~", "")].concat();
    http.send(both.repeat(50));
    for number in 1..=50 {
        assert_eq!(http.response().status, 201);
        assert_eq!(http.response().json()["unread"], number);
    }
}

#[test]
fn any_split_of_a_request_is_the_same_request() {
    let server = Server::start();
    let mut http = connect(&server);
    for byte in request("POST", "/~bob", "byte by byte").bytes() {
        http.send([byte]);
    }
    assert_eq!(http.response().status, 201);
}

#[test]
fn a_client_that_has_half_closed_is_answered() {
    let server = Server::start();
    let mut http = connect(&server);
    http.send(request("POST", "/~bob", "the last word"));
    http.half_close();
    assert_eq!(http.response().status, 201);
    assert_eq!(http.maybe_response(), None);
}

#[test]
fn half_a_request_does_nothing() {
    let server = Server::start();
    let mut http = connect(&server);
    let whole = request("POST", "/~bob", "cut short");
    http.send(&whole[..whole.len() - 1]);
    http.half_close();
    // What it is told does not matter.
    http.maybe_response();
    assert_eq!(connect(&server).request("GET", "/~", "").json()["unread"], 0);
}

/// What one reader of a request takes for its end, another may not: then what follows is a
/// request for one of them alone.
#[test]
fn no_request_is_smuggled() {
    let server = Server::start();
    let smuggled = request("POST", "/~bob", "smuggled");
    let head = "POST /~carl HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic Ym9iOg==\r\n";
    let length = smuggled.len();
    for ambiguous in [
        // Whoever heeds the length takes the rest for the body.
        format!("{head}Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n0\r\n\r\n"),
        format!("{head}Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("{head}Transfer-Encoding: x\r\nContent-Length: {length}\r\n\r\n"),
        format!("{head}Transfer-Encoding: identity\r\nContent-Length: 1\r\n\r\nx"),
        format!("{head}Transfer-Encoding : chunked\r\nContent-Length: 1\r\n\r\nx"),
        format!("{head}Transfer-Encoding:\x0bchunked\r\nContent-Length: 1\r\n\r\nx"),
        format!("{head}Content-Length: 0\r\nContent-Length: {length}\r\n\r\n"),
        format!("{head}Content-Length: 0, {length}\r\n\r\n"),
        format!("{head}Content-Length: +0\r\n\r\n"),
        format!("{head}Content-Length: 0x0\r\n\r\n"),
        format!("{head} Content-Length: {length}\r\n\r\n"),
        format!("{head}X: a\r\n Content-Length: {length}\r\n\r\n"),
        format!("{head}Content-Length : 0\r\n\r\n"),
        format!("{head}X: a\0b\r\nContent-Length: 0\r\n\r\n"),
        format!("{head}X: a\rContent-Length: {length}\r\n\r\n"),
    ] {
        let mut http = connect(&server);
        http.send(format!("{ambiguous}{smuggled}"));
        let mut answers = 0;
        while let Some(response) = http.maybe_response() {
            answers += 1;
            assert!(answers < 3, "{ambiguous:?}");
            assert!(response.status != 201 || answers == 1, "{ambiguous:?}: {response:?}");
        }
    }
    let unread = connect(&server).request("GET", "/~", "").json();
    assert_eq!(unread["unread"], 0, "bob has what was smuggled");
}

#[test]
fn what_is_too_long_is_refused() {
    let server = Server::start();
    let mut http = connect(&server);
    let refused = http.request("POST", "/~bob", &"x".repeat((64 << 10) + 1));
    assert_eq!((refused.status, refused.problem().as_str()), (413, "body-too-long"));
    assert_eq!(refused.header("connection"), Some("close"));
    for head in [
        format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(20 << 10)),
        format!("GET /~ HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(20 << 10)),
        format!("GET /~ HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: x\r\n".repeat(100)),
    ] {
        let mut http = connect(&server);
        http.send(head);
        let status = http.maybe_response().map(|response| response.status);
        assert!(matches!(status, Some(414 | 431)), "{status:?}");
    }
}

#[test]
fn what_is_no_http_is_refused_and_costs_nobody_else_anything() {
    let server = Server::start();
    for bytes in [
        &b"LOGIN bob\nREAD\nEXIT\n"[..],
        b"\r\n\r\n\r\n\r\n",
        b"GET /~ HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /~ HTTP/1.1\r\nHost: local\xffhost\r\n\r\n",
        b"GET ~ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n",
    ] {
        let mut http = connect(&server);
        http.send(bytes);
        http.half_close();
        while let Some(response) = http.maybe_response() {
            assert!((400..500).contains(&response.status), "{response:?}");
        }
    }
    assert_eq!(connect(&server).request("GET", "/~", "").status, 200);
}

#[test]
fn credentials_are_asked_for_and_those_of_no_account_are_wrong() {
    let server = Server::with(&["--set", "accounts.registration=closed"]);
    let data = server.data();
    crate::harness::operator::run_with(data, &["account", "add", "ann"], "right\nright\n").unwrap();
    for (credentials, expected) in [
        (&["-u", "ann:right"][..], 200),
        (&["-u", "ANN:right"], 200),
        (&["-u", "ann:wrong"], 401),
        (&["-u", "ann:"], 401),
        (&["-u", "nobody:right"], 401),
        (&["-u", "a b:right"], 401),
        (&["-H", "Authorization: Bearer ann"], 401),
        (&["-H", "Authorization: Basic"], 401),
        (&[], 401),
    ] {
        let (status, body) = curl(&server, "/~", credentials);
        assert_eq!(status, expected, "{credentials:?}: {body}");
    }
    // Each request of a connection proves its own account.
    let mut http = connect(&server);
    let of = |pair: &str| {
        format!("GET /~ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {pair}\r\n\r\n")
    };
    let (right, wrong) = ("YW5uOnJpZ2h0", "YW5uOndyb25n");
    for (pair, expected) in [(right, 200), (wrong, 401), (right, 200)] {
        http.send(of(pair));
        let response = http.response();
        assert_eq!(response.status, expected);
        if expected == 401 {
            assert_eq!(response.problem(), "credentials");
            assert!(response.header("www-authenticate").unwrap().starts_with("Basic "));
        }
    }
}

#[test]
fn without_a_login_messages_and_posts_are_of_the_web_where_it_may_write() {
    let posts = "/api/v1/channels/rust/posts";
    let server = Server::start();
    assert_eq!(curl(&server, "/~alice", &["-d", "Hi"]).0, 201);
    assert_eq!(curl(&server, posts, &["-d", "Hello"]).0, 201);
    let (status, page) = curl(&server, posts, &[]);
    assert_eq!((status, page.contains(r#""from":"@web","text":"Hello""#)), (200, true), "{page}");
    for own in ["/~", "/~/stream"] {
        assert_eq!(curl(&server, own, &[]).0, 401, "{own}");
    }
    assert_eq!(curl(&server, "/~/lease", &["-X", "POST"]).0, 401);
    assert_eq!(curl(&server, "/~@web", &["-d", "Hi"]).0, 422);
    // Wrong credentials are wrong, not none.
    assert_eq!(curl(&server, "/~alice", &["-u", "a b:", "-d", "Hi"]).0, 401);
    let mut alice = server.log_in("alice");
    alice.send("READ\n");
    assert_eq!([alice.line(), alice.line()], ["@web", "Hi"]);
    for (may, writes, reads) in [("read", 401, 200), ("none", 401, 401)] {
        let server = Server::with(&["--set", &format!("http.anonymous={may}")]);
        assert_eq!(curl(&server, "/~alice", &["-d", "Hi"]).0, writes, "{may}");
        assert_eq!(curl(&server, posts, &["-d", "Hi"]).0, writes, "{may}");
        assert_eq!(curl(&server, posts, &[]).0, reads, "{may}");
        assert_eq!(curl(&server, posts, &["-u", "bob:", "-d", "Hi"]).0, 201, "{may}");
    }
}

#[test]
fn pages_of_other_sites_cannot_ask() {
    let server = Server::start();
    for (header, status) in [
        ("Host: evil.example", 403),
        ("Origin: https://evil.example", 403),
        ("Sec-Fetch-Site: cross-site", 403),
        ("Host: localhost", 201),
    ] {
        let (told, body) = curl(&server, "/~alice", &["-u", "bob:", "-d", "x", "-H", header]);
        assert_eq!(told, status, "{header}: {body}");
    }
    // Unless they are let in: then their browser is told so.
    let origin = "https://app.example.org";
    let server = Server::with(&["--set", &format!("http.origins={origin}")]);
    let asked = format!("Host: localhost\r\nOrigin: {origin}\r\nSec-Fetch-Site: cross-site");
    let mut http = connect(&server);
    http.send(format!(
        "OPTIONS /~alice HTTP/1.1\r\n{asked}\r\nAccess-Control-Request-Method: POST\r\n\r\n"
    ));
    let preflight = http.response();
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), Some(origin));
    assert!(preflight.header("access-control-allow-methods").unwrap().contains("POST"));
    http.send(request("POST", "/~alice", "x").replace("Host: localhost", &asked));
    let sent = http.response();
    assert_eq!((sent.status, sent.header("access-control-allow-origin")), (201, Some(origin)));
    assert_eq!(http.request("GET", "/~", "").header("access-control-allow-origin"), None);
    assert_eq!(sent.header("cache-control"), Some("no-store"));
    assert_eq!(sent.header("x-content-type-options"), Some("nosniff"));
    let server = Server::with(&["--set", "http.hosts=mail.example.org"]);
    let host = ["-u", "bob:", "-d", "x", "-H", "Host: mail.example.org"];
    assert_eq!(curl(&server, "/~alice", &host).0, 201);
}

/// Silent connections may be as many as there are places; each can stay for 30 seconds.
#[test]
fn silent_connections_keep_nobody_out() {
    let server = LoggedServer::start(&[], &["--set", "connection.max=40"]);
    let begun = Instant::now();
    let mut silent = Vec::new();
    for number in 0..100 {
        let mut http = connect(&server);
        if number % 2 == 0 {
            http.send("POST /~bob HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx");
        }
        silent.push(http);
    }
    assert_eq!(connect(&server).request("GET", "/~", "").status, 200);
    // The other listeners have places left, too.
    let mut mail = server.log_in("bob");
    mail.send("READ\n");
    assert_eq!(mail.line(), "READ ERROR");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    server.wait_for_log(&["WARN", "listener=\"http\"", "half of connection.max"]);
    drop(silent);
}

#[test]
fn a_stop_answers_what_has_come_and_ends_idle_connections() {
    let mut server = Server::start();
    let mut waiting = connect(&server);
    waiting.send(request("POST", "/~/lease?wait=5m", ""));
    let idle = TcpStream::connect(server.address("http")).unwrap();
    let mut used = connect(&server);
    assert_eq!(used.request("POST", "/~bob", "x").status, 201);
    assert_eq!(waiting.response().status, 200);
    let begun = Instant::now();
    assert!(server.stop().success());
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(used.maybe_response(), None);
    drop(idle);
}

#[test]
fn over_tls_it_is_the_same() {
    let folder = TempDir::new().unwrap();
    let pair = Authority::new().issue(folder.path(), &["localhost"], Valid::Now);
    let [certificate, key] = pair.settings();
    let server = Server::with(&["--listen=http+tls=127.0.0.1:0", &certificate, &key]);
    need("curl", "curl");
    let port = server.address("http+tls").port();
    let curl = |path: &str, arguments: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["-sS", "-m", "30", "--cacert"]).arg(&pair.authority).args(arguments);
        let output = command.arg(format!("https://localhost:{port}{path}")).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let sent = curl("/~bob", &["-u", "bob:", "-d", "secret"]);
    assert!(sent.contains("\"to\":\"bob\""), "{sent}");
    let read = curl("/~/lease?ack=auto", &["-u", "bob:", "-X", "POST"]);
    assert!(read.contains("\"text\":\"secret\""), "{read}");
    let begun = Instant::now();
    while !curl("/~", &["-u", "bob:"]).contains("\"unread\":0") {
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}
