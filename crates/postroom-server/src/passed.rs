//! Sockets that a service manager has opened for this process, as in `sd_listen_fds(3)`.
//!
//! A socket stands for the listener at its address. Who may do what at a listener follows
//! from the address in the settings, so a socket never stands for a listener at another one.

use std::env;
use std::net::{SocketAddr, TcpListener};
use std::process;

use listenfd::ListenFd;
use socket2::SockRef;
use thiserror::Error;

use crate::ListenerSettings;

/// Sockets that may be passed. systemd passes no more than 4,096; a server has a listener
/// for each.
const PASSED_MAX: usize = 256;

/// The end of the names that systemd gives where `FileDescriptorName` is not set, and the
/// name that stands for none.
const UNIT: &str = ".socket";
const UNKNOWN: &str = "unknown";

/// Listening sockets that were passed to this process.
#[derive(Debug, Default)]
pub struct PassedSockets(Vec<Passed>);

#[derive(Debug)]
struct Passed {
    name: String,
    address: SocketAddr,
    socket: TcpListener,
}

/// What was passed is of no use.
#[derive(Debug, Error)]
pub enum PassedError {
    /// The count cannot be understood.
    #[error(
        "the environment variable LISTEN_FDS is \"{0}\", which is no number of sockets from 0 to \
         {PASSED_MAX}; let the service manager set it, or remove it"
    )]
    Count(String),
    /// It is no socket, one of another kind, or does not listen.
    #[error(
        "the service manager has passed a descriptor named \"{name}\" that is no listening TCP \
         socket; its unit needs ListenStream=ADDRESS:PORT, and no Accept=yes"
    )]
    NoListeningSocket {
        /// What it was passed as.
        name: String,
    },
    /// No listener is set there, or another socket already stands for it.
    #[error(
        "the service manager has passed a socket named \"{name}\" on {address}, where no \
         listener is left; add one to \"listen\", or remove the ListenStream from its unit"
    )]
    NoListener {
        /// What it was passed as.
        name: String,
        /// Where it listens.
        address: SocketAddr,
    },
    /// It was passed for another listener.
    #[error(
        "the service manager has passed a socket named \"{name}\" on {address}, where the \
         settings have the listener {listener}; set FileDescriptorName={listener} in its unit, \
         or correct \"listen\""
    )]
    OtherListener {
        /// What it was passed as.
        name: String,
        /// Where it listens.
        address: SocketAddr,
        /// What is set there.
        listener: String,
    },
}

impl PassedSockets {
    /// Takes the sockets that the environment announces to this process; a second call gets
    /// none. To be called first: until then their descriptors are just numbers.
    pub fn take() -> Result<Self, PassedError> {
        // Without the id, or with that of another process, they are not for this one.
        if env::var("LISTEN_PID").ok().and_then(|pid| pid.parse().ok()) != Some(process::id()) {
            return Ok(Self::default());
        }
        let Some(count) = env::var_os("LISTEN_FDS") else { return Ok(Self::default()) };
        let count = count.to_string_lossy().into_owned();
        if !count.parse::<usize>().is_ok_and(|count| count <= PASSED_MAX) {
            return Err(PassedError::Count(count));
        }
        let names = env::var_os("LISTEN_FDNAMES").unwrap_or_default();
        let names = names.to_string_lossy();
        let mut names = names.split(':').map(|name| if name.is_empty() { UNKNOWN } else { name });
        let mut passed = ListenFd::from_env();
        (0..passed.len())
            .map(|number| {
                let name = names.next().unwrap_or(UNKNOWN).to_owned();
                let socket = passed.take_tcp_listener(number).ok().flatten();
                let no_listener = || PassedError::NoListeningSocket { name: name.clone() };
                let socket = socket.filter(listens).ok_or_else(no_listener)?;
                let address = socket.local_addr().map_err(|_| no_listener())?;
                Ok(Passed { name, address, socket })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Takes the socket at the address of a listener out, if one was passed.
    pub(crate) fn take_for(
        &mut self,
        settings: &ListenerSettings,
    ) -> Result<Option<TcpListener>, PassedError> {
        let found = self.0.iter().position(|passed| passed.address == settings.address);
        let Some(Passed { name, address, socket }) = found.map(|found| self.0.remove(found)) else {
            return Ok(None);
        };
        let listener = settings.listener.name().to_string();
        if name == listener || name == UNKNOWN || name.ends_with(UNIT) {
            return Ok(Some(socket));
        }
        Err(PassedError::OtherListener { name, address, listener })
    }

    /// Refuses sockets that no listener has taken.
    pub(crate) fn finish(mut self) -> Result<(), PassedError> {
        match self.0.pop() {
            Some(Passed { name, address, .. }) => Err(PassedError::NoListener { name, address }),
            None => Ok(()),
        }
    }
}

fn listens(socket: &TcpListener) -> bool {
    SockRef::from(socket).is_listener().unwrap_or(false)
}
