//! The server's log, on standard error.

use std::io;

use tracing::Level;
use tracing_subscriber::fmt;

use crate::config::LogFormat;

/// Begins to log events up to this level.
pub(crate) fn start(format: LogFormat, level: Level) {
    let builder = fmt().with_writer(io::stderr).with_max_level(level).with_target(false);
    match format {
        LogFormat::Text => builder.with_ansi(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
