//! Connects to one of several addresses.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::Errno;
use socket2::{Domain, Socket, Type};

use crate::signals::Wait;

/// Connects to the first of the addresses that answers. Each gets an equal share
/// of the remaining time. Of several failures the one that says most about the
/// server is returned.
pub(super) fn connect(
    addresses: &[SocketAddr],
    timeout: Duration,
    wait: &mut dyn Wait,
) -> io::Result<TcpStream> {
    let end = Instant::now() + timeout;
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for (waiting, address) in (1..=addresses.len()).rev().zip(addresses) {
        let now = Instant::now();
        let share = end.saturating_duration_since(now) / u32::try_from(waiting).unwrap_or(u32::MAX);
        match connect_to(address, now + share, wait) {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) if rank(&error) >= rank(&failure) => failure = error,
            Err(_) => {}
        }
    }
    Err(failure)
}

/// How much a failure says about the server rather than about the network.
fn rank(error: &io::Error) -> u8 {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => 3,
        io::ErrorKind::TimedOut => 2,
        io::ErrorKind::AddrNotAvailable => 0,
        _ => 1,
    }
}

fn connect_to(
    address: &SocketAddr,
    deadline: Instant,
    wait: &mut dyn Wait,
) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(*address), Type::STREAM, None)?;
    socket.set_linger(Some(Duration::ZERO))?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&(*address).into()) {
        Err(error) if Errno::from_io_error(&error) != Some(Errno::INPROGRESS) => return Err(error),
        _ => wait.wait(socket.as_fd(), PollFlags::OUT, Some(deadline))?,
    }
    match socket.take_error()? {
        Some(error) => Err(error),
        None => Ok(socket.into()),
    }
}
