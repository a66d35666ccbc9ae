//! The connections of a listener: as many as it has places for.
//!
//! A new connection takes the place of the first one that has not asked for anything: those
//! that do nothing keep nobody out.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::sleep;

/// How long to wait for a place while all connections have asked for something.
const PLACE_AGAIN_AFTER: Duration = Duration::from_millis(10);

/// The places of a listener.
#[derive(Debug)]
pub(crate) struct Places {
    /// From the first on.
    taken: VecDeque<Place>,
    most: usize,
}

#[derive(Debug)]
struct Place {
    task: AbortHandle,
    asks: Asks,
}

/// Whether a connection waits for something that it has asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asks(Arc<AtomicUsize>);

/// A connection waits for something as long as there is this.
#[derive(Debug)]
pub(crate) struct Held(Arc<AtomicUsize>);

impl Asks {
    /// It waits for something.
    pub(crate) fn hold(&self) -> Held {
        self.0.fetch_add(1, Ordering::Relaxed);
        Held(Arc::clone(&self.0))
    }

    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Places {
    pub(crate) fn new(most: usize) -> Self {
        Self { taken: VecDeque::new(), most }
    }

    /// Serves a connection on a task of its own, once there is a place for it.
    pub(crate) async fn serve<F>(&mut self, serve: impl FnOnce(Asks) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        while !self.has_room() {
            sleep(PLACE_AGAIN_AFTER).await;
        }
        let asks = Asks::default();
        let task = tokio::spawn(serve(asks.clone())).abort_handle();
        self.taken.push_back(Place { task, asks });
    }

    /// Closes a connection where there are as many as there may be; returns whether there is
    /// a place then.
    fn has_room(&mut self) -> bool {
        self.taken.retain(|place| !place.task.is_finished());
        if self.taken.len() < self.most {
            return true;
        }
        let idle = self.taken.iter().position(|place| !place.asks.get());
        let closed = idle.and_then(|at| self.taken.remove(at));
        closed.is_some_and(|place| {
            place.task.abort();
            true
        })
    }
}
