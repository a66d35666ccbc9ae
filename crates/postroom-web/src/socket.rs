//! The Unix socket of a server, and the thread that serves it and the metrics.

use std::fs::{self, File, Permissions};
use std::future::pending;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use postroom_server::Administrator;
use socket2::{Domain, SockAddr, Socket, Type};
use thiserror::Error;
use tokio::runtime;
use tokio::sync::oneshot;

use crate::archive::Archive;
use crate::metrics::{self, MetricsListener, Scraper};
use crate::routes::router;
use crate::serving;

/// The name of the socket in the data folder.
pub const SOCKET: &str = "postroom.sock";

/// Why there is no socket.
#[derive(Debug, Error)]
#[error("cannot open the socket {}: {cause}", path.display())]
pub struct SocketError {
    path: PathBuf,
    cause: io::Error,
}

/// A socket in a data folder, for the user of the server alone.
#[derive(Debug)]
pub struct AdminSocket {
    listener: UnixListener,
    path: PathBuf,
    id: (u64, u64),
}

/// The thread that serves the socket and the metrics.
#[derive(Debug)]
pub struct AdminThread {
    stop: oneshot::Sender<()>,
    handle: JoinHandle<()>,
    /// The socket, and which file it was: another server may have put one in its place.
    path: Option<(PathBuf, (u64, u64))>,
}

/// The device and the number of a file.
fn file_id(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

impl AdminSocket {
    /// Opens the socket of a folder, in place of one that an earlier server has left. The
    /// caller has the lock of the folder.
    pub fn open(folder: &Path) -> Result<Self, SocketError> {
        let path = folder.join(SOCKET);
        let open = || {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            // No one connects before the mode is set: nobody listens until then.
            let listener = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            with_address(folder, |address| listener.bind(address))?;
            fs::set_permissions(&path, Permissions::from_mode(0o600))?;
            listener.listen(BACKLOG)?;
            listener.set_nonblocking(true)?;
            Ok((listener.into(), file_id(&path)?))
        };
        let opened = open();
        match opened {
            Ok((listener, id)) => Ok(Self { listener, path, id }),
            Err(cause) => Err(SocketError { path, cause }),
        }
    }
}

/// What the thread of the administration serves.
pub struct Served {
    /// The socket for operators, with what is read there of the store.
    pub socket: Option<(AdminSocket, Arc<dyn Archive>)>,
    /// The port for metrics.
    pub metrics: Option<MetricsListener>,
    /// The data folder of the server, of which metrics tell how much space it has.
    pub data: PathBuf,
}

impl AdminThread {
    /// Serves this on a thread of its own; the archive and the folder are read on a few
    /// others.
    pub fn start(served: Served, administrator: Administrator) -> io::Result<Self> {
        let Served { socket, metrics, data } = served;
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            // One asks the disk for its space.
            .max_blocking_threads(READERS_MAX + 1)
            .build()?;
        let path = socket.as_ref().map(|(socket, _)| (socket.path.clone(), socket.id));
        let serve = async move {
            let scraper = Scraper::new(administrator.clone(), data);
            tokio::select! {
                error = administer(socket, administrator) => {
                    tracing::error!(%error, "the administration has ended");
                }
                error = watch(metrics, scraper) => {
                    tracing::error!(%error, "the metrics have ended");
                }
                _ = stopped => {}
            }
        };
        let thread = Builder::new().name("administration".to_owned());
        let handle = thread.spawn(move || {
            runtime.block_on(serve);
            // A page of the archive takes milliseconds, unless the disk hangs.
            runtime.shutdown_timeout(READ_LIMIT);
        })?;
        Ok(Self { stop, handle, path })
    }

    /// Ends the thread, and removes the socket.
    pub fn stop(self) {
        let Self { stop, handle, path } = self;
        // It has ended already if it does not listen to this.
        let _ = stop.send(());
        if handle.join().is_err() {
            tracing::error!(thread = "administration", "a thread has panicked");
        }
        if let Some((path, made)) = path
            && file_id(&path).is_ok_and(|present| present == made)
        {
            // The next server would replace it.
            let _ = fs::remove_file(path);
        }
    }
}

/// Serves the socket, if there is one, until it fails.
async fn administer(
    socket: Option<(AdminSocket, Arc<dyn Archive>)>,
    administrator: Administrator,
) -> io::Error {
    let Some((AdminSocket { listener, .. }, archive)) = socket else {
        return pending().await;
    };
    match tokio::net::UnixListener::from_std(listener) {
        Ok(listener) => match serving::serve(listener, router(administrator, archive)).await {},
        Err(error) => error,
    }
}

/// Serves the metrics, if they are wanted, until that fails.
async fn watch(listener: Option<MetricsListener>, scraper: Scraper) -> io::Error {
    match listener {
        Some(listener) => metrics::serve(listener, scraper).await,
        None => pending().await,
    }
}

/// Connections that wait to be accepted.
const BACKLOG: i32 = 128;
/// Threads that read the archive.
const READERS_MAX: usize = 2;
/// How long a stop waits for them.
const READ_LIMIT: Duration = Duration::from_secs(1);

/// Gives the address of the socket of a folder. An address has 108 bytes, and a path may
/// have more: so it begins at a descriptor of the folder.
pub(crate) fn with_address<T>(
    folder: &Path,
    act: impl FnOnce(&SockAddr) -> io::Result<T>,
) -> io::Result<T> {
    let open = File::open(folder)?;
    let path = format!("/proc/self/fd/{}/{SOCKET}", open.as_raw_fd());
    act(&SockAddr::unix(path)?)
}
