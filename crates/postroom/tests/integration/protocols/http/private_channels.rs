//! Private channels over HTTP: each request reads and posts as its account.

use serde_json::{Value, json};

use crate::harness::http::{Http, Response, request};
use crate::harness::operator::{run, run_with};
use crate::harness::support::{Client, Server};

/// The credentials of `bob`, who has no password, and of two others, whose is `right`.
const BOB: &str = "Ym9iOg==";
const ANN: &str = "YW5uOnJpZ2h0";
const IAN: &str = "aWFuOnJpZ2h0";

/// The private channel that `ann` makes.
const DEN: &str = "/api/v1/private/den";

/// A server on which `ann` has made `#den` private, and a client of the chat that is her.
fn server() -> (Server, Client) {
    let server = Server::start();
    for name in ["ann", "ian"] {
        run_with(server.data(), &["account", "add", name], "right\nright\n").unwrap();
    }
    let mut ann = server.connect("chat");
    ann.send("/pass right\n/setname ann\n/create #den\n/join #den\n");
    while !ann.line().contains("You are in #den now.") {}
    (server, ann)
}

fn as_account(method: &str, path: &str, body: &str, account: &str) -> String {
    request(method, path, body).replace(BOB, account)
}

fn ask(server: &Server, account: &str, method: &str, body: &str) -> Response {
    at(server, account, method, "/api/v1/channels/den/posts", body)
}

fn at(server: &Server, account: &str, method: &str, path: &str, body: &str) -> Response {
    let mut http = Http::connect(server.address("http"));
    http.send(as_account(method, path, body, account));
    http.response()
}

fn texts(server: &Server, account: &str) -> Vec<String> {
    let page: Value = ask(server, account, "GET", "").json();
    let posts = page["posts"].as_array().unwrap().iter();
    posts.map(|post| post["text"].as_str().unwrap().to_owned()).collect()
}

/// A stream of the channel.
fn stream(server: &Server, account: &str) -> Http {
    let mut http = Http::connect(server.address("http"));
    http.send(as_account("GET", "/api/v1/channels/den/stream", "", account));
    assert_eq!(http.head().status, 200);
    assert_eq!(http.chunk(), "retry: 1000\n\n");
    http
}

#[test]
fn those_who_may_enter_a_private_channel_read_it_and_post_in_it() {
    let (server, mut ann) = server();
    assert_eq!(ask(&server, ANN, "POST", "one").status, 201);
    assert_eq!(texts(&server, ANN), ["one"]);
    for other in [BOB, IAN] {
        let refused = ask(&server, other, "POST", "x");
        assert_eq!((refused.status, refused.problem().as_str()), (403, "not-invited"));
        assert_eq!(texts(&server, other), Vec::<String>::new());
    }
    ann.send("/invite #den ian\n");
    while !ann.line().contains("ian can join #den now.") {}
    assert_eq!(ask(&server, IAN, "POST", "two").status, 201);
    while ann.line() != "ian(#den): two" {}
    assert_eq!(texts(&server, IAN), ["two", "one"]);
    assert_eq!(texts(&server, BOB), Vec::<String>::new());
    let listed = run(server.data(), &["channel", "list"]).unwrap();
    let den = listed.lines().find(|line| line.starts_with("#den\t")).unwrap();
    assert!(den.ends_with("\tprivate"), "{den}");
    let deleted = run(server.data(), &["channel", "delete", "den"]).unwrap();
    assert!(deleted.starts_with("deleted the channel #den and 2 posts"), "{deleted}");
    assert_eq!(ask(&server, BOB, "POST", "mine").status, 201);
    assert_eq!(texts(&server, BOB), ["mine"]);
}

