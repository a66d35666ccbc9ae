//! Clients that take more than their part.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::http::{Http, WebSocket, request, resident_bytes};
use crate::harness::support::Server;

/// How long something may take that a stalled server would never do.
const SOON: Duration = Duration::from_secs(10);
/// Time in which a request reaches the server and waits there.
const UNDER_WAY: Duration = Duration::from_millis(300);

fn within(limit: Duration, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < limit, "not within {limit:?}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn honest(server: &Server) -> Http {
    Http::connect(server.address("http"))
}

/// Each byte once came with a buffer of its own.
#[test]
fn a_body_in_single_bytes_takes_no_more_memory_than_a_whole_one() {
    let server = Server::start();
    let before = resident_bytes(server.pid());
    let head = request("POST", "/~bob", &"x".repeat(60_000)).replace(&"x".repeat(60_000), "");
    let mut slow: Vec<Http> = (0..20).map(|_| honest(&server)).collect();
    for http in &mut slow {
        http.send(&head);
    }
    for _ in 0..1_000 {
        for http in &mut slow {
            http.send("x");
        }
    }
    assert_eq!(honest(&server).request("GET", "/~", "").status, 200);
    let grown = resident_bytes(server.pid()).saturating_sub(before);
    assert!(grown < 20_000_000, "{grown} bytes");
}

#[test]
fn a_flood_of_frames_keeps_nobody_waiting() {
    let server = Server::start();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                // Empty fragments, of which no message ever comes.
                let fragments = [&[1, 0x80, 0, 0, 0, 0][..], &[0, 0x80, 0, 0, 0, 0].repeat(5_000)];
                let mut flood = Http::websocket(server.address("http"), "/~/stream");
                flood.connection().flood(&fragments.concat());
                let more = [0, 0x80, 0, 0, 0, 0].repeat(5_000);
                let mut is_taken = true;
                while is_taken && !over.load(Ordering::Relaxed) {
                    is_taken = flood.connection().flood(&more);
                }
            });
        }
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(2) {
            let asked = Instant::now();
            assert_eq!(honest(&server).request("GET", "/~", "").status, 200);
            assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_client_that_says_more_than_it_is_asked_is_cut_off() {
    let server = Server::start();
    let mut talker = Http::websocket(server.address("http"), "/~/stream");
    for _ in 0..1_001 {
        talker.send(WebSocket::TEXT, br#"{"ack":"m0000000000001"}"#);
    }
    assert_eq!(talker.close(), (1008, "the client says more than it is asked".to_owned()));
}

#[test]
fn who_leaves_while_it_waits_gets_nothing_and_keeps_nobody_out() {
    let server = Server::start();
    let wait = request("POST", "/~/lease?for=1h&wait=60s", "");
    let mut half = honest(&server);
    half.send(&wait);
    thread::sleep(UNDER_WAY);
    half.half_close();
    let begun = Instant::now();
    assert_eq!(half.response().status, 204);
    assert!(begun.elapsed() < SOON);
    // As many as may wait.
    let mut waiting: Vec<Http> = (0..64).map(|_| honest(&server)).collect();
    for http in &mut waiting {
        http.send(&wait);
    }
    within(SOON, || {
        let mut one_more = honest(&server);
        one_more.send(request("POST", "/~/lease?wait=1s", ""));
        one_more.response().status == 503
    });
    waiting.into_iter().for_each(Http::reset);
    within(SOON, || {
        let mut again = honest(&server);
        again.send(request("POST", "/~/lease?wait=1s", ""));
        again.response().status == 204
    });
    let mut http = honest(&server);
    assert_eq!(http.request("POST", "/~bob", "for who is there").status, 201);
    assert_eq!(http.request("GET", "/~", "").json()["messages"][0]["leased"], false);
}

/// The second request was sent while the first one waited.
#[test]
fn what_came_before_the_response_confirms_nothing() {
    let server = Server::start();
    for _ in 0..5 {
        let mut early = honest(&server);
        early.send(request("POST", "/~/lease?ack=auto&wait=20s", ""));
        thread::sleep(UNDER_WAY);
        early.send(request("GET", "/api/v1/present", ""));
        thread::sleep(UNDER_WAY);
        let mut http = honest(&server);
        assert_eq!(http.request("POST", "/~bob", "precious").status, 201);
        assert_eq!(early.response().json()["text"], "precious");
        assert_eq!(early.response().status, 200);
        early.reset();
        let read = http.request("POST", "/~/lease?ack=auto&wait=30s", "").json();
        assert_eq!(read["text"], "precious", "lost");
        assert_eq!(http.request("GET", "/~", "").json()["unread"], 0);
    }
}

/// Pages of 390 kB each, of which half would be more than all may be.
#[test]
fn answers_that_are_not_read_take_a_limited_amount_of_memory() {
    const CLIENTS: usize = 600;
    let server = Server::start();
    let mut http = honest(&server);
    let posts = "/api/v1/channels/rust/posts";
    for _ in 0..9 {
        assert_eq!(http.request("POST", posts, &"\u{1}".repeat(8_000)).status, 201);
    }
    let page = http.request("GET", posts, "").body.len();
    assert!(page > 380_000, "{page}");
    let before = resident_bytes(server.pid());
    let mut deaf: Vec<Http> = (0..CLIENTS).map(|_| honest(&server)).collect();
    for http in &mut deaf {
        // It may have been cut off for those behind it.
        http.flood(request("GET", posts, "").as_bytes());
    }
    // Whoever reads gets all of it.
    for _ in 0..10 {
        assert_eq!(honest(&server).request("GET", posts, "").body.len(), page);
    }
    let grown = resident_bytes(server.pid()).saturating_sub(before);
    assert!(grown < 160_000_000, "{grown} bytes for {} clients", deaf.len());
}
