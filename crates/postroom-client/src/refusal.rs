//! Why a server refused a request over HTTP, as RFC 9457 has it.

use std::fmt;

use postroom_model::Safe;
use serde::Deserialize;

use crate::ServerAddress;

/// Where the words for the kinds of problems begin in their types.
const TYPES: &str = "/api/v1/problems/";

/// Characters of a server's words that are shown.
const DETAIL_CHARACTERS_MAX: usize = 500;

/// Why a server refused a request over HTTP.
#[derive(Debug)]
pub struct Refusal {
    server: ServerAddress,
    head: Head,
    /// The kind of the problem; empty if the server gave none, as a proxy does.
    word: String,
    /// What it is, in the server's words.
    detail: String,
}

/// What counts of the head of a response.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// After how many seconds to try again.
    pub(crate) retry_after: Option<u64>,
    /// Where it is instead.
    pub(crate) location: Option<String>,
}

/// What is read of a problem.
#[derive(Deserialize)]
struct Problem {
    r#type: String,
    detail: String,
}

impl Refusal {
    /// What a response says that refuses.
    pub(crate) fn new(server: ServerAddress, head: Head, body: &[u8]) -> Self {
        let problem: Option<Problem> = serde_json::from_slice(body).ok();
        let (word, detail) = match problem {
            Some(Problem { r#type, detail }) => {
                (r#type.strip_prefix(TYPES).unwrap_or_default().to_owned(), detail)
            }
            None => (String::new(), format!("it answered with the status {}", head.status)),
        };
        Self { server, head, word, detail }
    }

    /// The kind of the problem; empty if the server gave none.
    pub(crate) fn word(&self) -> &str {
        &self.word
    }

    /// The status of the response.
    pub(crate) fn status(&self) -> u16 {
        self.head.status
    }

    /// Whether the same request may be granted later.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self.head.status, 408 | 429 | 500 | 502..=504 | 507) || self.word == "taken"
    }

    /// What happened, without advice.
    pub(crate) fn in_short(&self) -> String {
        match self.word.as_str() {
            "ended" => format!("{} is stopping, or has ended the session", self.server),
            _ => format!("{} refused the request: {}", self.server, Safe(excerpt(&self.detail))),
        }
    }

    /// Whether what was to be stored may be stored.
    pub(crate) fn leaves_open(&self) -> bool {
        match self.word.as_str() {
            "unknown" | "ended" | "defect" => true,
            // A proxy had no answer of the server, perhaps, or lost it.
            "" => (500..600).contains(&self.head.status),
            _ => false,
        }
    }

    /// After how many seconds the server wants to be asked again.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        self.head.retry_after
    }

    /// Whether the lease of the message has ended.
    pub(crate) fn is_expired(&self) -> bool {
        self.word == "expired"
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let detail = excerpt(&self.detail);
        let more = if detail.len() < self.detail.len() { "..." } else { "" };
        write!(formatter, "{} refused the request: {}{more}", self.server, Safe(detail))?;
        match (self.word.as_str(), &self.head.location, self.head.retry_after) {
            ("", Some(location), _) if (300..400).contains(&self.head.status) => {
                write!(formatter, " and names another address: {}", Safe(excerpt(location)))
            }
            ("", ..) if matches!(self.head.status, 404 | 405) => {
                formatter.write_str("; check that the port is its http listener")
            }
            (_, _, Some(seconds)) if !detail.contains("try again") => {
                write!(formatter, "; try again in {seconds} s")
            }
            _ => Ok(()),
        }
    }
}

/// The beginning of a server's words.
fn excerpt(words: &str) -> &str {
    let end = words.char_indices().nth(DETAIL_CHARACTERS_MAX).map(|(at, _)| at);
    end.map_or(words, |end| &words[..end])
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str) -> Refusal {
        let location = Some("https://h/\u{1b}".to_owned());
        let head = Head { status, retry_after: Some(3), location };
        Refusal::new(ServerAddress::new("h", 4406), head, body.as_bytes())
    }

    fn problem(word: &str, detail: &str) -> String {
        serde_json::json!({"type": format!("{TYPES}{word}"), "detail": detail}).to_string()
    }

    #[test]
    fn a_problem_is_told_in_the_words_of_the_server_and_is_safe_to_show() {
        let error = refused(503, &problem("busy", "too much\u{1b}[2J at once")).to_string();
        let said = "h:4406 refused the request: too much^[[2J at once; try again in 3 s";
        assert_eq!(error, said);
        let long = refused(422, &problem("text", &"é".repeat(10_000))).to_string();
        assert!(long.len() < 1_100, "{}", long.len());
    }

    #[test]
    fn what_a_proxy_says_is_told_by_its_status() {
        let error = refused(404, "<html>").to_string();
        assert!(error.ends_with("the status 404; check that the port is its http listener"));
        let error = refused(301, "<html>").to_string();
        let end = "the status 301 and names another address: https://h/^[";
        assert!(error.ends_with(end), "{error}");
    }

    #[test]
    fn only_a_server_that_is_sure_says_that_nothing_was_stored() {
        for (status, body, leaves_open) in [
            (500, problem("unknown", "no"), true),
            (503, problem("ended", "no"), true),
            (502, "<html>".to_owned(), true),
            (504, String::new(), true),
            (503, problem("busy", "no"), false),
            (507, problem("mailbox-full", "no"), false),
            (404, "<html>".to_owned(), false),
        ] {
            assert_eq!(refused(status, &body).leaves_open(), leaves_open, "{status} {body}");
        }
    }
}
