//! The server's log, on standard error.
//!
//! A thread writes it: a reader of the log who has fallen asleep, or a disk that is
//! full, must not stop the server. Lines that find too many before them are left
//! out.

use std::io;

use tracing::Level;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt;

use crate::config::LogFormat;

/// Lines that may wait to be written.
const WAITING_LINES_MAX: usize = 4_096;

/// Begins to log events up to this level. What waits is written, if that does not
/// take long, when the guard is dropped.
pub(crate) fn start(format: LogFormat, level: Level) -> WorkerGuard {
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(WAITING_LINES_MAX)
        .thread_name("log")
        .finish(io::stderr());
    let builder = fmt()
        .with_writer(writer)
        .with_max_level(level)
        .with_target(false)
        .log_internal_errors(false);
    match format {
        LogFormat::Text => builder.with_ansi(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    guard
}
