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
    /// How many recent posts are kept for members that read slowly.
    pub recent: RecentLimits,
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
            recent: RecentLimits::default(),
            logs_requests: false,
        }
    }
}

/// How many recent posts the engine keeps in memory, for members of channels that read
/// slowly.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RecentLimits {
    /// Posts of a channel.
    pub posts: usize,
    /// Bytes of the posts of a channel.
    pub bytes: usize,
    /// Bytes of the posts of all channels.
    pub bytes_in_all: usize,
}

impl Default for RecentLimits {
    fn default() -> Self {
        Self { posts: 1_000, bytes: 1 << 20, bytes_in_all: 64 << 20 }
    }
}
