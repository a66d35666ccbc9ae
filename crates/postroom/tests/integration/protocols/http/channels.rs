//! Channels over HTTP.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::http::{Http, request};
use crate::harness::support::{Server, add_account};

fn post(http: &mut Http, text: &str) -> String {
    let posted = http.request("POST", "/api/v1/channels/rust/posts", text);
    assert_eq!(posted.status, 201, "{posted:?}");
    posted.json()["id"].as_str().unwrap().to_owned()
}

fn texts(page: &Value) -> Vec<&str> {
    page["posts"].as_array().unwrap().iter().map(|post| post["text"].as_str().unwrap()).collect()
}

#[test]
fn what_is_posted_is_seen_on_chat_and_read_again() {
    let server = Server::start();
    let mut ann = server.connect("chat");
    ann.send("/setname ann\n/join #rust\n");
    while !ann.line().contains("#rust") {}
    let mut http = Http::connect(server.address("http"));
    let one = post(&mut http, "one");
    assert_eq!(ann.line(), "bob(#rust): one");
    ann.send("/say #rust two\n");
    let begun = Instant::now();
    let page = loop {
        let page = http.request("GET", "/api/v1/channels/rust/posts", "").json();
        if texts(&page).len() == 2 {
            break page;
        }
        assert!(begun.elapsed() < Duration::from_secs(10));
    };
    // From the latest back.
    assert_eq!(texts(&page), ["two", "one"]);
    assert_eq!((&page["posts"][1]["id"], &page["posts"][1]["from"]), (&one.into(), &"bob".into()));
    assert_eq!(page["posts"][0]["from"], "ann");
    assert_eq!(page["next"], Value::Null);
}

#[test]
fn history_is_read_in_pages_both_ways_and_by_time() {
    let server = Server::start();
    let mut http = Http::connect(server.address("http"));
    let ids: Vec<_> = (0..250).map(|number| post(&mut http, &number.to_string())).collect();
    for (first, is_forwards) in [(format!("after={}", ids[0]), true), (String::new(), false)] {
        let (mut query, mut all) = (first, Vec::new());
        loop {
            let path = format!("/api/v1/channels/rust/posts?count=100&{query}");
            let page = http.request("GET", &path, "").json();
            all.extend(texts(&page).into_iter().map(|text| text.parse::<usize>().unwrap()));
            match page["next"].as_str() {
                Some(next) => query = next.to_owned(),
                None => break,
            }
        }
        let expected: Vec<_> =
            if is_forwards { (1..250).collect() } else { (0..250).rev().collect() };
        assert_eq!(all, expected);
    }
    let page = http.request("GET", "/api/v1/channels/rust/posts?count=1", "").json();
    let time = page["posts"][0]["time"].as_str().unwrap().to_owned();
    let since = http.request("GET", &format!("/api/v1/channels/rust/posts?since={time}"), "");
    assert_eq!(texts(&since.json()).last(), Some(&"249"));
    let later = "/api/v1/channels/rust/posts?since=2999-01-01T00:00:00Z";
    assert_eq!(texts(&http.request("GET", later, "").json()), Vec::<&str>::new());
    for query in
        ["count=0", "count=101", "before=p0&after=p0", "before=m0000000000001", "since=now"]
    {
        let refused = http.request("GET", &format!("/api/v1/channels/rust/posts?{query}"), "");
        assert_eq!((refused.status, refused.problem().as_str()), (422, "value"), "{query}");
    }
    assert_eq!(http.request("POST", "/api/v1/channels/a-b/posts", "x").problem(), "channel");
}

/// A stream of the posts of a channel.
struct Stream(Http);

impl Stream {
    fn begin(server: &Server, query: &str, last: Option<&str>) -> Self {
        let mut http = Http::connect(server.address("http"));
        let path = format!("/api/v1/channels/rust/stream{query}");
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        http.send(request("GET", &path, "").replace("\r\n\r\n", &format!("\r\n{last}\r\n")));
        let head = http.head();
        assert_eq!(head.status, 200, "{head:?}");
        assert_eq!(head.header("content-type"), Some("text/event-stream; charset=utf-8"));
        assert_eq!(http.chunk(), "retry: 1000\n\n");
        Self(http)
    }

    /// The ids and texts of the next events.
    fn posts(&mut self, count: usize) -> Vec<(String, String)> {
        let mut posts = Vec::new();
        while posts.len() < count {
            for event in self.0.chunk().split_terminator("\n\n").filter(|event| *event != ":") {
                let lines: Vec<_> = event.lines().collect();
                let [id, "event: post", data] = lines[..] else {
                    panic!("{event}");
                };
                let json: Value =
                    serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
                assert_eq!(id.strip_prefix("id: "), json["id"].as_str());
                let text = json["text"].as_str().unwrap().to_owned();
                posts.push((json["id"].as_str().unwrap().to_owned(), text));
            }
        }
        posts
    }
}

#[test]
fn a_stream_tells_of_each_post_once_and_goes_on_where_it_stopped() {
    let server = Server::start();
    let mut http = Http::connect(server.address("http"));
    post(&mut http, "before");
    let mut live = Stream::begin(&server, "", None);
    let ids: Vec<_> = (0..300).map(|number| post(&mut http, &number.to_string())).collect();
    let expected: Vec<_> =
        ids.iter().cloned().zip((0..300).map(|number| number.to_string())).collect();
    assert_eq!(live.posts(300), expected);
    // More than is kept in memory was missed, and more comes while it is read.
    let mut resumed = Stream::begin(&server, "", Some(&ids[9]));
    let last = post(&mut http, "last");
    let told = resumed.posts(291);
    assert_eq!(told[..290], expected[10..]);
    assert_eq!(told[290], (last.clone(), "last".to_owned()));
    let mut other = Stream::begin(&server, &format!("?after={}", ids[298]), None);
    assert_eq!(other.posts(2), [expected[299].clone(), (last, "last".to_owned())]);
}

