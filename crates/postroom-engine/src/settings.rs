//! The limits of the engine.

use std::time::Duration;

use postroom_protocol::Settings;

/// What an engine is told at its start.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// What each session is told.
    pub session: Settings,
    /// Connections at one time.
    pub connections_max: usize,
    /// How long a connection that the server ends is kept for its reader.
    pub drain_limit: Duration,
    /// Logins that may wait for their password to be checked.
    pub password_checks_max: usize,
    /// How long a client may take to be dialled back.
    pub dial_limit: Duration,
    /// Whether the log has lines for single requests.
    pub logs_requests: bool,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            session: Settings::default(),
            connections_max: 16_384,
            drain_limit: Duration::from_secs(1),
            password_checks_max: 256,
            dial_limit: Duration::from_secs(3),
            logs_requests: false,
        }
    }
}
