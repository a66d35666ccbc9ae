//! A server that says what a script says, in a thread of its own.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use socket2::SockRef;

use crate::script::{Step, steps};

/// How long the server waits for a client that may have nothing to say.
const PATIENCE: Duration = Duration::from_millis(2);

/// How long it waits for a client to end: longer than the client waits for it.
const END_WAIT_MAX: Duration = Duration::from_secs(20);

/// A server for one client after the other.
pub(super) struct Server {
    port: u16,
    scripts: Sender<Vec<Step>>,
    ends: Receiver<()>,
}

thread_local! {
    /// Targets run on one thread when they are fuzzed, and on several as tests.
    static SERVER: Server = Server::start();
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let port = listener.local_addr().expect("a listener has an address").port();
        let (scripts, received) = channel::<Vec<Step>>();
        let (ended, ends) = channel();
        std::thread::spawn(move || {
            while let Ok(script) = received.recv() {
                let (front, _) = listener.accept().expect("a client connects");
                Peer::new(front).play(&script);
                if ended.send(()).is_err() {
                    return;
                }
            }
        });
        Self { port, scripts, ends }
    }

    /// Runs a client against a server that plays this script.
    pub(super) fn serve<T>(script: &[u8], client: impl FnOnce(u16) -> T) -> T {
        SERVER.with(|server| {
            server.scripts.send(steps(script)).expect("the server runs");
            let outcome = client(server.port);
            server.ends.recv().expect("the server plays the script");
            outcome
        })
    }
}

/// The server's ends of the connections.
struct Peer {
    front: TcpStream,
    back: Option<TcpStream>,
    /// All that the client has sent.
    heard: Vec<u8>,
    speaks_back: bool,
}

impl Peer {
    fn new(front: TcpStream) -> Self {
        front.set_nodelay(true).expect("TCP has the option");
        wait_for(&front, PATIENCE);
        Self { front, back: None, heard: Vec::new(), speaks_back: false }
    }

    fn play(mut self, script: &[Step]) {
        for step in script {
            match step {
                Step::Bytes(bytes) => self.say(bytes),
                Step::Action(b'.') => self.listen(),
                Step::Action(b'f') => self.speaks_back = false,
                Step::Action(b'b') => {
                    self.dial();
                    self.speaks_back = self.back.is_some();
                }
                Step::Action(b'E') => {
                    self.back = None;
                    self.speaks_back = false;
                }
                Step::Action(_) => {}
            }
        }
        self.end();
    }

    /// A client that has gone is not told.
    fn say(&mut self, bytes: &[u8]) {
        let stream = self.back.as_mut().filter(|_| self.speaks_back).unwrap_or(&mut self.front);
        let _ = stream.write_all(bytes);
    }

    fn listen(&mut self) {
        let stream = self.back.as_mut().filter(|_| self.speaks_back).unwrap_or(&mut self.front);
        let mut bytes = [0; 4_096];
        if let Ok(count) = stream.read(&mut bytes) {
            self.heard.extend_from_slice(&bytes[..count]);
        }
    }

    /// Dials the port that a client of im has named.
    fn dial(&mut self) {
        let heard = String::from_utf8_lossy(&self.heard);
        let port = heard.lines().rev().find_map(|line| line.strip_prefix("/port ")?.parse().ok());
        if let (None, Some(port)) = (&self.back, port)
            && let Ok(back) = TcpStream::connect(("127.0.0.1", port))
        {
            wait_for(&back, PATIENCE);
            self.back = Some(back);
        }
    }

    /// Ends both connections, and waits for the client's end.
    fn end(mut self) {
        for stream in self.back.iter().chain([&self.front]) {
            // The client may be gone already.
            let _ = stream.shutdown(Shutdown::Write);
        }
        wait_for(&self.front, END_WAIT_MAX);
        let mut rest = [0; 4_096];
        while matches!(self.front.read(&mut rest), Ok(1..)) {}
        // Thousands of connections a second would leave as many waiting for stray segments.
        let _ = SockRef::from(&self.front).set_linger(Some(Duration::ZERO));
    }
}

/// A read of this stream waits so long at most.
fn wait_for(stream: &TcpStream, time: Duration) {
    stream.set_read_timeout(Some(time)).expect("the time is not zero");
}
