//! One connection to a server, with a limit on every line and every wait.
//!
//! It is born to be reset: until [`Exchange::leave`], every end of it, that of
//! a killed process included, tells the server that what it handed out last has
//! not arrived. Only `leave` ends it in order.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::io::Errno;
use socket2::{Domain, SockRef, Socket, Type};

use crate::interrupt::Interrupt;
use crate::line_splitter::{LineSplitter, NextLine};
use crate::{ANSWER_BYTES_MAX, ClientError, Deviation, ServerAddress};

/// How long `leave` waits for the server to close.
const LEAVE_WAIT_MAX: Duration = Duration::from_secs(2);

/// Bytes that one read takes.
const READ_BYTES: usize = 4_096;

/// A server and the addresses that its host name stands for.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    server: ServerAddress,
    addresses: Vec<SocketAddr>,
}

impl Resolved {
    /// Finds the addresses, which takes as long as the system's resolver
    /// allows.
    pub(crate) fn new(server: ServerAddress) -> Result<Self, ClientError> {
        let found = (server.host(), server.port()).to_socket_addrs().map(Vec::from_iter);
        match found {
            Ok(addresses) => Ok(Self { server, addresses }),
            Err(source) => Err(ClientError::HostUnknown { host: server.host().to_owned(), source }),
        }
    }

    /// Connects to the first of the addresses that answers, within `timeout`.
    ///
    /// The stream does not block and is reset when it is dropped.
    pub(crate) fn connect(
        self,
        timeout: Duration,
        interrupt: &Interrupt,
    ) -> Result<(ServerAddress, TcpStream), ClientError> {
        match connect_to_any(&self.addresses, timeout, interrupt) {
            Ok(stream) => Ok((self.server, stream)),
            Err(error) => Err(failure(&self.server, timeout, error)),
        }
    }
}

/// A connection on which commands are sent and their answers awaited.
#[derive(Debug)]
pub(crate) struct Exchange {
    stream: TcpStream,
    lines: LineSplitter,
    server: ServerAddress,
    protocol: &'static str,
    timeout: Duration,
    /// When the answer to the last command must be there.
    deadline: Instant,
    interrupt: Interrupt,
}

impl Exchange {
    /// Connects to the first of the server's addresses that answers, within
    /// `timeout`, which later holds for each command and its answer.
    pub(crate) fn open(
        resolved: Resolved,
        protocol: &'static str,
        timeout: Duration,
        interrupt: Interrupt,
    ) -> Result<Self, ClientError> {
        let (server, stream) = resolved.connect(timeout, &interrupt)?;
        Ok(Self {
            stream,
            lines: LineSplitter::new(ANSWER_BYTES_MAX),
            server,
            protocol,
            timeout,
            deadline: Instant::now() + timeout,
            interrupt,
        })
    }

    /// The server's address.
    pub(crate) fn server(&self) -> &ServerAddress {
        &self.server
    }

    /// Sends whole lines, a line feed added to each, in one piece.
    ///
    /// Everything received so far must have reached its reader: what is sent
    /// here confirms it.
    pub(crate) fn send(&mut self, lines: &[&[u8]]) -> Result<(), ClientError> {
        if !self.lines.is_empty() {
            return Err(self.deviation(Deviation::Unasked));
        }
        self.deadline = Instant::now() + self.timeout;
        let mut output = lines.join(&b'\n');
        output.push(b'\n');
        self.write(&output)
    }

    /// The next line of the server's answer, its line feed left out.
    pub(crate) fn line(&mut self) -> Result<String, ClientError> {
        loop {
            match self.lines.take() {
                NextLine::Line(line) => {
                    return String::from_utf8(line)
                        .map_err(|_| self.deviation(Deviation::InvalidUtf8));
                }
                NextLine::TooLong => return Err(self.deviation(Deviation::LineTooLong)),
                NextLine::Nothing => self.fill()?,
            }
        }
    }

    /// The error for a server that left the protocol; the caller drops the
    /// connection for it.
    pub(crate) fn deviation(&self, deviation: Deviation) -> ClientError {
        ClientError::deviation(&self.server, self.protocol, deviation)
    }

    /// Sends all there is to say, ends this side, and returns all that the
    /// server answers up to its end.
    pub(crate) fn ask_all(mut self, request: &[u8]) -> Result<Vec<u8>, ClientError> {
        self.deadline = Instant::now() + self.timeout;
        self.write(request)?;
        // Where it fails the server has ended already, maybe with an answer.
        let _ = self.stream.shutdown(Shutdown::Write);
        let (mut answer, mut bytes) = (Vec::new(), [0; READ_BYTES]);
        loop {
            match self.receive(&mut bytes)? {
                0 if answer.is_empty() => return Err(self.unanswered()),
                0 => break,
                count => answer.extend_from_slice(&bytes[..count]),
            }
            if answer.len() > ANSWER_BYTES_MAX {
                return Err(self.deviation(Deviation::LineTooLong));
            }
        }
        // Both sides have ended: nothing is left that a reset could take back.
        Ok(answer)
    }

