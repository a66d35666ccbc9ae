//! The settings of a server.

use std::time::Duration;

use postroom_engine::EngineSettings;

use crate::commits::CommitSettings;
use crate::listener::KeepAlive;

/// The limits of a server.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Those of the engine.
    pub engine: EngineSettings,
    /// Where the store's jobs run.
    pub commits: CommitSettings,
    /// The time limit of a stop.
    pub stop_limit: Duration,
    /// How a dead peer is detected.
    pub keep_alive: KeepAlive,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            engine: EngineSettings::default(),
            commits: CommitSettings::default(),
            stop_limit: Duration::from_secs(4),
            keep_alive: KeepAlive::default(),
        }
    }
}
