//! Settings that a running server is to take over.

use std::error::Error;

use postroom_engine::ListenerOptions;
use postroom_store::Limits;
use tracing::Level;

use crate::certificate::TlsSettings;
use crate::settings::ServerSettings;

/// Reads the settings again, on a thread of its own: a read may be slow or hang.
pub trait SettingsSource: Send {
    /// Reads them, and the certificate. If anything is wrong, nothing is to change.
    fn read(&mut self) -> Result<NewSettings, SettingsError>;
}

/// Settings as the server is to use them from now on. What cannot change while it runs is
/// as it was.
#[derive(Debug)]
pub struct NewSettings {
    /// The limits.
    pub settings: ServerSettings,
    /// Those of the store.
    pub limits: Limits,
    /// The options of each listener, in the order in which they were opened.
    pub listeners: Vec<ListenerOptions>,
    /// The certificate, if a listener has TLS.
    pub certificate: Option<TlsSettings>,
    /// What the log has.
    pub log_level: Level,
    /// What has changed, and what has not.
    pub summary: ReloadSummary,
}

/// What came of a reload.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ReloadSummary {
    /// The settings that have changed.
    pub changed: Vec<String>,
    /// The settings that differ from those in use, and need a restart.
    pub needs_restart: Vec<String>,
    /// The other files that are read again: `certificate`, `passwords`.
    pub files: Vec<&'static str>,
}

/// Why the settings cannot be used: a sentence. Nothing has changed.
pub type SettingsError = Box<dyn Error + Send + Sync>;

/// Sets what the log has.
pub trait LogControl {
    /// Lines up to this level.
    fn set_level(&mut self, level: Level);
}

/// Whether the log has lines for single requests at this level.
#[must_use]
pub fn logs_requests(level: Level) -> bool {
    level >= Level::DEBUG
}
