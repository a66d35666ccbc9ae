//! Where the store's jobs run: in the event loop while the disk is fast, on a thread of
//! their own once it is slow.
//!
//! The loop is faster: no job is handed from one thread to another. But whoever is in the
//! loop waits for the disk.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use postroom_store::{Job, JobDone, Timestamp};

use crate::metrics::CommitMetrics;

/// So long no sync has been slow when the disk counts as fast again.
const FAST_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A group of so many calls does not wait for more: enough of them share its sync.
const LARGE_GROUP: usize = 64;

/// So long a small group waits for more at most.
pub(crate) const GATHERING: Duration = Duration::from_millis(1);

/// Where the store's jobs run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CommitPath {
    /// In the event loop, or on a thread while the disk is slow.
    Auto,
    /// In the event loop.
    Inline,
    /// On a thread.
    Thread,
}

/// The settings of commits.
#[derive(Clone, Copy, Debug)]
pub struct CommitSettings {
    /// Where they run.
    pub path: CommitPath,
    /// A sync that takes longer is slow.
    pub slow_sync: Duration,
}

impl Default for CommitSettings {
    fn default() -> Self {
        Self { path: CommitPath::Auto, slow_sync: Duration::from_millis(10) }
    }
}

/// Decides where the next job runs.
#[derive(Debug)]
pub(crate) struct Commits {
    settings: CommitSettings,
    /// When a sync was slow, while the disk counts as slow.
    slow_at: Option<Instant>,
    /// Clients have been sent something since the loop last slept.
    has_sent: bool,
    /// The next group waits for more calls.
    gathers: bool,
    metrics: CommitMetrics,
    /// Since when a job on the thread has not ended.
    under_way_since: Option<Instant>,
}

/// What a job came to, and how long it ran.
#[derive(Debug)]
pub(crate) struct Ran<D> {
    pub(crate) done: D,
    took: Duration,
    /// When it had run.
    at: Instant,
}

/// Runs a job.
pub(crate) fn run<J: Job>(job: J) -> Ran<J::Done> {
    let begun = Instant::now();
    let done = job.run();
    let at = Instant::now();
    Ran { done, took: at.saturating_duration_since(begun), at }
}

/// Another place for the jobs, and why.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    /// To the thread: a sync took so long.
    ToThread(Duration),
    /// Back to the event loop.
    ToLoop,
}

impl Commits {
    pub(crate) fn new(settings: CommitSettings) -> Self {
        Self {
            settings,
            slow_at: None,
            has_sent: false,
            gathers: false,
            metrics: CommitMetrics::default(),
            under_way_since: None,
        }
    }

    pub(crate) fn set_settings(&mut self, settings: CommitSettings) {
        self.settings = settings;
    }

    /// Whether the next job runs on the thread.
    pub(crate) fn use_thread(&self) -> bool {
        match self.settings.path {
            CommitPath::Auto => self.slow_at.is_some(),
            CommitPath::Inline => false,
            CommitPath::Thread => true,
        }
    }

    /// Clients are sent something: they may have more to ask once they have read it.
    pub(crate) fn sent(&mut self) {
        self.has_sent = true;
    }

    /// The loop has slept: what clients asked in answer has arrived.
    pub(crate) fn slept(&mut self) {
        self.has_sent = false;
    }

    /// Whether a group of so many calls waits until the loop has polled once more, for
    /// [`GATHERING`] at most. To be asked once before each group.
    ///
    /// A group on the thread begins while clients still read the answers to the group before
    /// it. What they ask next would miss it, and so on: half of the clients would wait for
    /// the sync of the other half, in turns.
    pub(crate) fn gathers(&mut self, calls: usize) -> bool {
        let is_small = (1..LARGE_GROUP).contains(&calls);
        let has_waited = self.gathers;
        self.gathers = self.use_thread() && self.has_sent && is_small && !has_waited;
        self.gathers
    }

    /// Whether the next group waits for more calls.
    pub(crate) fn is_gathering(&self) -> bool {
        self.gathers
    }

    /// A job begins to run on the thread.
    pub(crate) fn began_on_thread(&mut self, now: Instant) {
        self.under_way_since.get_or_insert(now);
    }

    /// A job on the thread has ended; others may not have.
    pub(crate) fn ended_on_thread(&mut self, now: Instant, has_others: bool) {
        self.under_way_since = has_others.then_some(now);
    }

