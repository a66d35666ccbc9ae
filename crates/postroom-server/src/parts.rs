//! What a server is made of.

use postroom_office::{FilePasswords, PasswordRead, PasswordsRead};
use postroom_protocol::Report;

use crate::listener::BoundListener;
use crate::settings::ServerSettings;
use crate::signals::CaughtSignals;

/// What a server is made of.
pub struct Parts<S> {
    /// The limits.
    pub settings: ServerSettings,
    /// Where everything is kept.
    pub store: S,
    /// Where it listens.
    pub listeners: Vec<BoundListener>,
    /// The signals, caught since before the listeners were opened.
    pub signals: CaughtSignals,
    /// Passwords that the store does not have, if there are any.
    pub passwords: Option<Passwords>,
    /// The operator's report.
    pub reporter: Box<dyn Reporter>,
}

/// Passwords of a password file.
pub struct Passwords {
    /// What it says at the start.
    pub first: FilePasswords,
    /// Reads it again.
    pub source: Box<dyn PasswordSource>,
}

/// A password file, read on a thread of its own: it may be slow or hang.
pub trait PasswordSource: Send {
    /// Reads it if it has changed, and writes to the log what the operator must
    /// know.
    fn read(&mut self, read: PasswordRead) -> PasswordsRead;
}

/// The operator's report.
pub trait Reporter {
    /// Adds a line; what goes wrong with that stops nothing.
    fn report(&mut self, report: &Report);
}
