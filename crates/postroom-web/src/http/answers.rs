//! Long answers that wait for their clients: together they take a limited amount of memory.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use postroom_engine::HttpConnection;

use super::connections::Connections;

/// Bytes of all long answers that their clients have not taken yet. Beyond, the connection with
/// the oldest of them is closed: a client that reads is done with it before.
const ALL_BYTES_MAX: usize = 64 << 20;
/// Bytes of an answer that counts, and of a part in which it is passed on: of what is passed on,
/// a connection holds little more than that.
const PART_BYTES: usize = 16 << 10;

/// The long answers under way.
#[derive(Debug)]
pub(super) struct Answers {
    connections: Arc<Connections>,
    all: Mutex<All>,
}

#[derive(Debug, Default)]
struct All {
    /// From the oldest on: whose, and of how many bytes.
    answers: BTreeMap<u64, (HttpConnection, usize)>,
    bytes: usize,
    last: u64,
}

/// A long answer, which is passed on in parts. It counts until this is dropped.
struct Answer {
    answers: Arc<Answers>,
    number: u64,
    body: Body,
    /// What the body has given and was not passed on yet.
    waiting: Bytes,
    /// Bytes that were not passed on yet.
    left: u64,
}

impl Answers {
    pub(super) fn new(connections: Arc<Connections>) -> Self {
        Self { connections, all: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        // Nothing panics while it has the lock.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the answer of a connection, if it is long; others may be closed for it.
    pub(super) fn hold(self: &Arc<Self>, connection: HttpConnection, body: Body) -> Body {
        let Some(left) = body.size_hint().exact() else {
            return body;
        };
        let bytes = usize::try_from(left).unwrap_or(usize::MAX);
        if bytes <= PART_BYTES {
            return body;
        }
        let (number, closed) = self.lock().add(connection, bytes);
        for connection in closed {
            self.connections.close(connection);
        }
        Body::new(Answer { answers: Arc::clone(self), number, body, waiting: Bytes::new(), left })
    }
}

impl All {
    /// Counts an answer; returns its number, and the connections that give way to it.
    fn add(&mut self, connection: HttpConnection, bytes: usize) -> (u64, Vec<HttpConnection>) {
        self.last += 1;
        let mut closed = Vec::new();
        while self.bytes.saturating_add(bytes) > ALL_BYTES_MAX {
            let Some((_, (oldest, bytes))) = self.answers.pop_first() else {
                break;
            };
            self.bytes -= bytes;
            closed.push(oldest);
        }
        self.answers.insert(self.last, (connection, bytes));
        self.bytes += bytes;
        (self.last, closed)
    }

    fn remove(&mut self, number: u64) {
        if let Some((_, bytes)) = self.answers.remove(&number) {
            self.bytes -= bytes;
        }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Self { body, waiting, left, .. } = self.get_mut();
        if waiting.is_empty() {
            match ready!(Pin::new(body).poll_frame(context)).transpose()? {
                Some(frame) => match frame.into_data() {
                    Ok(data) => *waiting = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                None => return Poll::Ready(None),
            }
        }
        let length = waiting.len().min(PART_BYTES);
        *left = left.saturating_sub(length as u64);
        Poll::Ready(Some(Ok(Frame::data(waiting.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.answers.lock().remove(self.number);
    }
}
