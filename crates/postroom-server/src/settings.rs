//! What a server is told at its start.

use std::time::Duration;

use postroom_engine::EngineSettings;

use crate::listener::KeepAlive;

/// The limits of a server.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Those that are kept without input or output.
    pub engine: EngineSettings,
    /// How long a stop may take.
    pub stop_limit: Duration,
    /// How a peer is found out to be dead.
    pub keep_alive: KeepAlive,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            engine: EngineSettings::default(),
            stop_limit: Duration::from_secs(4),
            keep_alive: KeepAlive::default(),
        }
    }
}
