//! Settings of the running server.

use postroom_server::ReloadSummary;
use serde::{Deserialize, Serialize};

/// The answer to `POST /v1/reload`: the settings were read again, and are in use.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Reloaded {
    /// The settings that have changed.
    pub changed: Vec<String>,
    /// The settings that differ from those in use, and need a restart.
    pub needs_restart: Vec<String>,
    /// The other files that are read again: `certificate`, `passwords`.
    pub files: Vec<String>,
}

impl From<ReloadSummary> for Reloaded {
    fn from(ReloadSummary { changed, needs_restart, files }: ReloadSummary) -> Self {
        Self { changed, needs_restart, files: files.into_iter().map(str::to_owned).collect() }
    }
}

/// What the log has: the body of `POST /v1/log-level`, and its answer.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LogLevel {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
}
