//! A server that is killed while it is asked to store something, and is asked again.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use crate::harness::http::{Http, Response, request, with_key};
use crate::harness::support::{COMMIT_PATHS, Random, Server};

/// Kills on each path of commits.
const KILLS: u64 = 8;

/// A request with its key, and the text in it.
struct Keyed {
    text: String,
    request: String,
}

impl Keyed {
    /// One in three leaves a message, one a message for two, one a post.
    fn new(number: u64) -> Self {
        let text = format!("text-{number}");
        let (path, body) = match number % 3 {
            0 => ("/~alice", text.clone()),
            1 => ("/api/v1/messages", format!(r#"{{"to":["carl","alice"],"text":"{text}"}}"#)),
            _ => ("/api/v1/channels/rust/posts", text.clone()),
        };
        let request = with_key(&request("POST", path, &body), &format!("key-{number}"));
        Self { text, request }
    }

    fn ask(&self, server: &Server) -> Response {
        let mut http = Http::connect(server.address("http"));
        http.send(&self.request);
        let response = http.response();
        assert_eq!(response.status, 201, "{response:?}");
        response
    }
}

fn is_replayed(response: &Response) -> bool {
    response.header("idempotent-replayed").is_some()
}

/// How often each text is stored: in a mailbox, or else in the channel.
fn stored(server: &Server) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    let mut http = Http::connect(server.address("http"));
    let alice = |path: &str| request("GET", path, "").replace("Ym9iOg==", "YWxpY2U6");
    for (mut query, path, list, after) in [
        (Some("count=64".to_owned()), "/~", "messages", "&count=64"),
        (Some("count=100".to_owned()), "/api/v1/channels/rust/posts", "posts", "&count=100"),
    ] {
        while let Some(next) = query {
            http.send(alice(&format!("{path}?{next}")));
            let page = http.response().json();
            for of in page[list].as_array().unwrap() {
                *found.entry(of["text"].as_str().unwrap().to_owned()).or_default() += 1;
            }
            query = page["next"].as_str().map(|next| format!("{next}{after}"));
        }
    }
    found
}

#[test]
fn what_is_asked_for_again_after_a_kill_is_stored_once() {
    for path in COMMIT_PATHS {
        let mut server = Server::with(&["--capacity=10000", path]);
        let (mut random, mut number, mut texts) = (Random::new(13), 0, Vec::new());
        let mut next = || {
            number += 1;
            let keyed = Keyed::new(number);
            texts.push(keyed.text.clone());
            keyed
        };
        for _ in 0..KILLS {
            let (answered, halved) = (next(), next());
            let first = answered.ask(&server);
            assert!(!is_replayed(&first));
            let mut half = Http::connect(server.address("http"));
            half.send(&halved.request[..halved.request.len() - 1]);
            // These may be stored or not, and nobody is told.
            let unanswered: Vec<_> = (0..6).map(|_| next()).collect();
            let connections: Vec<_> = unanswered
                .iter()
                .map(|keyed| {
                    let mut http = Http::connect(server.address("http"));
                    http.send(&keyed.request);
                    http
                })
                .collect();
            // The server is killed at any moment of its work.
            thread::sleep(Duration::from_micros(random.below(4_000)));
            server.kill();
            drop((half, connections));
            server.restart();
            let again = answered.ask(&server);
            assert!(is_replayed(&again));
            assert_eq!(again.body, first.body);
            assert!(!is_replayed(&halved.ask(&server)), "it was never asked for");
            for keyed in &unanswered {
                let told = keyed.ask(&server);
                let again = keyed.ask(&server);
                assert!(is_replayed(&again));
                assert_eq!(again.body, told.body);
            }
        }
        let found = stored(&server);
        for text in &texts {
            assert_eq!(found.get(text), Some(&1), "{path}: {text}");
        }
        assert_eq!(found.len(), texts.len());
    }
}
