//! A server that does what a test tells it to, on a real socket, and an output
//! that can be looked at while it is written.
//!
//! Nothing here waits for a time to pass: the server waits for the client's
//! lines and its end, and gives up on a client that hangs.

use std::io::{self, BufRead as _, BufReader, PipeReader, Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use postroom_client::{ServerAddress, ServerArguments};

/// How long a client may keep the server waiting before the test fails.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct FakeServer {
    pub(crate) address: ServerAddress,
    thread: JoinHandle<()>,
}

impl FakeServer {
    /// Serves one connection as `script` says.
    pub(crate) fn start(script: impl FnOnce(Peer) + Send + 'static) -> Self {
        Self::accepting(|accept| script(accept()))
    }

    /// Serves connections as `script` says, which accepts each.
    pub(crate) fn accepting(script: impl FnOnce(&dyn Fn() -> Peer) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = std::thread::spawn(move || script(&|| Peer::accept(&listener)));
        Self { address: ServerAddress::new("127.0.0.1", port), thread }
    }

    /// Waits for the script's end; its failure is the test's.
    pub(crate) fn finish(self) {
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// A server as an option gives it.
pub(crate) fn at(server: &ServerAddress) -> ServerArguments {
    ServerArguments { server: Some(server.clone().into()), ..ServerArguments::default() }
}

/// The server's end of the connection.
pub(crate) struct Peer {
    stream: BufReader<TcpStream>,
}

impl Peer {
    fn accept(listener: &TcpListener) -> Self {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// Connects back to a client that listens at this port.
    pub(crate) fn dial(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// The client's next line, its end left out.
    #[track_caller]
    pub(crate) fn line(&mut self) -> String {
        let mut received = String::new();
        self.stream.read_line(&mut received).unwrap();
        assert_eq!(received.pop(), Some('\n'), "the client has ended");
        received
    }

    /// The client's next line must be this.
    #[track_caller]
    pub(crate) fn expect(&mut self, line: &str) {
        let mut received = String::new();
        self.stream.read_line(&mut received).unwrap();
        assert_eq!(received, format!("{line}\n"));
    }

    /// Sends these bytes.
    #[track_caller]
    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    /// The client's next request of HTTP must be this, with this body.
    #[track_caller]
    pub(crate) fn expect_request(&mut self, request: &str, body: &str) {
        let line = self.line();
        assert_eq!(line.strip_suffix(" HTTP/1.1\r"), Some(request));
        let mut length = 0;
        loop {
            let header = self.line().to_lowercase();
            if let Some(value) = header.strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
            if header == "\r" {
                break;
            }
        }
        let mut sent = vec![0; length];
        self.stream.read_exact(&mut sent).unwrap();
        assert_eq!(String::from_utf8_lossy(&sent), body);
    }

    /// Answers a request of HTTP; the headers each end with CR LF.
    #[track_caller]
    pub(crate) fn answer(&mut self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        self.say(format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n{body}"));
    }

    /// Takes all that the client sends.
    pub(crate) fn drain(mut self) {
        let _ = self.stream.read_to_end(&mut Vec::new());
    }

    /// Sends these bytes unless the client has gone.
    pub(crate) fn try_say(&mut self, bytes: &[u8]) -> bool {
        self.stream.get_mut().write_all(bytes).is_ok()
    }

    /// The client must send nothing more and end in order.
    #[track_caller]
    pub(crate) fn expect_end(&mut self) {
        let mut rest = String::new();
        self.stream.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }

    /// The client must send nothing more and reset the connection, which
    /// confirms nothing.
    #[track_caller]
    pub(crate) fn expect_reset(&mut self) {
        let mut rest = Vec::new();
        let ended = self.stream.read_to_end(&mut rest);
        assert_eq!(String::from_utf8_lossy(&rest), "");
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    /// EXIT, the end, and the server's close.
    #[track_caller]
    pub(crate) fn expect_exit(mut self) {
        self.expect("EXIT");
        self.expect_end();
    }
}

/// What is typed, through a real pipe, all of it at once.
pub(crate) fn typed(lines: &str) -> PipeReader {
    let (reader, mut writer) = io::pipe().unwrap();
    writer.write_all(lines.as_bytes()).unwrap();
    reader
}

/// An output that others can look at: only what was flushed is seen.
#[derive(Clone, Default)]
pub(crate) struct Screen {
    flushed: Arc<Mutex<Vec<u8>>>,
    pending: Vec<u8>,
}

impl Screen {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.flushed.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.flushed.lock().unwrap().append(&mut self.pending);
        Ok(())
    }
}
