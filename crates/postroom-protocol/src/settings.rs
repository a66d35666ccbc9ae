//! The settings of sessions: those of all protocols, and each protocol's own.

use std::time::Duration;

use crate::chat::settings::ChatSettings;
use crate::im::settings::ImSettings;

/// What a session is given at its begin.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Bytes of an input line, its end left out.
    pub line_bytes_max: usize,
    /// Time from the connection to a successful login.
    pub login_limit: Duration,
    /// Silence that ends a command of a client that sends no line feeds.
    pub pause: Duration,
    /// Bytes of the longest command that such a silence ends.
    pub paused_bytes_max: usize,
    /// Bytes of answers that may wait for the peer before no more of its lines are
    /// taken.
    pub output_bytes_max: usize,
    /// Those of `im`.
    pub im: ImSettings,
    /// Those of `chat`.
    pub chat: ChatSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            line_bytes_max: 8_192,
            login_limit: Duration::from_hours(1),
            pause: Duration::from_millis(300),
            paused_bytes_max: 1_024,
            output_bytes_max: 256 << 10,
            im: ImSettings::default(),
            chat: ChatSettings::default(),
        }
    }
}
