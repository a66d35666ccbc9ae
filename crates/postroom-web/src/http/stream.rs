//! The bytes of a connection: the socket, below TLS where the listener has it, and what HTTP
//! reads of it.

use std::future::Future as _;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use postroom_server::{received, unacknowledged_bytes};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::receipts::Receipts;

/// How long bytes may wait for a peer that takes none.
const STALL_LIMIT: Duration = Duration::from_secs(30);
/// When to look again whether a peer has left that has sent something which nobody reads yet.
const LEFT_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Reads of a connection in a row: then others have their turn.
const READS_MAX: u8 = 4;

/// A socket, which is broken if its peer takes nothing for too long.
#[derive(Debug)]
pub(super) struct Wire {
    socket: Arc<TcpStream>,
    receipts: Arc<Receipts>,
    /// When the peer must have taken something; `None` while nothing waits.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Reads since others had their turn.
    reads: u8,
}

impl Wire {
    pub(super) fn new(socket: Arc<TcpStream>, receipts: Arc<Receipts>) -> Self {
        Self { socket, receipts, stalled: None, reads: 0 }
    }

    fn write(
        &mut self,
        context: &mut Context<'_>,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            if self.socket.poll_write_ready(context)?.is_pending() {
                return self.stall(context);
            }
            self.receipts.before_write(|| received(&*self.socket).ok());
            match write(&self.socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => {
                    self.stalled = None;
                    self.receipts.wrote(written.as_ref().copied().unwrap_or_default());
                    return Poll::Ready(written);
                }
            }
        }
    }

    /// Something waits for the peer.
    fn stall(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL_LIMIT)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

/// Waits until the peer has closed its side, or the connection is broken.
pub(super) async fn left(socket: &TcpStream) {
    // What was read before leaves the socket ready; a look at it does not.
    while let Ok(1..) = socket.peek(&mut [0]).await {
        match socket.ready(Interest::READABLE).await {
            // Its end is behind something that is to be read first.
            Ok(ready) if !ready.is_read_closed() => sleep(LEFT_AGAIN_AFTER).await,
            _ => return,
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { socket, receipts, reads, .. } = self.get_mut();
        if *reads >= READS_MAX {
            *reads = 0;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            if socket.poll_read_ready(context)?.is_pending() {
                *reads = 0;
                receipts.read(None);
                return Poll::Pending;
            }
            receipts.before_read(|| unacknowledged_bytes(socket).ok()?.try_into().ok());
            match socket.try_read(buffer.initialize_unfilled()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(length) => {
                    buffer.advance(length);
                    // The end of the stream is something, too.
                    *reads += 1;
                    receipts.read(Some(length));
                    return Poll::Ready(Ok(()));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.write(context, |socket| socket.try_write(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(context, |socket| socket.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The socket takes what it is given at once.
        self.receipts.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&*self.socket).shutdown(Shutdown::Write))
    }
}

/// What HTTP reads and writes: plain bytes.
#[derive(Debug)]
pub(super) struct Plain<T> {
    stream: T,
    receipts: Arc<Receipts>,
}

impl<T> Plain<T> {
    pub(super) fn new(stream: T, receipts: Arc<Receipts>) -> Self {
        Self { stream, receipts }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Plain<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Under TLS an end without the end of TLS is an error here, and proves nothing.
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        match &read {
            Ok(()) => self.receipts.received(),
            Err(_) => self.receipts.broke(),
        }
        Poll::Ready(read)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Plain<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
