//! Idempotency keys: what is asked for again is stored once.

use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::Connection;
use serde_json::Value;

use crate::harness::http::{Http, Response, curl, request, with_key};
use crate::harness::support::Server;

const POSTS: &str = "/api/v1/channels/rust/posts";
const SEVERAL: &str = "/api/v1/messages";

fn ask(http: &mut Http, path: &str, key: &str, body: &str) -> Response {
    http.send(with_key(&request("POST", path, body), key));
    http.response()
}

fn is_replayed(response: &Response) -> bool {
    assert_eq!(response.status, 201, "{response:?}");
    response.header("idempotent-replayed").inspect(|told| assert_eq!(*told, "true")).is_some()
}

fn refused(response: &Response) -> (u16, String) {
    (response.status, response.problem())
}

fn unread(http: &mut Http) -> Value {
    http.request("GET", "/~", "").json()["unread"].take()
}

#[test]
fn what_is_asked_for_again_is_answered_alike_and_stored_once() {
    let mut server = Server::start();
    let mut http = Http::connect(server.address("http"));
    let requests =
        [("/~bob", "Hi"), (SEVERAL, r#"{"to":["bob","ann"],"text":"Hi all"}"#), (POSTS, "Hello")];
    let first = requests.map(|(path, body)| {
        let response = ask(&mut http, path, path, body);
        assert!(!is_replayed(&response));
        response.body
    });
    for _ in 0..2 {
        let mut http = Http::connect(server.address("http"));
        for ((path, body), first) in requests.iter().zip(&first) {
            let again = ask(&mut http, path, path, body);
            assert!(is_replayed(&again), "{path}");
            assert_eq!(again.body, *first);
        }
        // With another text, and to another place.
        for (path, body) in [("/~bob", "Ho"), ("/~ann", "Hi"), (SEVERAL, requests[1].1)] {
            let response = ask(&mut http, path, "/~bob", body);
            assert_eq!(refused(&response), (422, "key-reused".to_owned()));
        }
        assert_eq!(unread(&mut http), 2);
        let posts = http.request("GET", POSTS, "").json();
        assert_eq!(posts["posts"].as_array().unwrap().len(), 1, "{posts}");
        assert!(server.stop().success());
        server.restart();
    }
    // A key is its account's own, and a new one is a new request.
    let of_ann = ["-u", "ann:", "-H", "Idempotency-Key: /~bob", "-d", "Hi"];
    assert_eq!(curl(&server, "/~bob", &of_ann).0, 201);
    let mut http = Http::connect(server.address("http"));
    assert!(!is_replayed(&ask(&mut http, "/~bob", "other", "Hi")));
    assert_eq!(unread(&mut http), 4);
}

#[test]
fn what_was_refused_is_tried_again_with_its_key() {
    let server = Server::with(&["--capacity=1"]);
    let mut http = Http::connect(server.address("http"));
    assert!(!is_replayed(&ask(&mut http, "/~bob", "one", "one")));
    assert_eq!(ask(&mut http, "/~bob", "two", "two").problem(), "mailbox-full");
    let leased = http.request("POST", "/~/lease", "").json();
    let [id, key] = ["id", "key"].map(|of| leased[of].as_str().unwrap());
    assert_eq!(http.request("DELETE", &format!("/~/{id}?key={key}"), "").status, 204);
    assert!(!is_replayed(&ask(&mut http, "/~bob", "two", "two")));
    assert!(is_replayed(&ask(&mut http, "/~bob", "two", "two")));
}

#[test]
fn a_key_that_cannot_be_one_is_refused() {
    let server = Server::start();
    let mut http = Http::connect(server.address("http"));
    for (path, letter) in [("/~bob", "k"), (POSTS, "l")] {
        assert!(!is_replayed(&ask(&mut http, path, &letter.repeat(128), "Hi")));
        for key in ["", &letter.repeat(129), "one\r\nIdempotency-Key: two"] {
            assert_eq!(refused(&ask(&mut http, path, key, "Hi")), (400, "key".to_owned()));
        }
        // Without a login there is nobody whose the key could be.
        let anonymous = request("POST", path, "Hi").replace("Authorization", "X-Nothing");
        http.send(with_key(&anonymous, "key"));
        assert_eq!(refused(&http.response()), (400, "key".to_owned()));
        http.send(anonymous);
        assert_eq!(http.response().status, 201);
    }
}

#[test]
fn an_account_has_so_many_keys_and_is_told_when_it_may_have_another() {
    let mut server = Server::start();
    let mut http = Http::connect(server.address("http"));
    assert!(!is_replayed(&ask(&mut http, "/~bob", "first", "Hi")));
    assert!(server.stop().success());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    // The oldest ends in an hour.
    let used = now - 23 * 60 * 60 * 1_000;
    let fill = format!(
        "UPDATE once SET used_ms = {used};
         WITH RECURSIVE key(number) AS (SELECT 2 UNION ALL SELECT number + 1 FROM key LIMIT 9999)
         INSERT INTO once SELECT key.number, bob.account, key.number, 0, 1, {now}
         FROM key, (SELECT account FROM once WHERE number = 1) AS bob;"
    );
    let store = Connection::open(server.data().join("postroom.db")).unwrap();
    store.execute_batch(&fill).unwrap();
    drop(store);
    server.restart();
    let mut http = Http::connect(server.address("http"));
    let response = ask(&mut http, "/~bob", "another", "Hi");
    assert_eq!(refused(&response), (429, "too-many-keys".to_owned()));
    let later: u32 = response.header("retry-after").unwrap().parse().unwrap();
    assert!((3_400..=3_600).contains(&later), "{later}");
    assert!(is_replayed(&ask(&mut http, "/~bob", "first", "Hi")));
    assert_eq!(http.request("POST", "/~bob", "Hi").status, 201, "without a key");
    assert_eq!(unread(&mut http), 2);
}
