//! Socket calls that the standard library lacks.

use std::io;
use std::os::fd::AsRawFd;

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

/// Raises this process's soft limit of open files to the hard limit, and returns it.
pub fn raise_descriptor_limit() -> io::Result<usize> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    }
    Ok(maximum.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX))
}
