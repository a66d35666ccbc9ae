//! What programs that watch a server are told.

use std::time::Duration;

use postroom_engine::EngineMetrics;
use postroom_model::Histogram;

/// How a server is, and what it has done since it began.
#[derive(Clone, Debug)]
pub struct ServerMetrics {
    /// The engine's part.
    pub engine: EngineMetrics,
    /// The store's jobs that have stored something.
    pub commits: CommitMetrics,
    /// It accepts no more connections and ends.
    pub is_stopping: bool,
}

/// How long the store's jobs took, and where they run.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CommitMetrics {
    /// Jobs that have stored something, each with the wait for the disk.
    pub commit_times: Histogram,
    /// The waits for the disk alone.
    pub sync_times: Histogram,
    /// Whether jobs run on a thread of their own, as they do while the disk is slow.
    pub on_thread: bool,
    /// How long a job has run on that thread that has not ended.
    pub under_way_for: Option<Duration>,
}
