//! The settings of sessions: those of all protocols, and each protocol's own.

use std::time::Duration;

use crate::chat::settings::ChatSettings;
use crate::im::settings::ImSettings;

/// The settings that a session gets when it begins.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Settings {
    /// Maximum bytes of an input line, without its end.
    pub line_bytes_max: usize,
    /// Time limit from the connection to a successful login.
    pub login_limit: Duration,
    /// Pause that ends a command of a client that sends no line feeds.
    pub pause: Duration,
    /// Maximum bytes of a command that such a pause ends.
    pub paused_bytes_max: usize,
    /// Unsent bytes of answers at which no more lines of the client are taken.
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
            output_bytes_max: 96 << 10,
            im: ImSettings::default(),
            chat: ChatSettings::default(),
        }
    }
}
