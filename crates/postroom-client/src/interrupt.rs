//! Waiting that Ctrl-C ends.
//!
//! The signal's handler writes into a socket pair, and every wait watches its
//! other end, so that a signal is never missed, not even between two waits.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::SIGINT;

/// Knows whether the process was asked to end. The default never is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    wake: Option<Rc<UnixStream>>,
}

impl Interrupt {
    /// Takes SIGINT over from its default action, for good: call it in a
    /// process that ends with this client.
    pub(crate) fn listen() -> io::Result<Self> {
        let (wake, handler_end) = UnixStream::pair()?;
        signal_hook::low_level::pipe::register(SIGINT, handler_end)?;
        Ok(Self { wake: Some(Rc::new(wake)) })
    }

    /// Waits until `watched` is ready for one of `events`.
    ///
    /// Fails with `TimedOut` when `deadline` passes and with `Interrupted` when
    /// SIGINT comes, or has come before.
    pub(crate) fn wait(
        &self,
        watched: BorrowedFd<'_>,
        events: PollFlags,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        let mut polled = vec![PollFd::from_borrowed_fd(watched, events)];
        if let Some(wake) = &self.wake {
            polled.push(PollFd::from_borrowed_fd(wake.as_fd(), PollFlags::IN));
        }
        loop {
            let left = deadline.map(time_left).transpose()?;
            match poll(&mut polled, left.as_ref()) {
                Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) if polled.get(1).is_some_and(|wake| !wake.revents().is_empty()) => {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

fn time_left(deadline: Instant) -> io::Result<Timespec> {
    let left = deadline.saturating_duration_since(Instant::now());
    Timespec::try_from(left).map_err(io::Error::other)
}
