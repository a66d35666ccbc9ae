//! The operator's report: a line in a file for each event of the board (a feature of
//! seed 003, the small Twitter).
//!
//! Server and clients append whole lines to one file. A thread writes the server's
//! lines: a disk that is slow, full or hangs must not block the server. The log has the
//! same events, but without the text of a message.

mod writer;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use postroom_model::Safe;
use postroom_protocol::{Category, Report};
use postroom_server::Reporter;

use writer::{Work, Writer};

/// Maximum queued lines. Further ones are dropped, and their number is written once
/// there is room.
const WAITING_LINES_MAX: usize = 1_024;

/// How long a start waits for the truncation of the file, and a stop for the last
/// lines.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// The report file of a server, if it has one.
#[derive(Debug)]
pub(crate) struct ReportFile(Option<Thread>);

/// The thread that writes.
#[derive(Debug)]
struct Thread {
    work: SyncSender<Work>,
    left_out: Arc<AtomicU64>,
    /// Receives a message when the file is truncated; disconnects when the thread ends.
    emptied: Receiver<()>,
}

impl ReportFile {
    /// Appends to the file at `path`, or creates it; an empty path is no file. At
    /// `bytes_max` the file is renamed and a new one started; 0 is no limit.
    pub(crate) fn open(path: &Path, bytes_max: u64) -> Self {
        if path.as_os_str().is_empty() {
            return Self(None);
        }
        let (work, queue) = sync_channel(WAITING_LINES_MAX);
        let (tell_emptied, emptied) = channel();
        let left_out = Arc::new(AtomicU64::new(0));
        let (path, counter) = (path.to_owned(), Arc::clone(&left_out));
        let started = thread::Builder::new().name("report".into()).spawn(move || {
            Writer::open(path, bytes_max).run(&queue, &counter, &tell_emptied);
        });
        if let Err(error) = started {
            tracing::warn!(%error, "cannot start the thread that writes the report");
            return Self(None);
        }
        Self(Some(Thread { work, left_out, emptied }))
    }

    /// Truncates the file, which only a server with open listeners may do.
    pub(crate) fn empty(&mut self) {
        if let Some(thread) = &self.0
            && thread.work.try_send(Work::Empty).is_ok()
        {
            // A client that connects once the server is ready must not lose its lines.
            let _ = thread.emptied.recv_timeout(WAIT_MAX);
        }
    }

    /// Adds a line for an error that is printed anyway.
    pub(crate) fn could_not_start(&mut self, error: &impl fmt::Display) {
        self.write(Category::Error, &format_args!("server could not start: {error}"));
    }

    fn write(&mut self, category: Category, what: &impl fmt::Display) {
        if let Some(thread) = &self.0 {
            let line = line(category, what);
            if thread.work.try_send(Work::Line(line)).is_err() {
                thread.left_out.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Reporter for ReportFile {
    fn report(&mut self, Report { category, what, text }: &Report) {
        match text {
            Some(text) => self.write(*category, &format_args!("{what}: {text}")),
            None => self.write(*category, what),
        }
    }
}

/// Waits a short time for the last lines. A thread that hangs is not joined and ends
/// with the process.
impl Drop for ReportFile {
    fn drop(&mut self) {
        if let Some(Thread { work, emptied, .. }) = self.0.take() {
            drop(work);
            while emptied.recv_timeout(WAIT_MAX).is_ok() {}
        }
    }
}

/// A line of the server, made safe.
fn line(category: Category, what: &impl fmt::Display) -> String {
    format!("SERVER [{}] {}\n", category.as_str(), Safe(&what.to_string()))
}
