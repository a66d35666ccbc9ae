//! Sessions.

use ipnet::IpNet;
use postroom_engine::SessionSummary;
use serde::{Deserialize, Serialize};

/// A page of `GET /v1/sessions`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct SessionPage {
    /// The sessions.
    pub sessions: Vec<SessionLine>,
    /// `?from=` of the next page, if there is one.
    pub next: Option<usize>,
}

/// A session.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct SessionLine {
    /// The account that it has logged in as, or else tried last.
    pub account: Option<String>,
    /// Whether it has logged in. A client of the board never does.
    pub is_logged_in: bool,
    /// Where its client is.
    pub peer: String,
    /// Its listener.
    pub listener: String,
    /// How long there has been one, in seconds.
    pub age_s: u64,
    /// Bytes that wait for its client.
    pub output_bytes: usize,
}

impl From<SessionSummary> for SessionLine {
    fn from(session: SessionSummary) -> Self {
        let SessionSummary { account, is_before_login, peer, listener, age, output_bytes } =
            session;
        Self {
            is_logged_in: account.is_some() && !is_before_login,
            account,
            peer: peer.to_string(),
            listener: listener.to_string(),
            age_s: age.as_secs(),
            output_bytes,
        }
    }
}

/// Whose sessions end: the body of `POST /v1/kick`, with one of both.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Whose {
    /// Those of an account.
    Account(String),
    /// Those of an address, `192.0.2.1/32`, or of a prefix.
    Addresses(IpNet),
}

/// The answer to `POST /v1/kick`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Kicked {
    /// How many sessions have ended.
    pub sessions: usize,
}
