//! A client of any listener.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use socket2::{Domain, SockRef, Socket, Type};

use super::stream::{Stream, prepare};
use super::support::PATIENCE;
use super::tls::TlsStream;

/// Long enough for what was sent on loopback to have come.
const SILENCE: Duration = Duration::from_millis(100);
/// A server that reads nothing for this long waits for its client to read.
const STUCK: Duration = Duration::from_millis(300);
const RECEIVE_BUFFER_BYTES: usize = 4_096;

/// One connection, over TCP or over TLS.
pub(crate) struct Client {
    input: BufReader<Stream>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).unwrap())
    }

    /// Connects from another address of the loopback network.
    pub(crate) fn connect_from(address: impl Into<IpAddr>, to: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::new(address.into(), 0).into()).unwrap();
        socket.connect(&to.into()).unwrap();
        Self::over(socket.into())
    }

    /// Connects with a small receive buffer, so that the server soon cannot send.
    pub(crate) fn connect_with_small_buffer(to: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(RECEIVE_BUFFER_BYTES).unwrap();
        socket.connect(&to.into()).unwrap();
        Self::over(socket.into())
    }

    pub(crate) fn over(stream: TcpStream) -> Self {
        prepare(&stream);
        Self { input: BufReader::new(Stream::Plain(stream)) }
    }

    /// Connects and shakes hands.
    pub(crate) fn connect_tls(address: SocketAddr, settings: &Arc<ClientConfig>) -> Self {
        Self::try_connect_tls(TcpStream::connect(address).unwrap(), settings).unwrap()
    }

    /// Shakes hands, or says why not.
    pub(crate) fn try_connect_tls(
        stream: TcpStream,
        settings: &Arc<ClientConfig>,
    ) -> std::io::Result<Self> {
        Ok(Self { input: BufReader::new(Stream::shake_hands(stream, settings)?) })
    }

    /// TLS and the socket below it; what was received before is dropped.
    pub(crate) fn into_tls(self) -> TlsStream {
        match self.input.into_inner() {
            Stream::Tls(tls) => *tls,
            Stream::Plain(_) => panic!("this is a client without TLS"),
        }
    }

    /// Accepts a connection that the server opens.
    pub(crate) fn accept(listener: &TcpListener) -> Self {
        let begun = Instant::now();
        listener.set_nonblocking(true).unwrap();
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false).unwrap();
                    return Self::over(stream);
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
            assert!(begun.elapsed() < PATIENCE, "the server does not dial");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        self.input.get_ref().socket()
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        match self.input.into_inner() {
            Stream::Plain(socket) => socket,
            Stream::Tls(_) => panic!("this is a client of TLS"),
        }
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.send_bytes(text.as_bytes());
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.try_send_bytes(bytes).unwrap();
    }

    pub(crate) fn try_send_bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.input.get_mut().write_all(bytes)
    }

    /// The next line, without its line feed.
    pub(crate) fn line(&mut self) -> String {
        self.try_line().unwrap()
    }

    /// The same, or why there is none.
    pub(crate) fn try_line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.input.read_line(&mut line).map_err(|error| error.to_string())?;
        if line.pop() == Some('\n') {
            Ok(line)
        } else {
            Err(format!("the connection ended after {line:?}"))
        }
    }

    /// The next byte, which may be of a line that is not UTF-8; `None` at the end.
    pub(crate) fn byte(&mut self) -> std::io::Result<Option<u8>> {
        // Reads again after a signal.
        self.input.by_ref().bytes().next().transpose()
    }

    /// What one receive call returns, as text.
    pub(crate) fn receive_once(&self) -> String {
        let mut buffer = [0; 8_192];
        let length = self.stream().read(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    /// Whether nothing has come and nothing comes for a while.
    pub(crate) fn is_silent(&self) -> bool {
        self.is_silent_for(SILENCE)
    }

    pub(crate) fn is_silent_for(&self, time: Duration) -> bool {
        self.stream().set_read_timeout(Some(time)).unwrap();
        let is_silent = self.stream().peek(&mut [0]).is_err();
        self.stream().set_read_timeout(Some(PATIENCE)).unwrap();
        is_silent
    }

    /// Writes a line again and again until the server reads nothing for a while or
    /// this many bytes are sent; returns the number of bytes sent.
    pub(crate) fn write_until_stuck(&self, line: &[u8], bytes_max: usize) -> usize {
        self.stream().set_write_timeout(Some(STUCK)).unwrap();
        let lines = line.repeat(1_024);
        let mut sent = 0;
        // The last write may have ended within a line.
        while sent < bytes_max
            && let Ok(length) = self.stream().write(&lines[sent % line.len()..])
        {
            sent += length;
        }
        sent
    }

    /// Sends a command and returns the line that answers it.
    pub(crate) fn ask(&mut self, command: &str) -> String {
        self.send(&format!("{command}\n"));
        self.line()
    }

    /// COMPOSE of the protocol `mailbox`.
    pub(crate) fn compose(&mut self, recipient: &str, text: &str) -> String {
        self.send(&format!("COMPOSE {recipient}\n{text}\n"));
        self.line()
    }

    /// READ of the protocol `mailbox`: the sender and the text.
    pub(crate) fn read(&mut self) -> Option<(String, String)> {
        match self.ask("READ") {
            error if error == "READ ERROR" => None,
            sender => Some((sender, self.line())),
        }
    }

    /// Everything until the server ends the connection in order.
    pub(crate) fn rest(&mut self) -> String {
        String::from_utf8(self.rest_bytes()).unwrap()
    }

    pub(crate) fn rest_bytes(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.input.read_to_end(&mut rest).unwrap();
        rest
    }

    /// Half-closes: ends this side and keeps reading.
    pub(crate) fn end(&mut self) {
        self.input.get_mut().say_end();
        self.stream().shutdown(Shutdown::Write).unwrap();
    }

    /// Resets the connection.
    ///
    /// Returns once the reset has arrived at the server's socket; otherwise a later
    /// connection could overtake it on a busy machine.
    pub(crate) fn reset(self) {
        let (ours, theirs) =
            (self.stream().local_addr().unwrap(), self.stream().peer_addr().unwrap());
        SockRef::from(self.stream()).set_linger(Some(Duration::ZERO)).unwrap();
        drop(self);
        wait_for_end(theirs.port(), ours.port());
    }

    /// Closes the connection; returns once the close has arrived at the server's
    /// socket, as [`reset`](Self::reset) does.
    pub(crate) fn close(mut self) {
        self.input.get_mut().say_end();
        let ends = (self.stream().local_addr(), self.stream().peer_addr());
        drop(self);
        // There is no address where the server has reset the connection.
        if let (Ok(ours), Ok(theirs)) = ends {
            wait_for_end(theirs.port(), ours.port());
        }
    }
}

/// Waits until the socket at port `here` knows that the one at `there` has ended.
fn wait_for_end(here: u16, there: u16) {
    let begun = Instant::now();
    while is_open(here, there) {
        assert!(begun.elapsed() < PATIENCE, "the end of a connection has no effect");
    }
}

/// Whether the socket at port `here` takes the one at `there` for open.
fn is_open(here: u16, there: u16) -> bool {
    /// `ESTABLISHED`, `FIN_WAIT1` and `FIN_WAIT2`.
    const OPEN: [&str; 3] = ["01", "04", "05"];
    let port = |address: &str| u16::from_str_radix(address.rsplit_once(':')?.1, 16).ok();
    std::fs::read_to_string("/proc/self/net/tcp").unwrap().lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        let ends = (words.next().and_then(port), words.next().and_then(port));
        let is_open = words.next().is_some_and(|state| OPEN.contains(&state));
        ends == (Some(here), Some(there)) && is_open
    })
}
