//! Long answers: lines of JSON that are read from the store while the client takes them.
//!
//! A page of the store is read when there is room for it, on a thread that may wait. A
//! client that takes nothing holds up nobody: nothing is read meanwhile, and once it has
//! taken nothing for [`IDLE_LIMIT`], another answer may take its slot.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Bytes, Frame};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, spawn_blocking};

use super::stopped;
use crate::api::Problem;
use crate::archive::{Line, ReadFailure, Reading};
use crate::orders::problem;

/// How long a client may take nothing of its answer while another one waits.
const IDLE_LIMIT: Duration = Duration::from_secs(30);

/// Holds the one answer of a kind that may be under way.
#[derive(Clone, Default)]
pub(super) struct Slot(Arc<Mutex<Option<UnderWay>>>);

/// An answer that is under way.
struct UnderWay {
    task: AbortHandle,
    /// Since when it waits for its client to take something, if it does.
    waits_since: Option<Instant>,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Option<UnderWay>> {
        // It is one value, whole even where a thread panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers, unless another answer of this kind is under way.
    pub(super) async fn answer<L: Line>(
        &self,
        begin: impl FnOnce() -> Result<Box<dyn Reading<L>>, ReadFailure> + Send + 'static,
    ) -> Result<Response, Problem> {
        let (told, head) = oneshot::channel();
        // One page waits for the client, besides that which HTTP has.
        let (pages, body) = mpsc::channel(1);
        self.begin(Instant::now(), |slot| {
            tokio::spawn(tell(begin, slot, told, pages)).abort_handle()
        })?;
        head.await.map_err(|_| stopped())??;
        Ok(([(CONTENT_TYPE, "application/jsonl")], Body::new(Pages(body))).into_response())
    }

    fn begin(&self, now: Instant, start: impl FnOnce(Self) -> AbortHandle) -> Result<(), Problem> {
        let mut under_way = self.lock();
        if let Some(UnderWay { task, waits_since }) = &*under_way {
            let is_idle = waits_since.is_some_and(|since| now.duration_since(since) >= IDLE_LIMIT);
            if !task.is_finished() && !is_idle {
                let detail = "another answer of this kind is under way; try again";
                return Err(problem(StatusCode::SERVICE_UNAVAILABLE, "busy", detail));
            }
            task.abort();
        }
        *under_way = Some(UnderWay { task: start(self.clone()), waits_since: None });
        Ok(())
    }

    /// Since when the answer waits for its client.
    fn set_waits(&self, since: Option<Instant>) {
        if let Some(under_way) = &mut *self.lock() {
            under_way.waits_since = since;
        }
    }
}

/// Tells page after page. Ends if the client has gone.
async fn tell<L: Line>(
    begin: impl FnOnce() -> Result<Box<dyn Reading<L>>, ReadFailure> + Send + 'static,
    slot: Slot,
    told: oneshot::Sender<Result<(), Problem>>,
    pages: mpsc::Sender<Bytes>,
) {
    let mut told = Some(told);
    let mut reading = spawn_blocking(begin).await;
    loop {
        let page = match reading {
            Ok(Ok(reading)) => spawn_blocking(move || page(reading)).await,
            Ok(Err(failure)) => Ok(Err(failure)),
            // A panic, or the server stops: there is no end to the answer.
            Err(_) => return,
        };
        let (lines, rest) = match page {
            Ok(Ok((lines, rest))) => (lines, rest),
            Ok(Err(failure)) => match told.take() {
                // Nothing was told yet, so the status can say it.
                Some(told) => return drop(told.send(Err(failure.into()))),
                None => (json(&[L::failed(&failure)]), None),
            },
            Err(_) => return,
        };
        if !lines.is_empty() {
            if let Some(told) = told.take() {
                // Who no longer waits for it takes no page either.
                let _ = told.send(Ok(()));
            }
            slot.set_waits(Some(Instant::now()));
            // An error: the client has gone.
            let _ = pages.send(lines).await;
            slot.set_waits(None);
        }
        match rest {
            Some(rest) if !pages.is_closed() => reading = Ok(Ok(rest)),
            _ => return,
        }
    }
}

/// A page, and what reads the next one, if there is one.
type Read<L> = Result<(Bytes, Option<Box<dyn Reading<L>>>), ReadFailure>;

fn page<L: Line>(mut reading: Box<dyn Reading<L>>) -> Read<L> {
    let mut lines = Vec::new();
    let has_more = reading.page(&mut lines)?;
    Ok((json(&lines), has_more.then_some(reading)))
}

fn json<L: Line>(lines: &[L]) -> Bytes {
    let mut json = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut json, line).expect("a line can be JSON");
        json.push(b'\n');
    }
    json.into()
}

/// The pages, as the body of a response.
struct Pages(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Pages {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|page| page.map(|page| Ok(Frame::data(page))))
    }
}

impl From<ReadFailure> for Problem {
    fn from(failure: ReadFailure) -> Self {
        let detail = failure.to_string();
        match failure {
            ReadFailure::NoSuchAccount(name) => Self {
                account: Some(name.to_string()),
                ..problem(StatusCode::NOT_FOUND, "no-such-account", &detail)
            },
            ReadFailure::Gone(name) => Self {
                account: Some(name.to_string()),
                ..problem(StatusCode::CONFLICT, "gone", &detail)
            },
            ReadFailure::Store(_) => {
                problem(StatusCode::INTERNAL_SERVER_ERROR, "unreadable", &detail)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn a_client_that_takes_nothing_gives_way_after_the_limit() {
        Builder::new_current_thread().build().unwrap().block_on(async {
            let (slot, now) = (Slot::default(), Instant::now());
            let (first, second) = (tokio::spawn(pending::<()>()), tokio::spawn(pending::<()>()));
            slot.begin(now, |_| first.abort_handle()).unwrap();
            let late = now + IDLE_LIMIT;
            let refused = slot.begin(late, |_| unreachable!("it reads still")).unwrap_err();
            assert_eq!((refused.status, refused.problem.as_str()), (503, "busy"));
            slot.set_waits(Some(now + Duration::from_millis(1)));
            slot.begin(late, |_| unreachable!("a moment is left")).unwrap_err();
            slot.set_waits(Some(now));
            slot.begin(late, |_| second.abort_handle()).unwrap();
            assert!(first.await.unwrap_err().is_cancelled());
            second.abort();
            assert!(second.await.unwrap_err().is_cancelled());
            slot.begin(late, |_| tokio::spawn(async {}).abort_handle()).unwrap();
        });
    }
}
