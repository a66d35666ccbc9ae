//! Clients of HTTP: raw bytes, and curl.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use socket2::SockRef;

use super::support::{PATIENCE, Server, need};

/// A connection that is given bytes.
pub(crate) struct Http {
    stream: TcpStream,
    /// What has come and belongs to no response yet.
    left: Vec<u8>,
}

/// A response.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names are in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The word for its problem.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], self.status, "{self:?}");
        assert!(json["title"].is_string() && json["detail"].is_string(), "{self:?}");
        let kind = json["type"].as_str().unwrap();
        kind.strip_prefix("/api/v1/problems/").unwrap().to_owned()
    }
}

impl Http {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, left: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends bytes until the peer takes no more, at most so often.
    pub(crate) fn send_while_taken(&mut self, bytes: &[u8], times: usize) {
        self.stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        let _ = (0..times).try_for_each(|_| self.stream.write_all(bytes));
    }

    /// Sends bytes; returns whether the peer has taken all of them soon.
    pub(crate) fn flood(&mut self, bytes: &[u8]) -> bool {
        self.stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        self.stream.write_all(bytes).is_ok()
    }

    pub(crate) fn half_close(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    /// Breaks the connection off.
    pub(crate) fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Sends a request of bob, who has no password.
    pub(crate) fn request(&mut self, method: &str, path: &str, body: &str) -> Response {
        self.send(request(method, path, body));
        self.response()
    }

    /// The next response, which says how long it is.
    pub(crate) fn response(&mut self) -> Response {
        self.maybe_response().expect("the server has closed the connection")
    }

    /// The head of a response whose body comes in chunks.
    pub(crate) fn head(&mut self) -> Response {
        self.maybe_head().expect("the server has closed the connection")
    }

    /// The next chunk of such a body: nothing is its end.
    pub(crate) fn chunk(&mut self) -> String {
        let length = self.take_line();
        let Some(length) = length else {
            return String::new();
        };
        let length = usize::from_str_radix(&length, 16).unwrap();
        while self.left.len() < length + 2 {
            assert!(self.more() > 0, "half a chunk");
        }
        let chunk = self.left.drain(..length).collect();
        assert_eq!(self.left.drain(..2).collect::<Vec<_>>(), b"\r\n");
        String::from_utf8(chunk).unwrap()
    }

    fn take_line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = find(&self.left, b"\r\n") {
                let line = self.left.drain(..end + 2).take(end).collect();
                return Some(String::from_utf8(line).unwrap());
            }
            if self.more() == 0 {
                return None;
            }
        }
    }

    /// The next response; `None` at the end of the connection.
    pub(crate) fn maybe_response(&mut self) -> Option<Response> {
        let head = self.maybe_head()?;
        Some(self.body_of(head))
    }

    /// The response that has this head.
    pub(crate) fn body_of(&mut self, head: Response) -> Response {
        let Response { status, headers, .. } = head;
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.map_or(0, |(_, length)| length.parse().unwrap());
        while self.left.len() < length {
            assert!(self.more() > 0, "half a body");
        }
        let body = String::from_utf8(self.left.drain(..length).collect()).unwrap();
        Response { status, headers, body }
    }

    fn maybe_head(&mut self) -> Option<Response> {
        let head = loop {
            if let Some(end) = find(&self.left, b"\r\n\r\n") {
                break self.left.drain(..end + 4).collect::<Vec<_>>();
            }
            if self.more() == 0 {
                assert!(self.left.is_empty(), "half a response");
                return None;
            }
        };
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_lowercase(), value.to_owned())
        };
        let headers = lines.take_while(|line| !line.is_empty()).map(header).collect();
        Some(Response { status, headers, body: String::new() })
    }

    /// Begins a WebSocket as bob.
    pub(crate) fn websocket(address: SocketAddr, path: &str) -> WebSocket {
        let mut http = Self::connect(address);
        http.send(request("GET", path, "").replace("\r\n\r\n", HANDSHAKE));
        http.into_websocket()
    }

    /// The WebSocket that it has asked for with [`HANDSHAKE`].
    pub(crate) fn into_websocket(mut self) -> WebSocket {
        let head = self.head();
        assert_eq!(head.status, 101, "{head:?}");
        assert_eq!(head.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        WebSocket(self)
    }

    /// The next bytes, as many as these.
    fn bytes(&mut self, length: usize) -> Vec<u8> {
        while self.left.len() < length {
            assert!(self.more() > 0, "the server has closed the connection");
        }
        self.left.drain(..length).collect()
    }

    fn more(&mut self) -> usize {
        let mut buffer = [0; 4_096];
        // A reset ends a connection, too.
        let length = match self.stream.read(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => 0,
            read => read.expect("the server says nothing"),
        };
        self.left.extend_from_slice(&buffer[..length]);
        length
    }
}