#[test]
fn a_stream_of_a_private_channel_tells_those_who_may_enter_it() {
    let (server, mut ann) = server();
    let (mut of_ann, mut of_bob) = (stream(&server, ANN), stream(&server, BOB));
    for text in ["one", "two"] {
        assert_eq!(ask(&server, ANN, "POST", text).status, 201);
        let event = of_ann.chunk();
        assert!(event.contains(&format!("\"text\":\"{text}\"")), "{event}");
    }
    let id = ask(&server, ANN, "POST", "three").json()["id"].as_str().unwrap().to_owned();
    assert!(of_ann.chunk().contains(&id));
    assert_eq!(at(&server, ANN, "DELETE", &format!("/api/v1/posts/{id}"), "").status, 204);
    assert!(of_ann.chunk().starts_with("event: deleted\n"));
    ann.send("/delete #den\n");
    while !ann.line().contains("#den is deleted") {}
    // Who could read it is not told of what others say under its name.
    assert_eq!(of_ann.chunk(), "");
    // Bob's has gone on all the time, and is told of what anyone may read.
    assert_eq!(ask(&server, BOB, "POST", "four").status, 201);
    let event = of_bob.chunk();
    assert!(event.contains("\"text\":\"four\""), "{event}");
}

#[test]
fn a_private_channel_is_made_and_entered_over_http() {
    let server = Server::start();
    for name in ["ann", "ian"] {
        run_with(server.data(), &["account", "add", name], "right\nright\n").unwrap();
    }
    let path = |of: &str| format!("{DEN}{of}");
    let refused = at(&server, BOB, "PUT", DEN, "");
    assert_eq!((refused.status, refused.problem().as_str()), (403, "no-password"));
    let made = at(&server, ANN, "PUT", DEN, "");
    assert_eq!(made.status, 201);
    assert_eq!(made.json(), json!({"channel": "#den", "key": false, "invited": []}));
    let again = at(&server, ANN, "PUT", DEN, "");
    assert_eq!((again.status, again.problem().as_str()), (409, "channel-exists"));
    // To others it is like one that is not there.
    for (method, of, body) in [
        ("GET", "", ""),
        ("DELETE", "", ""),
        ("PUT", "/invited/ian", ""),
        ("DELETE", "/invited/ann", ""),
        ("PUT", "/key", "x"),
        ("DELETE", "/key", ""),
        ("POST", "/enter", "x"),
    ] {
        let there = at(&server, IAN, method, &path(of), body);
        assert_eq!((there.status, there.problem().as_str()), (404, "no-such-channel"), "{of}");
        let none = at(&server, IAN, method, &path(of).replace("den", "dem"), body);
        assert_eq!(none.body.replace("dem", "den"), there.body);
    }
    assert_eq!(at(&server, ANN, "PUT", &path("/key"), "open sesame\n").status, 204);
    for (account, status) in [(BOB, 403), (IAN, 204)] {
        assert_eq!(at(&server, account, "POST", &path("/enter"), "open sesame").status, status);
    }
    let shown = at(&server, ANN, "GET", DEN, "").json();
    assert_eq!(shown, json!({"channel": "#den", "key": true, "invited": ["ian"]}));
    assert_eq!(ask(&server, IAN, "POST", "hi").status, 201);
    for status in [404, 204] {
        let name = if status == 404 { "nobody" } else { "ian" };
        let withdrawn = at(&server, ANN, "DELETE", &path(&format!("/invited/{name}")), "");
        assert_eq!(withdrawn.status, status);
    }
    assert_eq!(ask(&server, IAN, "POST", "hi").status, 403);
    assert_eq!(at(&server, ANN, "DELETE", &path("/key"), "").status, 204);
    assert_eq!(at(&server, IAN, "POST", &path("/enter"), "open sesame").status, 404);
    assert_eq!(at(&server, ANN, "PUT", &path("/invited/ian"), "").status, 204);
    assert_eq!(texts(&server, IAN), ["hi"]);
    let deleted = at(&server, ANN, "DELETE", DEN, "").json();
    assert_eq!(deleted, json!({"channel": "#den", "posts": 1}));
    assert_eq!(at(&server, ANN, "GET", DEN, "").status, 404);
}

#[test]
fn a_private_channel_stays_private_after_a_kill() {
    let (mut server, _ann) = server();
    assert_eq!(ask(&server, ANN, "POST", "one").status, 201);
    server.kill();
    server.restart();
    assert_eq!(texts(&server, ANN), ["one"]);
    assert_eq!(texts(&server, BOB), Vec::<String>::new());
    assert_eq!(ask(&server, BOB, "POST", "x").status, 403);
}