    /// Sends EXIT, which confirms what was received, and waits, not for long,
    /// until the server has closed.
    ///
    /// A failure is none of the caller's: at worst the last message comes again.
    pub(crate) fn leave(&mut self) {
        self.interrupt = Interrupt::default();
        self.deadline = Instant::now() + self.timeout.min(LEAVE_WAIT_MAX);
        let orderly = SockRef::from(&self.stream).set_linger(None).is_ok()
            && self.write(b"EXIT\n").is_ok()
            && self.stream.shutdown(Shutdown::Write).is_ok();
        let mut rest = [0; READ_BYTES];
        while orderly && matches!(self.receive(&mut rest), Ok(1..)) {}
    }

    fn write(&mut self, mut output: &[u8]) -> Result<(), ClientError> {
        while !output.is_empty() {
            match self.stream.write(output) {
                Ok(written) => output = &output[written..],
                Err(error) if is_transient(&error) => self.wait(PollFlags::OUT)?,
                Err(error) => return Err(self.failure(error)),
            }
        }
        Ok(())
    }

    fn fill(&mut self) -> Result<(), ClientError> {
        let mut bytes = [0; READ_BYTES];
        match self.receive(&mut bytes)? {
            0 => Err(self.dropped()),
            count => {
                self.lines.push(&bytes[..count]);
                Ok(())
            }
        }
    }

    /// Receives some bytes, none at the end. The wait comes first: a server
    /// that never stops sending does not keep the deadline from passing.
    fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, ClientError> {
        loop {
            self.wait(PollFlags::IN)?;
            match self.stream.read(bytes) {
                Ok(count) => return Ok(count),
                Err(error) if is_transient(&error) => {}
                Err(error) => return Err(self.failure(error)),
            }
        }
    }

    fn wait(&self, events: PollFlags) -> Result<(), ClientError> {
        if Instant::now() >= self.deadline {
            return Err(self.failure(io::ErrorKind::TimedOut.into()));
        }
        self.interrupt
            .wait(self.stream.as_fd(), events, Some(self.deadline))
            .map_err(|error| self.failure(error))
    }

    /// The error for a server that closed where its protocol has an answer.
    pub(crate) fn unanswered(&self) -> ClientError {
        ClientError::Unanswered { server: self.server.clone(), protocol: self.protocol }
    }

    fn dropped(&self) -> ClientError {
        ClientError::Dropped { server: self.server.clone() }
    }

    fn failure(&self, error: io::Error) -> ClientError {
        failure(&self.server, self.timeout, error)
    }
}

/// Gives each address an equal share of the time that is left. Of several
/// failures the most telling is returned.
fn connect_to_any(
    addresses: &[SocketAddr],
    timeout: Duration,
    interrupt: &Interrupt,
) -> io::Result<TcpStream> {
    let end = Instant::now() + timeout;
    let mut telling = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for (waiting, address) in (1..=addresses.len()).rev().zip(addresses) {
        let now = Instant::now();
        let share = end.saturating_duration_since(now) / u32::try_from(waiting).unwrap_or(u32::MAX);
        match connect(address, now + share, interrupt) {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) if rank(&error) >= rank(&telling) => telling = error,
            Err(_) => {}
        }
    }
    Err(telling)
}

/// How much a failure says about the server rather than about the way there.
fn rank(error: &io::Error) -> u8 {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => 3,
        io::ErrorKind::TimedOut => 2,
        io::ErrorKind::AddrNotAvailable => 0,
        _ => 1,
    }
}

fn connect(
    address: &SocketAddr,
    deadline: Instant,
    interrupt: &Interrupt,
) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(*address), Type::STREAM, None)?;
    socket.set_linger(Some(Duration::ZERO))?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&(*address).into()) {
        Err(error) if Errno::from_io_error(&error) != Some(Errno::INPROGRESS) => return Err(error),
        _ => interrupt.wait(socket.as_fd(), PollFlags::OUT, Some(deadline))?,
    }
    match socket.take_error()? {
        Some(error) => Err(error),
        None => Ok(socket.into()),
    }
}

/// Whether the call may simply be made again, once the socket is ready.
pub(crate) fn is_transient(error: &io::Error) -> bool {
    // No handler interrupts the calls that do not wait, but others' might.
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// The error for a connection to `server` that failed.
pub(crate) fn failure(server: &ServerAddress, timeout: Duration, source: io::Error) -> ClientError {
    let server = server.clone();
    match source.kind() {
        io::ErrorKind::ConnectionRefused => ClientError::Refused { server },
        io::ErrorKind::TimedOut => ClientError::TimedOut { server, timeout },
        io::ErrorKind::Interrupted => ClientError::Interrupted,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => ClientError::Dropped { server },
        _ => ClientError::Connection { server, source },
    }
}
