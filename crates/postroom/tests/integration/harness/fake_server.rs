//! A server that a test plays: it accepts a client and sends what the test says.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::harness::support::PATIENCE;

/// A port that clients connect to.
pub(crate) struct FakeServer(TcpListener);

impl FakeServer {
    pub(crate) fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// Listens at this address.
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self(TcpListener::bind(address).unwrap())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Fails if a client has connected.
    #[track_caller]
    pub(crate) fn assert_unused(&self) {
        let mut polled = [PollFd::new(&self.0, PollFlags::IN)];
        assert_eq!(poll(&mut polled, Some(&Timespec::default())).unwrap(), 0);
    }

    pub(crate) fn accept(&self) -> ServerEnd {
        let mut polled = [PollFd::new(&self.0, PollFlags::IN)];
        let ready = poll(&mut polled, Some(&Timespec::try_from(PATIENCE).unwrap())).unwrap();
        assert_eq!(ready, 1, "the client does not connect");
        ServerEnd::new(self.0.accept().unwrap().0)
    }
}

/// The server's end of one connection, read line by line.
pub(crate) struct ServerEnd(BufReader<TcpStream>);

impl ServerEnd {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    pub(crate) fn dial(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).unwrap())
    }

    /// The client's next line, without its line feed.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        assert_eq!(line.pop(), Some('\n'), "the client has ended");
        line
    }

    /// Fails unless the client's next line is this one.
    #[track_caller]
    pub(crate) fn expect(&mut self, line: &str) {
        assert_eq!(self.line(), line);
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// Fails unless the client sends nothing more and ends the connection.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }

    /// Fails unless the client sends nothing more and resets the connection.
    #[track_caller]
    pub(crate) fn expect_reset(&mut self) {
        let error = self.0.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
}
