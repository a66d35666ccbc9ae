//! What the peer of a connection has acknowledged, and which message it has thereby received.
//!
//! A response with a message proves its receipt once the peer's TCP has acknowledged all of it
//! and the connection goes on, or ends in order: with a further byte of the client, or its FIN.
//! How much is acknowledged is sampled before such bytes are read, and what had come before the
//! end of the response was written does not count, so that what was sent without having seen the
//! response proves nothing. Under TLS the acknowledged bytes are ciphertext, and
//! the sample is older than the first byte of the record that they come in.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};
use postroom_model::Request;
use postroom_server::Received;

use super::link::Session;

/// What was written to a connection, and what of it was acknowledged.
#[derive(Debug, Default)]
pub(super) struct Receipts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Bytes that the socket has taken.
    written: u64,
    /// How many of them were acknowledged before the first byte came that was not passed on yet.
    acknowledged: Option<u64>,
    /// What had come of the client, and is not read yet, before the latest write.
    early: Received,
    /// Bytes have come that were not passed on yet: a part of a record of TLS.
    has_bytes: bool,
    is_broken: bool,
    owed: Option<Owed>,
}

/// A message in a response, and whose session confirms it.
#[derive(Debug)]
struct Owed {
    session: Arc<Session>,
    response: Response,
}

/// How far the response is.
#[derive(Clone, Copy, Debug)]
enum Response {
    Begun,
    /// All of it waits to be written.
    Whole,
    /// It ends with this byte.
    Written(u64),
}

/// The body of a response that confirms a message. Once it is dropped, all of it waits to be
/// written.
#[derive(Debug)]
pub(super) struct Awaited<B> {
    body: B,
    receipts: Arc<Receipts>,
}

impl<B: Body + Unpin> Body for Awaited<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Awaited<B> {
    fn drop(&mut self) {
        if let Some(owed) = &mut self.receipts.lock().owed
            && matches!(owed.response, Response::Begun)
        {
            owed.response = Response::Whole;
        }
    }
}

impl Receipts {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it has the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A response with this body is to confirm the messages that were handed out to a session.
    pub(super) fn awaited<B>(self: &Arc<Self>, session: Arc<Session>, body: B) -> Awaited<B> {
        let mut state = self.lock();
        if !state.is_broken {
            state.owed = Some(Owed { session, response: Response::Begun });
        }
        drop(state);
        Awaited { body, receipts: Arc::clone(self) }
    }

    /// Bytes are about to be written; `received` tells what waits to be read.
    pub(super) fn before_write(&self, received: impl FnOnce() -> Option<Received>) {
        let mut state = self.lock();
        let is_under_way = |owed: &Owed| !matches!(owed.response, Response::Written(_));
        if state.owed.as_ref().is_some_and(is_under_way) {
            // If nobody can tell, nothing proves it.
            state.early = received().unwrap_or(Received { bytes: 0, has_ended: true });
        }
    }

    /// The socket has taken bytes.
    pub(super) fn wrote(&self, bytes: usize) {
        self.lock().written += bytes as u64;
    }

    /// The socket has taken everything that was written.
    pub(super) fn flushed(&self) {
        let mut state = self.lock();
        let (written, has_ended) = (state.written, state.early.has_ended);
        let is_whole = |owed: &mut Owed| matches!(owed.response, Response::Whole);
        let unprovable = state.owed.take_if(|owed| is_whole(owed) && has_ended);
        if let Some(owed) =
            state.owed.as_mut().filter(|owed| matches!(owed.response, Response::Whole))
        {
            owed.response = Response::Written(written);
        }
        drop(state);
        drop(unprovable);
    }

    /// The socket is about to be read; `unacknowledged` tells how many bytes its peer has not
    /// acknowledged.
    pub(super) fn before_read(&self, unacknowledged: impl FnOnce() -> Option<u64>) {
        let mut state = self.lock();
        let is_awaited =
            state.owed.as_ref().is_some_and(|owed| matches!(owed.response, Response::Written(_)));
        // A record that has begun to come was sent without having seen the response, perhaps.
        let is_early = state.early.bytes > 0;
        if is_awaited && !is_early && state.acknowledged.is_none() && !state.has_bytes {
            state.acknowledged =
                unacknowledged().and_then(|bytes| state.written.checked_sub(bytes));
        }
    }

    /// The socket was read, and has given so many bytes, its end if none, or nothing.
    pub(super) fn read(&self, bytes: Option<usize>) {
        let mut state = self.lock();
        state.has_bytes |= bytes.is_some();
        state.early.bytes = state.early.bytes.saturating_sub(bytes.unwrap_or_default());
        if !state.has_bytes {
            state.acknowledged = None;
        }
    }

    /// The connection is broken. What is read of it after that proves nothing: the end of a
    /// connection that was reset looks like one in order.
    pub(super) fn broke(&self) {
        let mut state = self.lock();
        state.is_broken = true;
        let owed = state.owed.take();
        drop(state);
        drop(owed);
    }

    /// Bytes of the client, or the end of its side, are passed on.
    pub(super) fn received(&self) {
        let mut state = self.lock();
        let acknowledged = state.acknowledged.take();
        state.has_bytes = false;
        let is_proved = |owed: &mut Owed| match owed.response {
            Response::Written(end) => acknowledged.is_some_and(|acknowledged| acknowledged >= end),
            Response::Begun | Response::Whole => false,
        };
        let proved = state.owed.take_if(is_proved);
        drop(state);
        if let Some(Owed { session, .. }) = proved {
            // Its reply, which nobody waits for, comes before that of the next request. If it
            // cannot be asked, the message stays handed out until the connection ends.
            drop(session.send(Request::Confirm));
        }
    }
}
