//! The client of the API, for the commands of the program.

mod error;
mod exchange;
mod lines;
mod link;

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper::{Method, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{self, Runtime};

pub use error::{Asked, ClientError};

use exchange::Exchange;
use lines::Lines;
use link::Place;

/// A connection to a running server.
#[derive(Debug)]
pub struct AdminClient {
    runtime: Runtime,
    sender: SendRequest<Full<Bytes>>,
    place: Place,
}

impl AdminClient {
    /// Connects to the server that runs in a folder; `None` if none does.
    pub fn connect(folder: &Path) -> Result<Option<Self>, ClientError> {
        Self::connect_to(Place::new(folder))
    }

    fn connect_to(place: Place) -> Result<Option<Self>, ClientError> {
        let Some(stream) = place.connect()? else {
            return Ok(None);
        };
        let open = || {
            let runtime =
                runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
            let sender = runtime.block_on(link::begin(stream))?;
            io::Result::Ok((runtime, sender))
        };
        match open() {
            Ok((runtime, sender)) => Ok(Some(Self { runtime, sender, place })),
            Err(cause) => Err(ClientError::Socket { socket: place.socket(), cause }),
        }
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
        let body = serde_json::to_vec(body).map_err(|error| self.unasked(error.into()))?;
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
        let Self { runtime, sender, place } = self;
        runtime.block_on(async {
            let mut exchange = Exchange::begin(sender, place, request, Asked::Tell).await?;
            let mut lines = Lines::default();
            while let Some(bytes) = exchange.next().await? {
                lines.add(&bytes).map_err(|error| exchange.not_understood(error))?;
                while let Some(line) = lines.next() {
                    let line = serde_json::from_slice(line);
                    if take(line.map_err(|error| exchange.not_understood(error))?).is_break() {
                        return Ok(());
                    }
                }
            }
            Ok(())
        })
    }

    /// Asks with `POST` for something of this type that `keep` takes piece by piece; returns
    /// its length.
    pub fn download(
        &mut self,
        path: &str,
        content_type: &str,
        mut keep: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<u64, ClientError> {
        let request = self.request(Method::POST, path, Bytes::new())?;
        let Self { runtime, sender, place } = self;
        runtime.block_on(async {
            let mut exchange = Exchange::begin(sender, place, request, Asked::Tell).await?;
            let bytes = exchange.bytes_of(content_type)?;
            let mut received = 0;
            loop {
                match exchange.next().await {
                    Ok(Some(data)) => {
                        keep(&data).map_err(ClientError::Kept)?;
                        received += data.len() as u64;
                    }
                    Ok(None) if received == bytes => return Ok(bytes),
                    Ok(None) | Err(ClientError::Ended { .. }) => {
                        return Err(ClientError::Cut { socket: place.socket(), received, bytes });
                    }
                    Err(error) => return Err(error),
                }
            }
        })
    }

    fn ask<T: DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<T, ClientError> {
        let asked = if method == Method::GET { Asked::Tell } else { Asked::Change };
        let request = self.request(method, path, body)?;
        let Self { runtime, sender, place } = self;
        runtime
            .block_on(async { Exchange::begin(sender, place, request, asked).await?.whole().await })
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        link::request(method, path, body).map_err(|error| self.unasked(io::Error::other(error)))
    }

    /// There is no request that could be sent.
    fn unasked(&self, cause: io::Error) -> ClientError {
        ClientError::Socket { socket: self.place.socket(), cause }
    }
}

#[cfg(test)]
mod tests;
