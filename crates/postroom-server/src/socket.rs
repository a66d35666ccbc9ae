//! Socket calls that the standard library lacks.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::ioctl_fionread;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Bytes written to a TCP socket that its peer has not acknowledged
/// (`SIOCOUTQ`).
#[expect(unsafe_code, reason = "the request is in no library; it writes one int")]
pub fn unacknowledged_bytes(socket: &impl AsRawFd) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is open while `socket` is borrowed, and SIOCOUTQ (the same
    // number as TIOCOUTQ) writes one int to the pointer.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(usize::try_from(bytes).unwrap_or(0))
}

/// What a socket has received and nobody has read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Received {
    /// Bytes.
    pub bytes: usize,
    /// The peer has ended its side behind them, or has broken the connection off.
    pub has_ended: bool,
}

/// What a socket has received and nobody has read.
pub fn received(socket: &impl AsFd) -> io::Result<Received> {
    let ended = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
    let mut polled = [PollFd::new(socket, PollFlags::RDHUP)];
    poll(&mut polled, Some(&Timespec::default()))?;
    let has_ended = polled[0].revents().intersects(ended);
    let bytes = usize::try_from(ioctl_fionread(socket)?).unwrap_or(usize::MAX);
    Ok(Received { bytes, has_ended })
}

/// Raises this process's soft limit of open files to the hard limit, and returns it.
pub fn raise_descriptor_limit() -> io::Result<usize> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    }
    Ok(maximum.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX))
}
