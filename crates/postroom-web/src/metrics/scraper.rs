//! What the server answers to those who watch it: asked once a second at most, for all.

use std::path::PathBuf;
use std::time::Duration;

use hyper::body::Bytes;
use postroom_server::{Administrator, NotAsked, ServerMetrics};
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::sync::oneshot::{self, error::TryRecvError};
use tokio::time::{Instant, timeout};

use super::families;
use super::process::Process;

/// How long an answer is told again.
const FRESH: Duration = Duration::from_secs(1);
/// How long the event loop may take to answer, and a commit to run, in a healthy server.
const HEALTHY: Duration = Duration::from_secs(2);

/// Why a server is not healthy.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(super) enum Unhealthy {
    #[error("the server has not answered for {} s", HEALTHY.as_secs())]
    Silent,
    #[error("as many questions wait for the server as may")]
    Busy,
    #[error("a commit has waited for the disk for {} s", HEALTHY.as_secs())]
    DiskHangs,
    #[error("the server stops")]
    Stops,
}

impl From<NotAsked> for Unhealthy {
    fn from(not_asked: NotAsked) -> Self {
        match not_asked {
            NotAsked::Busy => Self::Busy,
            NotAsked::Stopped => Self::Stops,
        }
    }
}

/// An answer of the server.
#[derive(Clone, Debug)]
pub(super) struct Page {
    /// The metrics.
    pub(super) metrics: Bytes,
    pub(super) health: Result<(), Unhealthy>,
}

/// Asks the server for those who watch it.
#[derive(Debug)]
pub(crate) struct Scraper(Mutex<Asking>);

struct Asking {
    administrator: Administrator,
    process: Process,
    /// The latest answer, or why there was none, and when that was.
    latest: Option<(Instant, Result<Page, Unhealthy>)>,
    /// A question without an answer. There is never another one, however long the event
    /// loop hangs, and however many ask and go away.
    asked: Option<oneshot::Receiver<ServerMetrics>>,
}

impl std::fmt::Debug for Asking {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Asking").field("latest", &self.latest).finish_non_exhaustive()
    }
}

impl Scraper {
    /// One for a server that keeps its data in this folder.
    pub(crate) fn new(administrator: Administrator, data: PathBuf) -> Self {
        let process = Process::new(data);
        Self(Mutex::new(Asking { administrator, process, latest: None, asked: None }))
    }

    /// What the server answers, or has answered within the last second. All who ask
    /// meanwhile wait for one answer.
    pub(super) async fn page(&self) -> Result<Page, Unhealthy> {
        let mut asking = self.0.lock().await;
        if let Some((at, latest)) = &asking.latest
            && at.elapsed() < FRESH
        {
            return latest.clone();
        }
        let answer = asking.ask().await;
        let page = match answer {
            Ok(metrics) => Ok(asking.page(&metrics).await),
            Err(unhealthy) => Err(unhealthy),
        };
        asking.latest = Some((Instant::now(), page.clone()));
        page
    }
}

impl Asking {
    /// Asks, or goes on to wait for the answer to a question that nobody waits for any
    /// more. What was answered to that is old by now.
    async fn ask(&mut self) -> Result<ServerMetrics, Unhealthy> {
        let waits = |mut asked: oneshot::Receiver<_>| {
            matches!(asked.try_recv(), Err(TryRecvError::Empty)).then_some(asked)
        };
        let kept = self.asked.take().and_then(waits);
        let asked = kept.map_or_else(|| self.question(), Ok)?;
        // Who asks may go away at any time: the question stays.
        let asked = self.asked.insert(asked);
        let answer = timeout(HEALTHY, asked).await.map_err(|_| Unhealthy::Silent)?;
        self.asked = None;
        answer.map_err(|_| Unhealthy::Stops)
    }

    fn question(&self) -> Result<oneshot::Receiver<ServerMetrics>, NotAsked> {
        let (told, asked) = oneshot::channel();
        self.administrator.ask_metrics(move |metrics| drop(told.send(metrics)))?;
        Ok(asked)
    }

    async fn page(&mut self, server: &ServerMetrics) -> Page {
        let process = self.process.metrics().await;
        Page { metrics: families::page(server, &process).into(), health: health(server) }
    }
}

/// A full disk is no reason: a server that is started again has no more room, and what is
/// unread can be read.
fn health(server: &ServerMetrics) -> Result<(), Unhealthy> {
    if server.is_stopping {
        return Err(Unhealthy::Stops);
    }
    match server.commits.under_way_for {
        Some(time) if time > HEALTHY => Err(Unhealthy::DiskHangs),
        _ => Ok(()),
    }
}
