//! The server's log, on standard error.
//!
//! A thread writes it: a log reader that hangs, or a full disk, must not block the
//! server. Lines that do not fit in the queue are dropped and counted; the log reports
//! their number once the lines before them are written.

use std::io::{self, Write};
use std::sync::{Arc, OnceLock};

use postroom_server::LogControl;
use tracing::dispatcher::{self, Dispatch};
use tracing::level_filters::LevelFilter;
use tracing::{Level, warn};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::{MakeWriter, layer};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Registry, reload};

use crate::config::LogFormat;

/// Maximum queued lines.
const WAITING_LINES_MAX: usize = 4_096;

/// Changes what the log has.
pub(crate) struct Log(Box<dyn Fn(Level)>);

impl LogControl for Log {
    fn set_level(&mut self, level: Level) {
        (self.0)(level);
    }
}

/// Starts to log events up to this level. Dropping the guard writes the queued lines,
/// if that does not take long.
pub(crate) fn start(format: LogFormat, level: Level) -> (Log, WorkerGuard) {
    let left_out = Arc::new(OnceLock::new());
    let output = Output {
        writer: io::stderr(),
        // Not through the queue, which may be full again.
        notices: dispatch(format, level, io::stderr).0,
        left_out: Arc::clone(&left_out),
        left_out_told: 0,
        lines_since_notice: 0,
    };
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(WAITING_LINES_MAX)
        .thread_name("log")
        .finish(output);
    left_out.get_or_init(|| writer.error_counter());
    let (dispatch, log) = dispatch(format, level, writer);
    dispatch.init();
    (log, guard)
}

fn dispatch<W>(format: LogFormat, level: Level, writer: W) -> (Dispatch, Log)
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(LevelFilter::from_level(level));
    let registry = Registry::default().with(filter);
    let lines = layer().with_writer(writer).with_target(false).log_internal_errors(false);
    let dispatch = match format {
        LogFormat::Text => registry.with(lines.with_ansi(false)).into(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).into(),
    };
    // It fails only where nothing logs through this dispatcher any more.
    let set = move |level| drop(handle.reload(LevelFilter::from_level(level)));
    (dispatch, Log(Box::new(set)))
}

/// The writer of the log's thread; it adds notices of dropped lines.
#[derive(Debug)]
struct Output<W> {
    writer: W,
    notices: Dispatch,
    /// The counter of lines dropped since the start, once it is set.
    left_out: Arc<OnceLock<ErrorCounter>>,
    /// The dropped lines already reported by notices.
    left_out_told: usize,
    lines_since_notice: usize,
}

impl<W> Output<W> {
    fn tell_left_out(&mut self) {
        self.lines_since_notice = 0;
        let left_out = self.left_out.get().map_or(0, ErrorCounter::dropped_lines);
        let lines = left_out - self.left_out_told;
        if lines > 0 {
            self.left_out_told = left_out;
            dispatcher::with_default(&self.notices, || {
                warn!(lines, "lines are left out of the log, which was not read in time");
            });
        }
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    /// Writes a line.
    fn write_all(&mut self, line: &[u8]) -> io::Result<()> {
        self.writer.write_all(line)?;
        self.lines_since_notice += 1;
        // The queue may never be empty.
        if self.lines_since_notice >= WAITING_LINES_MAX {
            self.tell_left_out();
        }
        Ok(())
    }

    /// Called when no line waits.
    fn flush(&mut self) -> io::Result<()> {
        self.tell_left_out();
        self.writer.flush()
    }
}
