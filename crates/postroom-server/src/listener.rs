//! Opening listeners.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpListener;
use postroom_engine::ListenerName;
use socket2::{Domain, Socket, TcpKeepalive, Type};
use thiserror::Error;

use crate::ListenerSettings;

/// The listen backlog: connections that the operating system queues until they are
/// accepted.
const BACKLOG: i32 = 4_096;
/// How a dead peer is detected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeepAlive {
    /// The time limit for detecting it.
    pub peer_dead_after: Duration,
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self { peer_dead_after: Duration::from_secs(90) }
    }
}

/// Bytes that the kernel takes for a connection before it has sent them. The rest waits
/// in the server, which knows what it is and can bound it.
const UNSENT_BYTES_MAX: u32 = 128 << 10;

impl KeepAlive {
    /// Sets these options on a socket, and those that every connection has.
    pub(crate) fn apply(self, socket: &Socket) -> io::Result<()> {
        socket.set_tcp_nodelay(true)?;
        socket.set_tcp_notsent_lowat(UNSENT_BYTES_MAX)?;
        // Unacknowledged data restarts the time-out, so each mechanism gets less than
        // half of the budget. The kernel counts whole seconds.
        let unacknowledged = self.peer_dead_after * 2 / 5;
        let interval = Duration::from_secs((self.peer_dead_after / 20).as_secs().max(1));
        socket.set_tcp_keepalive(
            &TcpKeepalive::new().with_time(self.peer_dead_after * 3 / 8).with_interval(interval),
        )?;
        socket.set_tcp_user_timeout(Some(unacknowledged))
    }
}

/// A bound listener. The kernel queues its connections until the server accepts them.
#[derive(Debug)]
pub struct BoundListener {
    pub(crate) listener: TcpListener,
    /// Its settings, with the port that the operating system chose.
    pub settings: ListenerSettings,
}

/// The server cannot listen on an address.
#[derive(Debug, Error)]
#[error("cannot listen for {listener} on {address}: {cause}{}", advice(cause))]
pub struct ListenError {
    /// Its name.
    pub listener: ListenerName,
    /// The address.
    pub address: SocketAddr,
    /// The operating system's error.
    pub cause: io::Error,
}

fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::AddrInUse => "; stop what uses it or choose another with --listen",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need a privilege",
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        _ => "",
    }
}

/// Opens a listener.
pub fn bind(
    settings: ListenerSettings,
    keep_alive: KeepAlive,
) -> Result<BoundListener, ListenError> {
    let ListenerSettings { listener, address } = settings;
    open(address, keep_alive)
        .and_then(|listener| {
            let settings = ListenerSettings { address: listener.local_addr()?, ..settings };
            Ok(BoundListener { listener, settings })
        })
        .map_err(|cause| ListenError { listener: listener.name(), address, cause })
}

/// Connections inherit the options of their listener, which saves four system calls per
/// connection.
fn open(address: SocketAddr, keep_alive: KeepAlive) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), None)?;
    socket.set_reuse_address(true)?;
    keep_alive.apply(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}
