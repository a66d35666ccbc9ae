//! Streams: what they have in common, whatever they tell and however.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, Stream, StreamExt as _};
use postroom_model::{Mark, MessageId};
use tokio::sync::Notify;

use super::connection::{Client, Common};
use super::event::Event;
use super::link::{Session, Whose};
use super::problem::{Problem, TOO_MANY_STREAMS};
use super::websocket::{Transport, switching};

/// Streams of an account, and of an address without a login.
const OF_ONE_MAX: usize = 64;
/// A stream that has nothing to say says so after this long: else nobody knows that it is there.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(15);

/// How many streams there are.
#[derive(Debug)]
pub(super) struct Streams {
    most: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    of_each: HashMap<Whose, usize>,
}

/// The place of a stream, which it gives up when this is dropped.
pub(super) struct Place {
    common: Arc<Common>,
    whose: Whose,
}

/// What a stream tells next.
pub(super) enum Told {
    /// These events.
    Events(Vec<Event>),
    /// A message, which is removed once the client acknowledges it.
    Message(MessageId, Event),
    /// A live line. Its sender may wait for the client to acknowledge it, by this id.
    Line { id: String, mark: Option<Mark>, event: Event },
    /// Nothing, for a while.
    Quiet,
}

/// What a client is streamed, to its end.
pub(super) struct Telling {
    /// The session that messages are handed out to.
    pub(super) session: Arc<Session>,
    pub(super) told: Pin<Box<dyn Stream<Item = Told> + Send>>,
    /// The message that was told last is confirmed: it may go on.
    pub(super) confirmed: Arc<Notify>,
}

impl Streams {
    pub(super) fn new(most: usize) -> Self {
        Self { most, open: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Nothing panics while it has the lock.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, whose: &Whose) -> Result<(), Problem> {
        let mut open = self.lock();
        let of_one = open.of_each.get(whose).copied().unwrap_or_default();
        if of_one >= OF_ONE_MAX {
            let detail = format!("an account, or an address, has at most {OF_ONE_MAX} streams");
            return Err(Problem::new(&TOO_MANY_STREAMS, detail).later(30));
        }
        if open.all >= self.most {
            let detail = "the server has as many streams as it may have";
            return Err(Problem::new(&TOO_MANY_STREAMS, detail).later(30));
        }
        open.all += 1;
        *open.of_each.entry(whose.clone()).or_default() += 1;
        Ok(())
    }
}

impl Place {
    /// Takes a place for one more stream of a session.
    pub(super) fn take(common: &Arc<Common>, session: &Session) -> Result<Self, Problem> {
        common.streams.take(session.whose())?;
        Ok(Self { common: Arc::clone(common), whose: session.whose().clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.common.streams.lock();
        open.all -= 1;
        if let Some(of_one) = open.of_each.get_mut(&self.whose) {
            *of_one -= 1;
            if *of_one == 0 {
                open.of_each.remove(&self.whose);
            }
        }
    }
}

impl Telling {
    /// Begins to tell it.
    pub(super) fn respond(self, client: &Client, transport: Transport) -> Response {
        match transport {
            Transport::Events => events(self.told),
            Transport::WebSocket(accept) => {
                client.upgrade(self);
                switching(accept)
            }
        }
    }
}

/// Server-sent events.
fn events(told: impl Stream<Item = Told> + Send + 'static) -> Response {
    const UNBUFFERED: HeaderName = HeaderName::from_static("x-accel-buffering");
    let begun = stream::iter([Bytes::from_static(b"retry: 1000\n\n")]);
    let told = told.map(|told| match told {
        Told::Events(events) => joined(&events),
        // Nothing that comes this way proves that it has arrived.
        Told::Message(_, event) | Told::Line { event, .. } => event.rendered().clone(),
        Told::Quiet => Bytes::from_static(b":\n\n"),
    });
    let headers = [
        (CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (UNBUFFERED, "no"),
    ];
    (headers, Body::from_stream(begun.chain(told).map(Ok::<_, Infallible>))).into_response()
}

fn joined(events: &[Event]) -> Bytes {
    match events {
        [event] => event.rendered().clone(),
        _ => events.iter().flat_map(|event| event.rendered().iter().copied()).collect(),
    }
}
