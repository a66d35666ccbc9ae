//! The floors of the machine for sockets: bare servers on one thread, which do the
//! least a server can do and nothing else.
//!
//! Each runs in a process of its own, so that its CPU time is measured as that of any
//! other server.

use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::outcome::Outcome;
use crate::report;

const LISTENER: Token = Token(usize::MAX);
const BUFFER_BYTES: usize = 256 * 1024;
const EVENTS: usize = 1024;

/// The hidden subcommand that runs a bare server.
pub(crate) const SUBCOMMAND: &str = "bare-server";

/// What a [`Work::Repeat`] server sends to a connection once it repeats to it.
pub(crate) const GREETING: &[u8] = b"ready\n";

/// What a bare server does with the bytes that one read of a connection returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Work {
    /// Writes them back.
    Echo,
    /// Writes them to each of the other connections, in one write.
    Repeat,
}

/// A bare server in a process of its own.
#[derive(Debug)]
pub(crate) struct BareServer {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl BareServer {
    pub(crate) fn start(work: Work) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("finding this program")?;
        let work = match work {
            Work::Echo => "echo",
            Work::Repeat => "repeat",
        };
        let mut child = Command::new(program)
            .args([SUBCOMMAND, work])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the bare server")?;
        let stdout = child.stdout.take().context("the bare server's output is a pipe")?;
        let mut server = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).context("reading the bare server's address")?;
        server.address = line.trim().parse().context("the bare server printed no address")?;
        Ok(server)
    }

    /// Its process id.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for BareServer {
    fn drop(&mut self) {
        // It has no state to lose.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until the parent process kills it or ends.
pub(crate) fn run(work: Work) -> anyhow::Result<Outcome> {
    set_parent_process_death_signal(Some(Signal::KILL)).context("tying the bare server")?;
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("listening")?;
    report::line(&listener.local_addr()?.to_string());
    serve(listener, work)
}

/// Prints nothing and returns only with an error.
fn serve(listener: std::net::TcpListener, work: Work) -> anyhow::Result<Outcome> {
    listener.set_nonblocking(true).context("making the listener non-blocking")?;
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new().context("creating the poll")?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(EVENTS);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut peers = Peers { all: Vec::new(), work };
    loop {
        poll.poll(&mut events, None).or_else(|error| match error.kind() {
            ErrorKind::Interrupted => Ok(()),
            _ => Err(error),
        })?;
        for event in &events {
            if event.token() == LISTENER {
                peers.accept(&listener, poll.registry())?;
            } else {
                peers.serve(event.token().0, &mut buffer);
            }
        }
    }
}

/// All connections; `None` for those that have ended.
#[derive(Debug)]
struct Peers {
    all: Vec<Option<Peer>>,
    work: Work,
}

impl Peers {
    fn accept(&mut self, listener: &TcpListener, registry: &Registry) -> anyhow::Result<()> {
        loop {
            match listener.accept() {
                Ok((mut stream, _)) => {
                    stream.set_nodelay(true)?;
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    registry.register(&mut stream, Token(self.all.len()), interest)?;
                    let mut peer = Peer { stream, unsent: Vec::new() };
                    if self.work == Work::Repeat {
                        peer.send(GREETING)?;
                    }
                    self.all.push(Some(peer));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("accepting a connection"),
            }
        }
    }

    /// Handles an event of a connection; forgets a connection that has ended.
    fn serve(&mut self, number: usize, buffer: &mut [u8]) {
        while let Some(peer) = &mut self.all[number] {
            match peer.flush().and_then(|()| peer.receive(buffer)) {
                Ok(Some(bytes)) => {
                    let size = bytes.len();
                    self.pass_on(number, bytes);
                    // A short read has emptied the socket.
                    if size < BUFFER_BYTES {
                        return;
                    }
                }
                Ok(None) => return,
                Err(_) => self.all[number] = None,
            }
        }
    }

    fn pass_on(&mut self, from: usize, bytes: &[u8]) {
        match self.work {
            Work::Echo => self.send(from, bytes),
            Work::Repeat => (0..self.all.len())
                .filter(|number| *number != from)
                .for_each(|number| self.send(number, bytes)),
        }
    }

    fn send(&mut self, number: usize, bytes: &[u8]) {
        let place = &mut self.all[number];
        if place.as_mut().is_some_and(|peer| peer.send(bytes).is_err()) {
            *place = None;
        }
    }
}

#[derive(Debug)]
struct Peer {
    stream: TcpStream,
    unsent: Vec<u8>,
}

impl Peer {
    /// One read; `None` if nothing has arrived. Fails at the end of input too.
    fn receive<'a>(&mut self, buffer: &'a mut [u8]) -> std::io::Result<Option<&'a [u8]>> {
        match self.stream.read(buffer) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(size) => Ok(Some(&buffer[..size])),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let taken = if self.unsent.is_empty() { written(self.stream.write(bytes))? } else { 0 };
        self.unsent.extend_from_slice(&bytes[taken..]);
        Ok(())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        if !self.unsent.is_empty() {
            let taken = written(self.stream.write(&self.unsent))?;
            self.unsent.drain(..taken);
        }
        Ok(())
    }
}

/// A full send buffer takes no bytes.
fn written(result: std::io::Result<usize>) -> std::io::Result<usize> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::TcpListener;
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// The address of a bare server on a thread of this process.
    pub(crate) fn start(work: Work) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || serve(listener, work));
        address
    }

    fn connections<const COUNT: usize>(work: Work) -> [std::net::TcpStream; COUNT] {
        let address = start(work);
        std::array::from_fn(|_| {
            let stream = std::net::TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            stream
        })
    }

    fn read(mut stream: &std::net::TcpStream, size: usize) -> Vec<u8> {
        let mut bytes = vec![0; size];
        stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn an_echo_goes_to_its_sender_alone() {
        let [ann, bob] = connections(Work::Echo);
        for (mut stream, text) in [(&ann, b"ann"), (&bob, b"bob"), (&ann, b"an2")] {
            stream.write_all(text).unwrap();
            assert_eq!(read(stream, text.len()), text);
        }
    }

    #[test]
    fn bytes_are_repeated_to_all_others_that_were_greeted() {
        let [ann, bob, cat] = connections(Work::Repeat);
        for stream in [&ann, &bob, &cat] {
            assert_eq!(read(stream, GREETING.len()), GREETING);
        }
        (&ann).write_all(b"from ann").unwrap();
        assert_eq!([read(&bob, 8), read(&cat, 8)], [b"from ann", b"from ann"]);
        (&bob).write_all(b"from bob").unwrap();
        assert_eq!([read(&ann, 8), read(&cat, 8)], [b"from bob", b"from bob"]);
    }

    #[test]
    fn bytes_that_find_no_room_follow_later() {
        let [ann, bob] = connections(Work::Repeat);
        for stream in [&ann, &bob] {
            read(stream, GREETING.len());
        }
        // More than the buffers of a connection hold while nobody reads it.
        let text: Vec<u8> = (0..=u8::MAX).cycle().take(32 << 20).collect();
        let (mut sender, copy) = (ann.try_clone().unwrap(), text.clone());
        let sender = thread::spawn(move || sender.write_all(&copy).unwrap());
        sender.join().unwrap();
        assert!(read(&bob, text.len()) == text);
    }
}
