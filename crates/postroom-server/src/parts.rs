//! The parts of a server.

use postroom_office::{FilePasswords, PasswordRead, PasswordsRead};
use postroom_protocol::Report;

use crate::certificate::TlsSettings;
use crate::http_gate::HttpDriver;
use crate::listener::BoundListener;
use crate::new_settings::{LogControl, SettingsSource};
use crate::service_manager::ServiceManager;
use crate::settings::ServerSettings;
use crate::signals::CaughtSignals;

/// The parts of a server.
pub struct Parts<S> {
    /// The limits.
    pub settings: ServerSettings,
    /// The store.
    pub store: S,
    /// The listeners.
    pub listeners: Vec<BoundListener>,
    /// The signals, caught before the listeners are opened.
    pub signals: CaughtSignals,
    /// The password file, if there is one.
    pub passwords: Option<Passwords>,
    /// The certificate and its key, if a listener has TLS.
    pub certificate: Option<TlsSettings>,
    /// Reads settings and certificate again at the operator's wish.
    pub source: Box<dyn SettingsSource>,
    /// The log.
    pub log: Box<dyn LogControl>,
    /// The operator's report.
    pub reporter: Box<dyn Reporter>,
    /// The driver of HTTP, if a listener has it.
    pub http: Option<Box<dyn HttpDriver>>,
    /// What has started this process and wants to know how it is.
    pub manager: ServiceManager,
}

/// A password file.
pub struct Passwords {
    /// Its content at the start.
    pub first: FilePasswords,
    /// Reads it again.
    pub source: Box<dyn PasswordSource>,
}

/// A password file, read on its own thread: a read may be slow or hang.
pub trait PasswordSource: Send {
    /// Reads it if it has changed, and logs messages for the operator.
    fn read(&mut self, read: PasswordRead) -> PasswordsRead;
}

/// The operator's report.
pub trait Reporter {
    /// Adds a line. An error does not affect the server.
    fn report(&mut self, report: &Report);
}
