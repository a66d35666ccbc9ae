//! Signals, and waits that a signal interrupts.
//!
//! A signal's handler writes into a socket pair, and every wait watches the other
//! end. A signal between two waits is therefore not missed.

use std::io::{self, Read as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Waits for a file, and for whatever else a client looks after meanwhile.
pub(crate) trait Wait {
    /// Waits until `watched` is ready for one of `events`.
    ///
    /// Fails with `TimedOut` when `deadline` passes, and with `Interrupted` when the client is
    /// to end.
    fn wait(
        &mut self,
        watched: BorrowedFd<'_>,
        events: PollFlags,
        deadline: Option<Instant>,
    ) -> io::Result<()>;
}

/// Looks after signals alone.
impl Wait for &Signals {
    fn wait(
        &mut self,
        watched: BorrowedFd<'_>,
        events: PollFlags,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        Signals::wait(self, watched, events, deadline)
    }
}

/// Watches for some signals; the default watches for none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Signals {
    wake: Option<Rc<UnixStream>>,
    /// An output whose reader may go.
    output: Option<Rc<OwnedFd>>,
}

impl Signals {
    /// Watches for SIGINT, which loses its default action for good: call it in a
    /// process that ends with this client.
    pub(crate) fn listen() -> io::Result<Self> {
        Self::on(&[SIGINT])
    }

    /// Does as [`listen`](Self::listen) for every signal that asks a process to
    /// end, so that the client can restore the terminal first.
    pub(crate) fn listen_to_all() -> io::Result<Self> {
        Self::on(&[SIGINT, SIGTERM, SIGHUP])
    }

    /// Watches for what asks a process to end. The second time it ends at once, as it must where
    /// its output is stuck.
    pub(crate) fn listen_to_first() -> io::Result<Self> {
        let signals = [SIGINT, SIGTERM];
        let has_come = Arc::new(AtomicBool::new(false));
        for signal in signals {
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&has_come))?;
            signal_hook::flag::register(signal, Arc::clone(&has_come))?;
        }
        Self::on(&signals)
    }

    /// Watches for the end of whoever reads the standard output, too: it is a signal like the
    /// others. So what follows another command to a pipe ends with `head`.
    pub(crate) fn or_unread_output(self) -> io::Result<Self> {
        let output = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self { output: Some(Rc::new(output)), ..self })
    }

    /// Waits for so long. Fails with `Interrupted` when a signal arrives or has arrived before.
    pub(crate) fn pause(&self, pause: Duration) -> io::Result<()> {
        match self.wait_for_any([], Some(Instant::now() + pause)) {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(()),
            waited => waited,
        }
    }

    /// Watches for `signals`.
    pub(crate) fn on(signals: &[i32]) -> io::Result<Self> {
        let (wake, handler_end) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        for &signal in signals {
            signal_hook::low_level::pipe::register(signal, handler_end.try_clone()?)?;
        }
        Ok(Self { wake: Some(Rc::new(wake)), output: None })
    }

    /// The file that becomes readable when a signal arrives.
    pub(crate) fn watched(&self) -> Option<BorrowedFd<'_>> {
        self.wake.as_deref().map(AsFd::as_fd)
    }

    /// Whether a signal has arrived since the last call.
    pub(crate) fn take(&self) -> bool {
        let mut bytes = [0; 64];
        self.wake.as_deref().is_some_and(|mut wake| matches!(wake.read(&mut bytes), Ok(1..)))
    }

    /// Waits until `watched` is ready for one of `events`.
    ///
    /// Fails with `TimedOut` when `deadline` passes, and with `Interrupted` when a
    /// signal arrives or has arrived before and was not taken.
    pub(crate) fn wait(
        &self,
        watched: BorrowedFd<'_>,
        events: PollFlags,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        self.wait_for_any([(watched, events)], deadline)
    }

    /// Does as [`wait`](Self::wait) until any of `watched` is ready.
    pub(crate) fn wait_for_any<'a>(
        &self,
        watched: impl IntoIterator<Item = (BorrowedFd<'a>, PollFlags)>,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        self.wait_for_each(watched, deadline).map(drop)
    }

    /// Does the same, and returns of each whether it is ready.
    pub(crate) fn wait_for_each<'a>(
        &self,
        watched: impl IntoIterator<Item = (BorrowedFd<'a>, PollFlags)>,
        deadline: Option<Instant>,
    ) -> io::Result<Vec<bool>> {
        let as_polled = |(fd, events)| PollFd::from_borrowed_fd(fd, events);
        // The signals are first, so that they are easy to find below. An error of an output is
        // told whatever is asked for.
        let wake = self.watched().map(|wake| PollFd::from_borrowed_fd(wake, PollFlags::IN));
        let output = self.output.as_deref();
        let output =
            output.map(|output| PollFd::from_borrowed_fd(output.as_fd(), PollFlags::empty()));
        let mut polled: Vec<_> = wake.into_iter().chain(output).collect();
        let own = polled.len();
        polled.extend(watched.into_iter().map(as_polled));
        loop {
            let left = deadline.map(time_left).transpose()?;
            match poll(&mut polled, left.as_ref()) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) if polled[..own].iter().any(|signal| !signal.revents().is_empty()) => {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                Ok(_) => {
                    let ready = polled[own..].iter();
                    return Ok(ready.map(|polled| !polled.revents().is_empty()).collect());
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

/// Whether the call may simply be repeated, once its file is ready.
pub(crate) fn is_transient(error: &io::Error) -> bool {
    // A signal interrupts only calls that wait, unless its handler was
    // installed by someone else.
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn time_left(deadline: Instant) -> io::Result<Timespec> {
    let left = deadline.saturating_duration_since(Instant::now());
    Timespec::try_from(left).map_err(io::Error::other)
}
