//! The echo floor: a bare echo server on one thread, which does the least a
//! server can do for a message, one read and one write.

use std::io::{ErrorKind, Read as _, Write as _};

use anyhow::Context as _;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::outcome::Outcome;
use crate::report;

const LISTENER: Token = Token(usize::MAX);
const BUFFER_BYTES: usize = 256 * 1024;
const EVENTS: usize = 1024;

/// Serves until the parent process kills it or ends.
pub(crate) fn run() -> anyhow::Result<Outcome> {
    set_parent_process_death_signal(Some(Signal::KILL)).context("tying the echo server")?;
    let mut poll = Poll::new().context("creating the poll")?;
    let mut listener = TcpListener::bind(([127, 0, 0, 1], 0).into()).context("listening")?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    report::line(&listener.local_addr()?.to_string());
    let mut events = Events::with_capacity(EVENTS);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut peers: Vec<Option<Peer>> = Vec::new();
    loop {
        poll.poll(&mut events, None).or_else(|error| match error.kind() {
            ErrorKind::Interrupted => Ok(()),
            _ => Err(error),
        })?;
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &mut peers, poll.registry())?;
                continue;
            }
            let place = &mut peers[event.token().0];
            if place.as_mut().is_some_and(|peer| peer.echo(&mut buffer).is_err()) {
                *place = None;
            }
        }
    }
}

fn accept(
    listener: &TcpListener,
    peers: &mut Vec<Option<Peer>>,
    registry: &Registry,
) -> anyhow::Result<()> {
    loop {
        match listener.accept() {
            Ok((mut stream, _)) => {
                stream.set_nodelay(true)?;
                let interest = Interest::READABLE | Interest::WRITABLE;
                registry.register(&mut stream, Token(peers.len()), interest)?;
                peers.push(Some(Peer { stream, unsent: Vec::new() }));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error).context("accepting a connection"),
        }
    }
}

#[derive(Debug)]
struct Peer {
    stream: TcpStream,
    unsent: Vec<u8>,
}

impl Peer {
    /// Sends back what has arrived; fails at the end of input too.
    fn echo(&mut self, buffer: &mut [u8]) -> std::io::Result<()> {
        if !self.unsent.is_empty() {
            let taken = written(self.stream.write(&self.unsent))?;
            self.unsent.drain(..taken);
        }
        loop {
            let size = match self.stream.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(size) => size,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let taken = if self.unsent.is_empty() {
                written(self.stream.write(&buffer[..size]))?
            } else {
                0
            };
            self.unsent.extend_from_slice(&buffer[taken..size]);
            if size < buffer.len() {
                return Ok(());
            }
        }
    }
}

/// A full send buffer takes no bytes.
fn written(result: std::io::Result<usize>) -> std::io::Result<usize> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}
