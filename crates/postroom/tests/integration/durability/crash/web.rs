//! Clients of HTTP.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::work::Scene;
use crate::harness::fallible::FallibleConnection;
use crate::harness::http::HANDSHAKE;

/// The kind of a WebSocket's message.
const TEXT: u8 = 1;

/// A connection to the listener `http` or `http+tls`.
pub(super) struct Web {
    connection: FallibleConnection,
    /// Whose requests it sends.
    credentials: String,
}

/// What the server has answered.
pub(super) struct WebResponse {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Web {
    /// A client of an account without a password.
    pub(super) fn open(scene: &Scene<'_>, name: &str) -> io::Result<Self> {
        let credentials = STANDARD.encode(format!("{name}:"));
        Ok(Self { connection: scene.connect("http")?, credentials })
    }

    /// A request as it is sent. `headers` end with a line end each.
    pub(super) fn request(&self, target: &str, headers: &str, body: &str) -> String {
        let (credentials, length) = (&self.credentials, body.len());
        format!(
            "{target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {credentials}\r\n\
             {headers}Content-Length: {length}\r\n\r\n{body}"
        )
    }

    pub(super) fn send(&mut self, requests: &str) -> io::Result<()> {
        self.connection.send(requests)
    }

    /// The next response.
    pub(super) fn response(&mut self) -> io::Result<WebResponse> {
        let (status, length) = self.head()?;
        let body = self.connection.bytes(length)?;
        let body =
            if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        Ok(WebResponse { status, body })
    }

    /// The status and the length of the next response.
    fn head(&mut self) -> io::Result<(u16, usize)> {
        let line = self.connection.line()?;
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut length = 0;
        loop {
            let line = self.connection.line()?;
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                return Ok((status, length));
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
        }
    }

    /// Begins a stream of server-sent events.
    pub(super) fn follow(&mut self, target: &str, headers: &str) -> io::Result<()> {
        self.send(&self.request(target, headers, ""))?;
        let (status, _) = self.head()?;
        assert_eq!(status, 200, "{target}");
        Ok(())
    }

    /// The data of the next event. Each is one line, within one chunk.
    pub(super) fn event(&mut self) -> io::Result<Value> {
        loop {
            let line = self.connection.line()?;
            if let Some(data) = line.strip_prefix("data: ") {
                return Ok(serde_json::from_str(data).unwrap());
            }
        }
    }

    /// Begins a WebSocket.
    pub(super) fn upgrade(&mut self, target: &str) -> io::Result<()> {
        let request = self.request(target, "", "").replace("\r\n\r\n", HANDSHAKE);
        self.send(&request)?;
        let (status, _) = self.head()?;
        assert_eq!(status, 101, "{target}");
        Ok(())
    }

    /// The next message over a WebSocket. Nothing is said for long enough to be pinged.
    pub(super) fn message(&mut self) -> io::Result<Value> {
        let head = self.connection.bytes(2)?;
        assert_eq!(head[0], 0x80 | TEXT, "another frame than a whole message");
        let length = match head[1] {
            126 => {
                let length = self.connection.bytes(2)?;
                usize::from(u16::from_be_bytes([length[0], length[1]]))
            }
            length => length.into(),
        };
        Ok(serde_json::from_slice(&self.connection.bytes(length)?).unwrap())
    }

    /// Sends a message over a WebSocket, shorter than 126 bytes. The mask changes nothing.
    pub(super) fn tell(&mut self, message: &str) -> io::Result<()> {
        let length = u8::try_from(message.len()).unwrap();
        let head = [0x80 | TEXT, 0x80 | length, 0, 0, 0, 0];
        self.connection.send_bytes(&[&head, message.as_bytes()].concat())
    }

    pub(super) fn reset(self) {
        self.connection.reset();
    }

    /// Ends in order.
    pub(super) fn finish(self) {
        self.connection.finish();
    }
}