/// What begins a WebSocket, with the key of RFC 6455, 1.3.
pub(crate) const HANDSHAKE: &str = "\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A WebSocket: frames as RFC 6455, 5.2, has them.
pub(crate) struct WebSocket(Http);

impl WebSocket {
    pub(crate) const TEXT: u8 = 1;
    pub(crate) const BINARY: u8 = 2;
    pub(crate) const CLOSE: u8 = 8;
    pub(crate) const PING: u8 = 9;
    pub(crate) const PONG: u8 = 10;

    /// Sends a whole frame. Its mask changes nothing.
    pub(crate) fn send(&mut self, kind: u8, payload: &[u8]) {
        let length = u16::try_from(payload.len()).unwrap();
        let mut frame = vec![0x80 | kind];
        if let Ok(short @ ..126) = u8::try_from(length) {
            frame.push(0x80 | short);
        } else {
            frame.push(0xfe);
            frame.extend(length.to_be_bytes());
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        self.0.send(frame);
    }

    /// The next frame.
    pub(crate) fn frame(&mut self) -> (u8, Vec<u8>) {
        let head = self.0.bytes(2);
        assert_eq!(head[0] & 0xf0, 0x80, "a whole frame");
        let length = match head[1] {
            126 => u16::from_be_bytes(self.0.bytes(2).try_into().unwrap()).into(),
            127 => panic!("a frame of more than 64 KiB"),
            length => length.into(),
        };
        (head[0] & 0xf, self.0.bytes(length))
    }

    /// The next message.
    pub(crate) fn json(&mut self) -> Value {
        let (kind, payload) = self.frame();
        let text = String::from_utf8(payload).unwrap();
        assert_eq!(kind, Self::TEXT, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The code with which the server closes it, and why.
    pub(crate) fn close(&mut self) -> (u16, String) {
        let (kind, payload) = self.frame();
        assert_eq!(kind, Self::CLOSE, "{payload:?}");
        let (code, reason) = payload.split_at(2);
        (u16::from_be_bytes(code.try_into().unwrap()), String::from_utf8(reason.into()).unwrap())
    }

    /// The connection itself.
    pub(crate) fn connection(&mut self) -> &mut Http {
        &mut self.0
    }

    /// Breaks the connection off.
    pub(crate) fn reset(self) {
        self.0.reset();
    }
}

/// A request of bob, who has no password.
pub(crate) fn request(method: &str, path: &str, body: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic Ym9iOg==\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The same request with an idempotency key.
pub(crate) fn with_key(request: &str, key: &str) -> String {
    request.replacen("\r\n\r\n", &format!("\r\nIdempotency-Key: {key}\r\n\r\n"), 1)
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}

/// Asks a server with curl; returns the status and the body.
pub(crate) fn curl(server: &Server, path: &str, arguments: &[&str]) -> (u16, String) {
    need("curl", "curl");
    let mut command = Command::new("curl");
    command.args(["-sS", "-m", "30", "-w", "\n%{http_code}"]).args(arguments);
    command.arg(format!("http://{}{path}", server.address("http")));
    let output = command.output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    (status.parse().unwrap(), body.to_owned())
}

pub(crate) fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
}
