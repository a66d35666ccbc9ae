//! The endpoints of the API. `openapi.json` describes each; a test holds it to this table.

mod caller;
mod channels;
mod kept;
mod live;
mod mailbox;
mod messages;
mod openapi;
mod parse;
mod private;
mod problems;
mod query;
mod stored;

use axum::Router;
use axum::http::Uri;
use axum::routing::{MethodRouter, delete, get, post, put};

use super::problem::{METHOD, Problem, UNKNOWN_PATH};

/// A path as the document has it, the methods that it is asked with, and who answers.
type Route = (&'static str, &'static [&'static str], MethodRouter);

const MAILBOX: &str = "/~{name}";

fn routes() -> Vec<Route> {
    const POSTS: &str = "/api/v1/channels/{channel}/posts";
    const STREAM: &str = "/api/v1/channels/{channel}/stream";
    const PRIVATE: &str = "/api/v1/private/{channel}";
    const INVITED: &str = "/api/v1/private/{channel}/invited/{name}";
    const KEY: &str = "/api/v1/private/{channel}/key";
    vec![
        (MAILBOX, &["post"], post(messages::send)),
        ("/api/v1/messages", &["post"], post(messages::send_all)),
        ("/~", &["get"], get(mailbox::peek)),
        ("/~/lease", &["post"], post(mailbox::lease)),
        ("/~/stream", &["get"], get(mailbox::stream)),
        ("/~/{id}", &["delete"], delete(mailbox::confirm)),
        ("/api/v1/mailbox/read", &["get"], get(kept::read_again)),
        (POSTS, &["get", "post"], get(channels::history).post(channels::post)),
        (STREAM, &["get"], get(channels::stream)),
        ("/api/v1/posts/{id}", &["delete"], delete(channels::delete)),
        (
            PRIVATE,
            &["delete", "get", "put"],
            put(private::make).get(private::show).delete(private::delete),
        ),
        (INVITED, &["delete", "put"], put(private::invite).delete(private::withdraw)),
        (KEY, &["delete", "put"], put(private::set_key).delete(private::take_key)),
        ("/api/v1/private/{channel}/enter", &["post"], post(private::enter)),
        ("/api/v1/problems/{word}", &["get"], get(problems::describe)),
        ("/api/v1/present", &["get"], get(live::present)),
        ("/api/v1/live", &["get"], get(live::stream)),
        ("/api/v1/openapi.json", &["get"], get(openapi::document)),
    ]
}

/// The path as the router takes it, which knows no parameter that begins within a segment.
fn routed(path: &str) -> &str {
    if path == MAILBOX { "/{mailbox}" } else { path }
}

pub(super) fn router() -> Router {
    routes()
        .into_iter()
        .fold(Router::new(), |router, (path, _, handlers)| router.route(routed(path), handlers))
        .fallback(async || unknown_path())
        .method_not_allowed_fallback(async |uri: Uri| {
            if is_free(uri.path()) {
                return unknown_path();
            }
            Problem::new(&METHOD, "this path is asked with another method")
        })
}

/// Whether nothing is there: the router takes `/NAME` for the path of a mailbox.
fn is_free(path: &str) -> bool {
    let begins_with =
        |begin: &str| path.get(..begin.len()).is_some_and(|of| of.eq_ignore_ascii_case(begin));
    !["/~", "/%7e", "/api/"].into_iter().any(begins_with)
}

fn unknown_path() -> Problem {
    Problem::new(&UNKNOWN_PATH, "there is no such path; a mailbox is /~NAME, the API is /api/v1/")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::http::problem::KINDS;

    /// The first segments of paths that docs/http.md reserves.
    fn reserved() -> BTreeSet<&'static str> {
        const PAGE: &str = include_str!("../../../../../docs/http.md");
        let (_, table) = PAGE.split_once("| reserved | for |\n|---|---|\n").expect("the table");
        let rows = table.lines().take_while(|line| line.starts_with('|'));
        let words = rows.map(|row| row.split(" | ").next().expect("a column"));
        words.flat_map(|words| words.split('`').skip(1).step_by(2)).collect()
    }

    #[test]
    fn the_paths_of_topics_are_free() {
        let reserved = reserved();
        for (path, ..) in routes() {
            let first = path.split('/').nth(1).unwrap();
            let is_reserved = reserved.contains(first) && !first.contains('{');
            assert!(is_reserved || first.starts_with('~'), "{path}");
            assert!(first != "api" || path.starts_with("/api/v1/"), "{path}");
        }
        for word in ["api", "health", "static", "favicon.ico", "robots.txt", ".well-known", "v1"] {
            assert!(reserved.contains(word), "{word}");
        }
        let is_word = |word: &&str| {
            word.bytes().all(|byte| byte.is_ascii_lowercase() || b".-_1".contains(&byte))
        };
        assert!(reserved.iter().all(is_word), "{reserved:?}");
    }

    fn document() -> Value {
        serde_json::from_str(openapi::DOCUMENT).unwrap()
    }

    #[test]
    fn the_document_has_all_paths_and_no_others() {
        let document = document();
        let documented: BTreeSet<_> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, of)| of.as_object().unwrap().keys().map(move |method| (path, method)))
            .map(|(path, method)| (path.as_str(), method.as_str()))
            .collect();
        let answered: BTreeSet<_> = routes()
            .into_iter()
            .flat_map(|(path, methods, _)| methods.iter().map(move |method| (path, *method)))
            .collect();
        assert_eq!(documented, answered);
    }

    #[test]
    fn the_document_has_the_status_of_each_problem() {
        let document = document();
        let paths = document["paths"].as_object().unwrap().values();
        let operations = paths.flat_map(|of| of.as_object().unwrap().values());
        let statuses: BTreeSet<_> = operations
            .flat_map(|operation| operation["responses"].as_object().unwrap().keys())
            .map(|status| status.parse::<u16>().unwrap())
            .collect();
        for kind in KINDS.iter().filter(|kind| **kind != &METHOD) {
            assert!(statuses.contains(&kind.status.as_u16()), "{}", kind.word);
        }
    }
}
