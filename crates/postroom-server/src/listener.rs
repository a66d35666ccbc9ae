//! Opening listeners.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpListener;
use postroom_engine::ListenerName;
use socket2::{Domain, Socket, TcpKeepalive, Type};
use thiserror::Error;

use crate::ListenerSettings;
use crate::passed::{PassedError, PassedSockets};

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
    /// It was open before this process, so its connections may not have inherited options.
    pub(crate) was_passed: bool,
    /// Its settings, with the port that the operating system chose.
    pub settings: ListenerSettings,
}

/// The server cannot listen.
#[derive(Debug, Error)]
pub enum ListenError {
    /// On an address.
    #[error("cannot listen for {listener} on {address}: {cause}{}", advice(cause))]
    Address {
        /// The name of the listener.
        listener: ListenerName,
        /// The address.
        address: SocketAddr,
        /// The operating system's error.
        cause: io::Error,
    },
    /// On the sockets that were passed.
    #[error(transparent)]
    Passed(#[from] PassedError),
}

fn advice(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::AddrInUse => "; stop what uses it or choose another with --listen",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need a privilege",
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        _ => "",
    }
}

/// Opens listeners: each on the socket that was passed for it, or else on one of its own. No
/// port is opened if a socket cannot be used.
pub fn open_listeners(
    listeners: Vec<ListenerSettings>,
    mut passed: PassedSockets,
    keep_alive: KeepAlive,
) -> Result<Vec<BoundListener>, ListenError> {
    let with_sockets = listeners
        .into_iter()
        .map(|settings| Ok((settings, passed.take_for(&settings)?)))
        .collect::<Result<Vec<_>, PassedError>>()?;
    passed.finish()?;
    with_sockets
        .into_iter()
        .map(|(settings, socket)| {
            let ListenerSettings { listener, address } = settings;
            match socket {
                Some(socket) => use_passed(settings, socket),
                None => bind(settings, keep_alive),
            }
            .map_err(|cause| ListenError::Address {
                listener: listener.name(),
                address,
                cause,
            })
        })
        .collect()
}

fn bind(settings: ListenerSettings, keep_alive: KeepAlive) -> io::Result<BoundListener> {
    let listener = open(settings.address, keep_alive)?;
    let settings = ListenerSettings { address: listener.local_addr()?, ..settings };
    Ok(BoundListener { listener, was_passed: false, settings })
}

fn use_passed(
    settings: ListenerSettings,
    socket: std::net::TcpListener,
) -> io::Result<BoundListener> {
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from_std(socket);
    tracing::info!(
        listener = %settings.listener.name(), address = %settings.address,
        "the service manager has opened this listener"
    );
    Ok(BoundListener { listener, was_passed: true, settings })
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