    /// Counts a job that has run, and returns where the next ones run, if that changes.
    pub(crate) fn ran<D: JobDone>(&mut self, ran: &Ran<D>) -> Option<Change> {
        let sync_time = ran.done.sync_time()?;
        self.metrics.commit_times.add(ran.took, 1);
        self.metrics.sync_times.add(sync_time, 1);
        self.synced(ran.at, sync_time)
    }

    pub(crate) fn metrics(&self, now: Instant) -> CommitMetrics {
        let under_way = self.under_way_since.map(|since| now.saturating_duration_since(since));
        CommitMetrics { on_thread: self.use_thread(), under_way_for: under_way, ..self.metrics }
    }

    /// Takes how long a sync took that has just ended.
    fn synced(&mut self, now: Instant, took: Duration) -> Option<Change> {
        if self.settings.path != CommitPath::Auto {
            return None;
        }
        match self.slow_at {
            _ if took > self.settings.slow_sync => {
                let is_new = self.slow_at.replace(now).is_none();
                is_new.then_some(Change::ToThread(took))
            }
            Some(slow_at) if now.saturating_duration_since(slow_at) >= FAST_AGAIN_AFTER => {
                self.slow_at = None;
                Some(Change::ToLoop)
            }
            _ => None,
        }
    }

    /// Writes a line to the log about a change.
    pub(crate) fn log(&self, change: Change) {
        let limit_ms = millis(self.settings.slow_sync);
        match change {
            Change::ToThread(took) => tracing::info!(
                sync_ms = millis(took),
                "the disk is slow: a sync took longer than store.slow_sync_ms ({limit_ms}); \
                 commits run on a thread of their own"
            ),
            Change::ToLoop => tracing::info!(
                "the disk is fast again: no sync took longer than store.slow_sync_ms \
                 ({limit_ms}) for a second; commits run in the event loop"
            ),
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The time that is kept with what is stored.
#[must_use]
pub fn timestamp() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Duration = Duration::from_millis(10);
    const SLOW: Duration = Duration::from_millis(11);

    #[test]
    fn one_slow_sync_turns_to_the_thread_and_a_second_of_fast_ones_back() {
        let mut commits = Commits::new(CommitSettings::default());
        let begun = Instant::now();
        let at = |millis| begun + Duration::from_millis(millis);
        assert_eq!(commits.synced(at(0), FAST), None);
        assert!(!commits.use_thread());
        assert_eq!(commits.synced(at(10), SLOW), Some(Change::ToThread(SLOW)));
        assert_eq!(commits.synced(at(900), FAST), None);
        assert_eq!(commits.synced(at(950), SLOW), None);
        assert_eq!(commits.synced(at(1_949), FAST), None);
        assert!(commits.use_thread());
        assert_eq!(commits.synced(at(1_950), FAST), Some(Change::ToLoop));
        assert!(!commits.use_thread());
    }

    #[test]
    fn a_small_group_waits_once_for_clients_that_read_their_answers() {
        let settings = CommitSettings { path: CommitPath::Thread, ..CommitSettings::default() };
        let mut commits = Commits::new(settings);
        assert!(!commits.gathers(1), "no client has an answer to read");
        commits.sent();
        assert!(!commits.gathers(0), "there is no group");
        assert!(commits.gathers(1));
        assert!(commits.is_gathering());
        assert!(!commits.gathers(1), "it has waited");
        assert!(!commits.gathers(LARGE_GROUP));
        assert!(commits.gathers(LARGE_GROUP - 1));
        commits.slept();
        assert!(!commits.gathers(1));
        assert!(!commits.gathers(1), "the loop has slept since");
        assert!(!commits.is_gathering());
    }

    #[test]
    fn in_the_loop_no_group_waits() {
        let mut commits = Commits::new(CommitSettings::default());
        commits.sent();
        assert!(!commits.gathers(1));
    }

    #[test]
    fn a_path_that_is_set_stays() {
        for (path, use_thread) in [(CommitPath::Inline, false), (CommitPath::Thread, true)] {
            let mut commits = Commits::new(CommitSettings { path, ..CommitSettings::default() });
            let now = Instant::now();
            for (after, took) in [(0, SLOW), (2, FAST), (4, FAST)] {
                assert_eq!(commits.synced(now + Duration::from_secs(after), took), None);
                assert_eq!(commits.use_thread(), use_thread);
            }
        }
    }
}
