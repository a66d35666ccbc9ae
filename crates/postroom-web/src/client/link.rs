//! A connection to the socket of a server, with a limit for its silence.

use std::future::Future;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use socket2::{Domain, Socket, Type};
use tokio::time::timeout;

use super::error::{Asked, ClientError};
use crate::socket::{SOCKET, with_address};

/// How long a server may say nothing until it is asked whether it is there, and how long it
/// has for that.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no whole answer.
#[derive(Debug)]
pub(super) enum Failure {
    Ended,
    Silent,
    NotUnderstood(Box<dyn std::error::Error + Send + Sync>),
}

impl From<hyper::Error> for Failure {
    fn from(error: hyper::Error) -> Self {
        if error.is_parse() { Self::NotUnderstood(error.into()) } else { Self::Ended }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::NotUnderstood(error.into())
    }
}

/// Where a server is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    folder: PathBuf,
    patience: Duration,
}

impl Place {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), patience: PATIENCE }
    }

    #[cfg(test)]
    pub(super) fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Connects; `None` if no server runs there.
    pub(super) fn connect(&self) -> Result<Option<UnixStream>, ClientError> {
        let connected = || {
            let stream = Socket::new(Domain::UNIX, Type::STREAM, None)?;
            // A server that accepts nobody must not hold a command forever.
            stream.set_write_timeout(Some(self.patience))?;
            with_address(&self.folder, |address| stream.connect(address))?;
            io::Result::Ok(stream)
        };
        match connected() {
            Ok(stream) => Ok(Some(stream.into())),
            Err(error) => match error.kind() {
                // Nobody listens, or there is no socket.
                io::ErrorKind::ConnectionRefused
                | io::ErrorKind::NotFound
                | io::ErrorKind::NotADirectory => Ok(None),
                io::ErrorKind::PermissionDenied => {
                    Err(ClientError::Denied { socket: self.socket() })
                }
                io::ErrorKind::WouldBlock => Err(self.failed(Failure::Silent, Asked::Tell)),
                _ => Err(ClientError::Socket { socket: self.socket(), cause: error }),
            },
        }
    }

    /// The path of the socket, for people.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.join(SOCKET)
    }

    pub(super) fn failed(&self, failure: Failure, asked: Asked) -> ClientError {
        let socket = self.socket();
        match failure {
            Failure::Ended => ClientError::Ended { socket, asked },
            Failure::Silent => ClientError::Silent { socket, waited: self.patience, asked },
            Failure::NotUnderstood(cause) => ClientError::NotUnderstood { socket, cause },
        }
    }

    /// Waits for a part of an answer. A long one may take its time, as long as the server says
    /// meanwhile, on another connection, how it is.
    pub(super) async fn patient<T>(&self, part: impl Future<Output = T>) -> Result<T, Failure> {
        let mut part = pin!(part);
        loop {
            match timeout(self.patience, &mut part).await {
                Ok(part) => return Ok(part),
                Err(_) if self.is_alive().await => {}
                Err(_) => return Err(Failure::Silent),
            }
        }
    }

    async fn is_alive(&self) -> bool {
        let status = async {
            let stream = self.connect().ok().flatten()?;
            let mut sender = begin(stream).await.ok()?;
            let request = request(Method::GET, "/v1/status", Bytes::new()).ok()?;
            sender.send_request(request).await.ok()
        };
        timeout(self.patience, status).await.is_ok_and(|status| status.is_some())
    }
}

/// Begins HTTP on a connection.
pub(super) async fn begin(stream: UnixStream) -> io::Result<SendRequest<Full<Bytes>>> {
    stream.set_nonblocking(true)?;
    let stream = TokioIo::new(tokio::net::UnixStream::from_std(stream)?);
    let (sender, connection) = handshake(stream).await.map_err(io::Error::other)?;
    // Its end shows in the next request.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender)
}

/// A request to the API.
pub(super) fn request(
    method: Method,
    path: &str,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "localhost")
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(body))
}
