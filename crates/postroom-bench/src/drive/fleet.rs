//! All connections to one server, and the event loop that drives them.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use mio::{Events, Poll};

use crate::drive::answer::Expected;
use crate::drive::connection::Connection;
use crate::drive::request::Requests;
use crate::drive::socket::{EVENTS, READ_BUFFER_BYTES, Socket};
use crate::drive::tls::Wire;
use crate::measure::tally::Tally;

/// A run fails when the server has answered nothing for this long.
pub(crate) const STALL: Duration = Duration::from_secs(30);

/// When a run stops sending requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// After that time.
    For(Duration),
    /// After that many requests on each connection.
    Each(u64),
    /// After that many requests on all connections together.
    Total(u64),
}

impl Extent {
    /// The requests of connection `number` of `connections`.
    pub(crate) fn share(self, number: u64, connections: u64) -> u64 {
        match self {
            Self::For(_) => u64::MAX,
            Self::Each(requests) => requests,
            Self::Total(requests) => {
                requests / connections + u64::from(number < requests % connections)
            }
        }
    }

    pub(crate) fn deadline(self, begin: Instant) -> Option<Instant> {
        match self {
            Self::For(duration) => Some(begin + duration),
            Self::Each(_) | Self::Total(_) => None,
        }
    }
}

/// Connections that are logged in and ready to be driven.
#[derive(Debug)]
pub(crate) struct Fleet {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    buffer: Box<[u8]>,
    expected: Expected,
}

impl Fleet {
    /// Takes over connections, each of which keeps up to `in_flight` requests
    /// unanswered.
    pub(crate) fn new(
        streams: impl IntoIterator<Item = impl Into<Wire>>,
        in_flight: u32,
        expected: Expected,
    ) -> anyhow::Result<Self> {
        let poll = Poll::new().context("creating the poll")?;
        let mut connections = Vec::new();
        for (number, stream) in (0..).zip(streams) {
            connections.push(Connection::new(Socket::new(stream, number, &poll)?, in_flight));
        }
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS),
            connections,
            buffer: vec![0; READ_BUFFER_BYTES].into_boxed_slice(),
            expected,
        })
    }

    /// Sends requests until `extent` is reached, and returns once every request
    /// is answered.
    pub(crate) fn run(&mut self, requests: &mut Requests, extent: Extent) -> anyhow::Result<Tally> {
        let mut tally = Tally::new();
        let deadline = extent.deadline(Instant::now());
        let mut outstanding = self.begin(requests, extent)?;
        while outstanding > 0 {
            self.wait(outstanding)?;
            for event in &self.events {
                let connection = &mut self.connections[event.token().0];
                connection.socket().flush()?;
                if !event.is_readable() {
                    continue;
                }
                let (taken, now) =
                    connection.receive(&mut self.buffer, self.expected, &mut tally)?;
                outstanding -= taken;
                if event.is_read_closed() {
                    // An end of file that arrives with answers raises no event of
                    // its own: this second read reports it.
                    connection.receive(&mut self.buffer, self.expected, &mut tally)?;
                }
                if deadline.is_none_or(|deadline| now < deadline) {
                    outstanding += connection.refill(requests, now)?;
                }
            }
        }
        Ok(tally)
    }

    /// Sends `farewell` on every connection and closes it. All answers have been
    /// read, so closing sends a FIN and not a reset.
    pub(crate) fn end(mut self, farewell: &[u8]) -> anyhow::Result<()> {
        for connection in &mut self.connections {
            connection.socket().send(farewell)?;
        }
        Ok(())
    }

    fn begin(&mut self, requests: &mut Requests, extent: Extent) -> anyhow::Result<usize> {
        let count = self.connections.len() as u64;
        let mut outstanding = 0;
        for (number, connection) in (0..).zip(&mut self.connections) {
            connection.allot(extent.share(number, count));
            outstanding += connection.refill(requests, Instant::now())?;
        }
        Ok(outstanding)
    }

    fn wait(&mut self, outstanding: usize) -> anyhow::Result<()> {
        loop {
            match self.poll.poll(&mut self.events, Some(STALL)) {
                Ok(()) if self.events.is_empty() => bail!(
                    "the server answered none of {outstanding} requests for {} seconds; \
                     check whether it hangs",
                    STALL.as_secs()
                ),
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("waiting for answers"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::thread;

    use super::*;
    use crate::drive::request::{Numbers, Template};

    /// Answers each byte with `answer`.
    fn server(connections: usize, answer: &'static [u8]) -> Vec<TcpStream> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let streams = (0..connections).map(|_| TcpStream::connect(address).unwrap()).collect();
        for _ in 0..connections {
            let (mut peer, _) = listener.accept().unwrap();
            thread::spawn(move || {
                let mut bytes = [0; 4096];
                while let Ok(size @ 1..) = peer.read(&mut bytes) {
                    peer.write_all(&answer.repeat(size)).unwrap();
                }
            });
        }
        streams
    }

    fn bytes(in_flight: u32) -> Requests {
        Requests::new(Template::single_byte(), Numbers::Own, in_flight)
    }

    #[test]
    fn a_total_is_divided_without_remainder() {
        let shares: Vec<_> = (0..3).map(|number| Extent::Total(8).share(number, 3)).collect();
        assert_eq!(shares, [3, 3, 2]);
    }

    #[test]
    fn every_request_is_answered_once() {
        let mut fleet = Fleet::new(server(3, b"ab"), 4, Expected::Echo(2)).unwrap();
        for extent in [Extent::Total(100), Extent::Each(7)] {
            let tally = fleet.run(&mut bytes(4), extent).unwrap();
            let expected = if extent == Extent::Each(7) { 21 } else { 100 };
            assert_eq!((tally.answers, tally.wrong), (expected, 0));
        }
    }

    #[test]
    fn wrong_answers_are_counted_and_the_run_goes_on() {
        let mut fleet = Fleet::new(server(1, b"MESSAGE FAILED\n"), 2, Expected::Sent).unwrap();
        let tally = fleet.run(&mut bytes(2), Extent::Total(5)).unwrap();
        assert_eq!((tally.answers, tally.wrong), (5, 5));
    }

    #[test]
    fn a_timed_run_ends_with_nothing_in_flight() {
        let mut fleet = Fleet::new(server(2, b"."), 3, Expected::Echo(1)).unwrap();
        let tally = fleet.run(&mut bytes(3), Extent::For(Duration::from_millis(20))).unwrap();
        assert!(tally.answers >= 6);
        assert!(fleet.connections.iter().all(|connection| connection.in_flight() == 0));
    }

    #[test]
    fn a_server_that_closes_in_the_middle_ends_the_run() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(b".").unwrap();
        peer.shutdown(std::net::Shutdown::Write).unwrap();
        let mut fleet = Fleet::new(vec![stream], 2, Expected::Echo(1)).unwrap();
        let error = fleet.run(&mut bytes(2), Extent::Total(2)).unwrap_err();
        assert!(error.to_string().contains("closed connection 0"), "{error}");
    }

    #[test]
    fn more_answers_than_requests_are_refused() {
        let mut fleet = Fleet::new(server(1, b".."), 1, Expected::Echo(1)).unwrap();
        let error = fleet.run(&mut bytes(1), Extent::Total(1)).unwrap_err();
        assert!(error.to_string().contains("without a request"), "{error}");
    }
}
