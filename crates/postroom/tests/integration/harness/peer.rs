//! The server's ends of a client's connections.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::harness::support::PATIENCE;

/// A port that a client connects to.
pub(crate) struct Listener(TcpListener);

impl Listener {
    pub(crate) fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// No client may have connected.
    #[track_caller]
    pub(crate) fn assert_unused(&self) {
        let mut polled = [PollFd::new(&self.0, PollFlags::IN)];
        assert_eq!(poll(&mut polled, Some(&Timespec::default())).unwrap(), 0);
    }

    pub(crate) fn accept(&self) -> Peer {
        let mut polled = [PollFd::new(&self.0, PollFlags::IN)];
        let ready = poll(&mut polled, Some(&Timespec::try_from(PATIENCE).unwrap())).unwrap();
        assert_eq!(ready, 1, "the client does not connect");
        Peer::new(self.0.accept().unwrap().0)
    }
}

/// One connection, line by line.
pub(crate) struct Peer(BufReader<TcpStream>);

impl Peer {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    pub(crate) fn dial(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).unwrap())
    }

    /// The client's next line, its end left out.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        assert_eq!(line.pop(), Some('\n'), "the client has ended");
        line
    }

    /// The client's next line must be this.
    #[track_caller]
    pub(crate) fn expect(&mut self, line: &str) {
        assert_eq!(self.line(), line);
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// The client must send nothing more and end.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        let mut rest = String::new();
        self.0.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }

    /// The client must send nothing more and reset the connection.
    #[track_caller]
    pub(crate) fn expect_reset(&mut self) {
        let error = self.0.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
}
