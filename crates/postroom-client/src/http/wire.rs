//! The bytes of a connection, as hyper takes them: the transport of all clients, with its
//! time-outs, signals and TLS.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};

use crate::transport::{Received, Transport};

/// Bytes of the beginning of what came that are kept, to tell which listener it is.
const BEGIN_BYTES: usize = 256;

/// A transport, and what hyper does not say of it.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) transport: Transport,
    /// What has come and was not yet taken.
    left: Vec<u8>,
    /// The first of what has come.
    begin: Vec<u8>,
    /// Hyper waits for more.
    is_receiving: bool,
    /// Why the transport failed; hyper gets only the kind of it.
    failure: Option<io::Error>,
}

impl Wire {
    pub(super) fn new(transport: Transport) -> Self {
        let (left, begin) = (Vec::new(), Vec::new());
        Self { transport, left, begin, is_receiving: false, failure: None }
    }

    /// Before hyper goes on: returns whether it waited for bytes since the last call.
    pub(super) fn take_receiving(&mut self) -> bool {
        std::mem::take(&mut self.is_receiving)
    }

    /// Why the transport failed, if it has.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// The first line of what has come, if anything has.
    pub(super) fn first_line(&self) -> Option<String> {
        let line = self.begin.split(|byte| *byte == b'\n').next().unwrap_or_default();
        (!self.begin.is_empty()).then(|| String::from_utf8_lossy(line).into_owned())
    }

    fn fail(&mut self, error: io::Error) -> io::Error {
        let kind = error.kind();
        self.failure = Some(error);
        kind.into()
    }

    fn receive(&mut self) -> io::Result<Received> {
        let received = self.transport.receive()?;
        if let Received::Bytes(bytes) = &received {
            let missing = BEGIN_BYTES - self.begin.len();
            self.begin.extend(bytes.iter().take(missing));
        }
        Ok(received)
    }
}

/// One end of a [`Wire`], which hyper owns.
#[derive(Debug)]
pub(super) struct End(pub(super) Rc<RefCell<Wire>>);

impl Read for End {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = &mut *self.0.borrow_mut();
        if wire.left.is_empty() {
            match wire.receive() {
                Ok(Received::Bytes(bytes)) => wire.left = bytes,
                Ok(Received::End) => return Poll::Ready(Ok(())),
                Ok(Received::Nothing) => {
                    wire.is_receiving = true;
                    return Poll::Pending;
                }
                Err(error) => return Poll::Ready(Err(wire.fail(error))),
            }
        }
        let length = wire.left.len().min(buffer.remaining());
        buffer.put_slice(&wire.left[..length]);
        wire.left.drain(..length);
        Poll::Ready(Ok(()))
    }
}

impl Write for End {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // A request is short, so all of it may wait here.
        let wire = &mut *self.0.borrow_mut();
        let sent = wire.transport.send(bytes);
        Poll::Ready(sent.map(|()| bytes.len()).map_err(|error| wire.fail(error)))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = &mut *self.0.borrow_mut();
        match wire.transport.flush() {
            Ok(()) if wire.transport.unsent_bytes() > 0 => Poll::Pending,
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(wire.fail(error))),
        }
    }

    /// The connection ends when it is dropped.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