#[test]
fn a_stream_goes_on_after_a_kill_without_a_gap_or_a_double() {
    let mut server = Server::start();
    let mut http = Http::connect(server.address("http"));
    let mut stream = Stream::begin(&server, "", None);
    let one = post(&mut http, "one");
    assert_eq!(stream.posts(1), [(one.clone(), "one".to_owned())]);
    let two = post(&mut http, "two");
    server.kill();
    server.restart();
    let mut http = Http::connect(server.address("http"));
    let mut stream = Stream::begin(&server, "", Some(&one));
    let three = post(&mut http, "three");
    assert_eq!(stream.posts(2), [(two, "two".to_owned()), (three, "three".to_owned())]);
}

#[test]
fn a_stream_that_is_not_read_costs_the_others_nothing() {
    let server = Server::start();
    let silent: Vec<_> = (0..20).map(|_| Stream::begin(&server, "", None)).collect();
    let mut reader = Stream::begin(&server, "", None);
    let mut http = Http::connect(server.address("http"));
    let long = "x".repeat(8 << 10);
    let begun = Instant::now();
    for _ in 0..500 {
        post(&mut http, &long);
        assert_eq!(reader.posts(1).len(), 1);
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    drop(silent);
}

#[test]
fn a_kick_and_a_stop_end_streams() {
    let mut server = Server::start();
    let mut kicked = Stream::begin(&server, "", None);
    let data = server.data().to_path_buf();
    crate::harness::operator::run(&data, &["kick", "bob"]).unwrap();
    assert_eq!(kicked.0.chunk(), "");
    let mut stopped = Stream::begin(&server, "", None);
    let begun = Instant::now();
    assert!(server.stop().success());
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(stopped.0.chunk(), "");
}

#[test]
fn an_account_has_so_many_streams() {
    let server = Server::start();
    let streams: Vec<_> = (0..64).map(|_| Stream::begin(&server, "", None)).collect();
    let mut beyond = Http::connect(server.address("http"));
    let refused = beyond.request("GET", "/api/v1/channels/rust/stream", "");
    assert_eq!((refused.status, refused.problem().as_str()), (503, "too-many-streams"));
    drop(streams);
    let begun = Instant::now();
    while beyond.request("GET", "/api/v1/channels/rust/posts", "").status != 200 {}
    loop {
        let mut http = Http::connect(server.address("http"));
        http.send(request("GET", "/api/v1/channels/rust/stream", ""));
        if http.head().status == 200 {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}

/// Over a kill, too: the mark is on disk before it is told.
#[test]
fn a_deleted_post_is_a_mark_on_http_and_the_board() {
    let mut server = Server::start();
    assert!(server.stop().success());
    add_account(server.data(), "bob", "secret");
    server.restart();
    let known = |asked: String| asked.replace("Ym9iOg==", "Ym9iOnNlY3JldA==");
    let ask = |http: &mut Http, method: &str, path: &str, body: &str| {
        http.send(known(request(method, path, body)));
        http.response()
    };
    let posts = "/api/v1/channels/rust/posts";
    let mut http = Http::connect(server.address("http"));
    let stream = || {
        let mut http = Http::connect(server.address("http"));
        http.send(known(request("GET", "/api/v1/channels/rust/stream?after=p0000000000000", "")));
        assert_eq!(http.head().status, 200);
        assert_eq!(http.chunk(), "retry: 1000\n\n");
        http
    };
    let mut early = stream();
    let [one, two] = ["one", "two"].map(|text| {
        let posted = ask(&mut http, "POST", posts, text);
        assert!(early.chunk().contains(text));
        posted.json()["id"].as_str().unwrap().to_owned()
    });
    let path = format!("/api/v1/posts/{one}");
    // Who has no password has written nothing, and nobody deletes what another has written.
    let of_carol = request("DELETE", &path, "").replace("Ym9iOg==", "Y2Fyb2w6");
    http.send(of_carol);
    let refused = http.response();
    assert_eq!((refused.status, refused.problem().as_str()), (403, "no-password"));
    let refused = ask(&mut http, "DELETE", "/api/v1/posts/p0000000000009", "");
    assert_eq!((refused.status, refused.problem().as_str()), (404, "no-such-post"));
    for _ in 0..2 {
        let deleted = ask(&mut http, "DELETE", &path, "");
        assert_eq!((deleted.status, deleted.body.as_str()), (204, ""));
    }
    let event = format!("event: deleted\ndata: {{\"event\":\"deleted\",\"id\":\"{one}\"}}\n\n");
    assert_eq!(early.chunk(), event);
    assert!(stream().chunk().starts_with(&format!("id: {one}\n{event}id: {two}\nevent: post\n")));
    server.kill();
    server.restart();
    let mut http = Http::connect(server.address("http"));
    let page = ask(&mut http, "GET", posts, "").json();
    let (kept, mark) = (&page["posts"][0], &page["posts"][1]);
    assert_eq!((&kept["text"], &kept["deleted"]), (&"two".into(), &Value::Null));
    assert_eq!((&mark["id"], &mark["from"]), (&one.into(), &"bob".into()));
    assert_eq!((&mark["deleted"], &mark["text"]), (&true.into(), &Value::Null));
    let mut board = server.connect("board");
    board.send("t\n#rust\n");
    assert_eq!(board.rest(), "bob: (deleted)\nbob: two\n");
}
