//! The client of the API, for the commands of the program.

use std::io;
use std::ops::ControlFlow;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body as _, Bytes};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use socket2::{Domain, Socket, Type};
use thiserror::Error;
use tokio::runtime::{self, Runtime};

use crate::api::Problem;
use crate::socket::{SOCKET, with_address};

/// Bytes of an answer, at most: a page of a list has far less.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Bytes of a line of an answer, at most: a line with a text has far less.
const LINE_BYTES_MAX: usize = 1 << 20;

/// A connection to a running server.
#[derive(Debug)]
pub struct AdminClient {
    runtime: Runtime,
    sender: SendRequest<Full<Bytes>>,
    socket: PathBuf,
}

/// Why a server did not do what it was asked.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The socket cannot be used.
    #[error("cannot ask the server at {}: {cause}", socket.display())]
    Socket {
        /// The socket.
        socket: PathBuf,
        /// The system's error, or that of HTTP.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The system refuses it.
    #[error(
        "only the user who runs the server, and root, may use {}; run this command as that user",
        socket.display()
    )]
    Denied {
        /// The socket.
        socket: PathBuf,
    },
    /// The server refuses it.
    #[error("{}", .0.detail)]
    Refused(Problem),
    /// What it sends does not end as announced.
    #[error(
        "the server at {} stopped in the middle: {received} of {bytes} bytes have come",
        socket.display()
    )]
    Cut {
        /// The socket.
        socket: PathBuf,
        /// Bytes that have come.
        received: u64,
        /// Bytes that were announced.
        bytes: u64,
    },
    /// What it sends cannot be kept.
    #[error(transparent)]
    Kept(io::Error),
}

impl AdminClient {
    /// Connects to the server that runs in a folder; `None` if none does.
    pub fn connect(folder: &Path) -> Result<Option<Self>, ClientError> {
        let socket = folder.join(SOCKET);
        let failed =
            |cause: io::Error| ClientError::Socket { socket: socket.clone(), cause: cause.into() };
        let stream = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(failed)?;
        match with_address(folder, |address| stream.connect(address)) {
            Ok(()) => {}
            // Nobody listens, or there is no socket.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionRefused
                        | io::ErrorKind::NotFound
                        | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(ClientError::Denied { socket });
            }
            Err(error) => return Err(failed(error)),
        }
        let open = || {
            let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
            stream.set_nonblocking(true)?;
            let stream = UnixStream::from(stream);
            let sender = runtime.block_on(async {
                let stream = TokioIo::new(tokio::net::UnixStream::from_std(stream)?);
                let (sender, connection) = handshake(stream).await.map_err(io::Error::other)?;
                // Its end shows in the next request.
                tokio::spawn(async move { drop(connection.await) });
                io::Result::Ok(sender)
            })?;
            io::Result::Ok((runtime, sender))
        };
        let (runtime, sender) = open().map_err(failed)?;
        Ok(Some(Self { runtime, sender, socket }))
    }

    /// Asks with `GET`.
    pub fn get<T: DeserializeOwned>(&mut self, path: &str) -> Result<T, ClientError> {
        self.ask(Method::GET, path, Bytes::new())
    }

    /// Asks with `POST`.
    pub fn post<T: DeserializeOwned>(
        &mut self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| self.failed(error.into()))?;
        self.ask(Method::POST, path, body.into())
    }

    /// Asks with `GET` for an answer in lines of JSON, and passes one after the other to
    /// `take`, until that breaks it off.
    pub fn lines<T: DeserializeOwned>(
        &mut self,
        path: &str,
        mut take: impl FnMut(T) -> ControlFlow<()>,
    ) -> Result<(), ClientError> {
        let request = self.request(Method::GET, path, Bytes::new())?;
        let sender = &mut self.sender;
        let answered = self.runtime.block_on(async {
            sender.ready().await?;
            let response = sender.send_request(request).await?;
            let (status, mut body) = (response.status(), response.into_body());
            if !status.is_success() {
                let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?;
                return Ok(Err(serde_json::from_slice(&body.to_bytes())?));
            }
            let mut lines = Lines::default();
            while let Some(frame) = body.frame().await {
                lines.add(&frame?.into_data().unwrap_or_default())?;
                while let Some(line) = lines.next() {
                    if take(serde_json::from_slice(line)?).is_break() {
                        return Ok(Ok(()));
                    }
                }
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(Ok(()))
        });
        answered.map_err(|cause| self.failed(cause))?.map_err(ClientError::Refused)
    }

    /// Asks with `POST` for something that `keep` takes piece by piece; returns its length.
    pub fn download(
        &mut self,
        path: &str,
        mut keep: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<u64, ClientError> {
        let request = self.request(Method::POST, path, Bytes::new())?;
        let sender = &mut self.sender;
        let socket = &self.socket;
        let answer = self.runtime.block_on(async {
            let failed = |cause: hyper::Error| ClientError::Socket {
                socket: socket.clone(),
                cause: cause.into(),
            };
            sender.ready().await.map_err(failed)?;
            let response = sender.send_request(request).await.map_err(failed)?;
            let status = response.status();
            let mut body = response.into_body();
            if !status.is_success() {
                let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
                return body
                    .map(|body| Err(body.to_bytes()))
                    .map_err(|cause| ClientError::Socket { socket: socket.clone(), cause });
            }
            let bytes = body.size_hint().exact().unwrap_or(u64::MAX);
            let mut received = 0;
            while let Some(Ok(frame)) = body.frame().await {
                if let Ok(data) = frame.into_data() {
                    keep(&data).map_err(ClientError::Kept)?;
                    received += data.len() as u64;
                }
            }
            if received == bytes {
                return Ok(Ok(bytes));
            }
            Err(ClientError::Cut { socket: socket.clone(), received, bytes })
        });
        match answer? {
            Ok(bytes) => Ok(bytes),
            Err(problem) => Err(serde_json::from_slice(&problem)
                .map_or_else(|error| self.failed(error.into()), ClientError::Refused)),
        }
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "localhost")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| self.failed(error.into()))
    }

    fn ask<T: DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, ClientError> {
        let request = self.request(method, path, body)?;
        let sender = &mut self.sender;
        let answer = self.runtime.block_on(async {
            sender.ready().await?;
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((status, body.to_bytes()))
        });
        let (status, body) = answer.map_err(|cause| self.failed(cause))?;
        let understood = if status.is_success() {
            serde_json::from_slice(&body).map(Ok)
        } else {
            serde_json::from_slice(&body).map(|problem| Err(ClientError::Refused(problem)))
        };
        understood.map_err(|error| self.failed(error.into()))?
    }

    /// The server was asked, and has not answered to the end.
    fn failed(&self, cause: Box<dyn std::error::Error + Send + Sync>) -> ClientError {
        ClientError::Socket { socket: self.socket.clone(), cause }
    }
}

/// The lines of an answer.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    /// Where the next line begins.
    begin: usize,
}

impl Lines {
    fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes.drain(..self.begin);
        self.begin = 0;
        if self.bytes.len() > LINE_BYTES_MAX {
            return Err(io::Error::other("a line of the answer is too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn next(&mut self) -> Option<&[u8]> {
        let rest = &self.bytes[self.begin..];
        let length = rest.iter().position(|byte| *byte == b'\n')?;
        self.begin += length + 1;
        Some(&rest[..length])
    }
}
