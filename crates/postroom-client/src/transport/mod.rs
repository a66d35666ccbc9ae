//! The bytes of one connection to a server, whatever carries them.
//!
//! Nothing but this module knows that a connection is a TCP socket. All bytes
//! taken from the socket are handed out at once, so its readiness is all that a
//! caller must wait for; and [`Transport::watched`] says which readiness, so
//! that a transport which writes in order to read can be waited for as well.

mod connect;
mod dial_back;
mod tls;

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use socket2::{SockRef, TcpKeepalive};

use crate::signals::{Wait, is_transient};
use crate::tls_failure::TlsFailure;
use crate::trust::Trust;
use tls::Tls;

pub(crate) use dial_back::DialBack;

/// Bytes that one read takes.
const READ_BYTES: usize = 4_096;

/// An idle connection is probed after this time, ...
const PROBE_AFTER: Duration = Duration::from_secs(30);

/// ... then at this interval, ...
const PROBE_EVERY: Duration = Duration::from_secs(10);

/// ... and a server whose system has not answered for this long is gone.
pub(crate) const DEAD_AFTER: Duration = Duration::from_mins(1);

/// Bytes to and from a server. No call blocks, except [`connect`](Self::connect)
/// and [`wait`](Self::wait).
#[derive(Debug)]
pub(crate) struct Transport {
    stream: TcpStream,
    /// Set where the connection is TLS.
    tls: Option<Box<Tls>>,
    /// Bytes that the socket, or TLS, has not yet taken.
    unsent: Vec<u8>,
    /// Something has arrived.
    has_received: bool,
    /// Dropping it is an orderly end.
    ends_in_order: bool,
}

/// How an alert of TLS begins: what a server answers that expects TLS.
const ALERT: [u8; 2] = [21, 3];

/// The outcome of one read.
#[derive(Debug)]
pub(crate) enum Received {
    /// At least one byte.
    Bytes(Vec<u8>),
    /// No bytes have arrived.
    Nothing,
    /// The server has ended its side.
    End,
}

impl Transport {
    /// Connects to the first of the addresses that answers, within `timeout`.
    ///
    /// Dropping the transport resets the connection until
    /// [`close_in_order`](Self::close_in_order) is called.
    pub(crate) fn connect(
        addresses: &[SocketAddr],
        trust: Option<&Trust>,
        timeout: Duration,
        wait: &mut dyn Wait,
    ) -> io::Result<Self> {
        let deadline = Instant::now() + timeout;
        let mut transport = connect::connect(addresses, timeout, wait).map(Self::over)?;
        if let Some(trust) = trust {
            transport.tls = Some(Box::new(Tls::new(trust)?));
            transport.shake_hands(deadline, wait)?;
        }
        Ok(transport)
    }

    fn shake_hands(&mut self, deadline: Instant, wait: &mut dyn Wait) -> io::Result<()> {
        loop {
            self.flush()?;
            if !self.tls.as_ref().is_some_and(|tls| tls.is_shaking_hands()) {
                return Ok(());
            }
            self.wait(true, deadline, wait)?;
            if let Some(tls) = &mut self.tls {
                tls.shake_hands(&mut self.stream)?;
            }
        }
    }

    /// Whether the connection is TLS.
    pub(crate) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Takes over a connected stream that does not block.
    fn over(stream: TcpStream) -> Self {
        Self { stream, tls: None, unsent: Vec::new(), has_received: false, ends_in_order: false }
    }

    /// Queues bytes, and sends as many as the socket takes. Where that fails,
    /// nothing stays queued.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.unsent.extend_from_slice(bytes);
        self.flush()
    }

    /// Sends as many queued bytes as the socket takes. Where that fails, nothing
    /// stays queued.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            let flushed = tls.flush(&mut self.stream, &mut self.unsent);
            return flushed.inspect_err(|_| self.unsent.clear());
        }
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(written) => drop(self.unsent.drain(..written)),
                Err(error) if is_transient(&error) => break,
                Err(error) => {
                    self.unsent.clear();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// How many queued bytes the socket has not yet taken; over TLS at least one while it
    /// has not taken all.
    pub(crate) fn unsent_bytes(&self) -> usize {
        self.unsent.len().max(usize::from(self.has_unsent()))
    }

    fn has_unsent(&self) -> bool {
        !self.unsent.is_empty() || self.tls.as_ref().is_some_and(|tls| tls.has_unsent())
    }

    /// Reads once.
    pub(crate) fn receive(&mut self) -> io::Result<Received> {
        if let Some(tls) = &mut self.tls {
            return tls.receive(&mut self.stream);
        }
        let mut bytes = vec![0; READ_BYTES];
        match self.stream.read(&mut bytes) {
            Ok(0) => Ok(Received::End),
            Ok(count) => {
                bytes.truncate(count);
                let is_first = !std::mem::replace(&mut self.has_received, true);
                if is_first && bytes.starts_with(&ALERT) {
                    return Err(TlsFailure::Wanted.into());
                }
                Ok(Received::Bytes(bytes))
            }
            Err(error) if is_transient(&error) => Ok(Received::Nothing),
            Err(error) => Err(error),
        }
    }

    /// Ends this side once all queued bytes are sent; the server may go on.
    pub(crate) fn half_close(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            return tls.half_close(&mut self.stream);
        }
        self.stream.shutdown(Shutdown::Write)
    }

    /// What to poll, and for what: for queued bytes to be sent, and for bytes to
    /// arrive where the caller is `receiving`.
    pub(crate) fn watched(&self, receiving: bool) -> (BorrowedFd<'_>, PollFlags) {
        let reading = if receiving { PollFlags::IN } else { PollFlags::empty() };
        let writing = if self.has_unsent() { PollFlags::OUT } else { PollFlags::empty() };
        (self.stream.as_fd(), reading | writing)
    }

    /// Waits until what is [`watched`](Self::watched) is ready. Fails with
    /// `TimedOut` at the deadline, even where bytes are ready, so that a server
    /// which never stops sending cannot postpone it; and with `Interrupted` by a
    /// signal.
    pub(crate) fn wait(
        &self,
        receiving: bool,
        deadline: Instant,
        wait: &mut dyn Wait,
    ) -> io::Result<()> {
        if Instant::now() >= deadline {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let (watched, events) = self.watched(receiving);
        wait.wait(watched, events, Some(deadline))
    }

    /// From now on dropping the transport ends the connection with a FIN.
    pub(crate) fn close_in_order(&mut self) -> io::Result<()> {
        self.ends_in_order = true;
        SockRef::from(&self.stream).set_linger(None)
    }

    /// Has the system notice a dead server while the connection is idle. Returns
    /// how long that takes.
    pub(crate) fn keep_alive(&self) -> io::Result<Duration> {
        let socket = SockRef::from(&self.stream);
        let probes = TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_EVERY);
        socket.set_tcp_keepalive(&probes)?;
        socket.set_tcp_user_timeout(Some(DEAD_AFTER))?;
        Ok(DEAD_AFTER)
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        if let (true, Some(tls)) = (self.ends_in_order, &mut self.tls) {
            tls.close(&mut self.stream);
        }
    }
}
