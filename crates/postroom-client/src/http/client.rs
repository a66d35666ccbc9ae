//! Requests to a server, over one connection that is opened where there is none.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, LOCATION, RETRY_AFTER,
};
use hyper::{Method, Request, Response};
use postroom_model::{Name, Password};
use serde::de::DeserializeOwned;

use super::connection::{Open, PROTOCOL, failure, unspoken};
use super::stream::Stream;
use super::wire::Wire;
use crate::connection::Resolved;
use crate::refusal::{Head, Refusal};
use crate::settings::Settings;
use crate::signals::Signals;
use crate::{ClientError, Deviation, ServerAddress};

/// The type of server-sent events.
const EVENTS: &str = "text/event-stream";

/// Bytes of a response, at most: a page of a channel's history has less.
const BODY_BYTES_MAX: usize = 4 << 20;

/// A server, and as whom it is asked.
pub(crate) struct HttpClient {
    resolved: Resolved,
    login: Option<Login>,
    timeout: Duration,
    signals: Signals,
    open: Option<Open>,
}

/// As whom requests are made.
struct Login {
    name: Name,
    has_password: bool,
    /// HTTP Basic (RFC 7617).
    credentials: HeaderValue,
}

/// A request.
pub(crate) struct Asked {
    method: Method,
    /// The path and the query.
    path: String,
    body: Option<(&'static str, String)>,
    accept: &'static str,
}

/// A response that is no refusal.
pub(crate) struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Asked {
    fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), body: None, accept: "application/json" }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// With a text as its body.
    pub(crate) fn text(self, text: impl Into<String>) -> Self {
        Self { body: Some(("text/plain; charset=utf-8", text.into())), ..self }
    }

    /// With JSON as its body.
    pub(crate) fn json(self, json: &serde_json::Value) -> Self {
        Self { body: Some(("application/json", json.to_string())), ..self }
    }

    pub(super) fn events(self) -> Self {
        Self { accept: EVENTS, ..self }
    }
}

impl Answer {
    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.status == 204
    }
}

impl Login {
    fn new(name: Name, password: Option<&Password>) -> Result<Self, ClientError> {
        let password_bytes = password.map(Password::as_bytes).unwrap_or_default();
        let pair = [name.as_str().as_bytes(), b":", password_bytes].concat();
        let basic = format!("Basic {}", STANDARD.encode(pair));
        let mut credentials = HeaderValue::from_str(&basic)
            .map_err(|error| ClientError::Input(io::Error::other(error)))?;
        credentials.set_sensitive(true);
        Ok(Self { name, has_password: password.is_some(), credentials })
    }
}

impl HttpClient {
    /// A client of the server of these settings, as `name`, or as nobody.
    pub(crate) fn new(
        settings: &Settings,
        name: Option<Name>,
        timeout: Duration,
        signals: Signals,
    ) -> Result<Self, ClientError> {
        let password = if name.is_some() { settings.password()? } else { None };
        let login = name.map(|name| Login::new(name, password.as_ref())).transpose()?;
        let resolved = Resolved::new(settings)?;
        Ok(Self { resolved, login, timeout, signals, open: None })
    }

    /// The server's address.
    pub(crate) fn server(&self) -> &ServerAddress {
        self.resolved.server()
    }

    /// From now on no signal interrupts, and little is waited for.
    pub(crate) fn hurry(&mut self, timeout: Duration) {
        self.timeout = self.timeout.min(timeout);
        self.signals = Signals::default();
    }

    /// Connects, unless a connection is there that will do.
    pub(crate) fn connect(&mut self) -> Result<(), ClientError> {
        if !self.open.as_mut().is_some_and(Open::takes_a_request) {
            self.open = None;
            let mut transport = self.resolved.connect(self.timeout, &mut &self.signals)?;
            // How a connection ends means nothing to HTTP.
            let prepared = transport.close_in_order();
            prepared.map_err(|error| self.failure(self.timeout, error))?;
            self.open = Some(Open::over(transport).map_err(|error| self.unspoken(&error, None))?);
        }
        Ok(())
    }

    /// Sends a request, and returns the answer, which begins within the time-out or `longer`
    /// later.
    pub(crate) fn ask(&mut self, asked: Asked, longer: Duration) -> Result<Answer, ClientError> {
        self.connect()?;
        let wait = self.timeout + longer;
        let request = self.request(asked, None)?;
        let answered = self.exchange(request, wait).and_then(|response| self.take(response, wait));
        if answered.is_err() {
            self.open = None;
        }
        let (head, body) = answered?;
        if let Some(open) = &mut self.open {
            open.idle();
        }
        self.checked(head, body)
    }

    /// Begins a stream of events behind the one with this id.
    pub(crate) fn stream(&mut self, path: &str, after: &str) -> Result<Stream, ClientError> {
        // A stream has its connection to the end.
        self.open = None;
        self.connect()?;
        let request = self.request(Asked::get(path).events(), Some(after))?;
        let response = self.exchange(request, self.timeout)?;
        let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        let has_events = kind.is_some_and(|kind| kind.starts_with(EVENTS.as_bytes()));
        if response.status().as_u16() != 200 || !has_events {
            let (head, body) = self.take(response, self.timeout)?;
            let answer = self.checked(head, body)?;
            return Err(self.unexpected("GET", &answer.body));
        }
        let body = response.into_body();
        let open = self.open.take().ok_or_else(|| self.dropped())?;
        Ok(Stream::new(open, body, self.server().clone(), self.signals.clone()))
    }

    /// What an answer has as JSON.
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        command: &'static str,
        answer: &Answer,
    ) -> Result<T, ClientError> {
        serde_json::from_slice(&answer.body).map_err(|_| self.unexpected(command, &answer.body))
    }

    /// The error for a body that cannot be an answer.
    pub(crate) fn unexpected(&self, command: &'static str, body: &[u8]) -> ClientError {
        self.deviation(Deviation::unexpected(command, &String::from_utf8_lossy(body)))
    }

    fn request(
        &self,
        asked: Asked,
        after: Option<&str>,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let Asked { method, path, body, accept } = asked;
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.server().to_string())
            .header(ACCEPT, accept);
        if let Some(login) = &self.login {
            request = request.header(AUTHORIZATION, login.credentials.clone());
        }
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        if let Some((kind, _)) = &body {
            request = request.header(CONTENT_TYPE, *kind);
        }
        let body = body.map(|(_, body)| Bytes::from(body)).unwrap_or_default();
        request.body(Full::new(body)).map_err(|error| {
            let server = self.server().clone();
            ClientError::Connection { server, source: io::Error::other(error) }
        })
    }

    fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        wait: Duration,
    ) -> Result<Response<Incoming>, ClientError> {
        let deadline = Instant::now() + wait;
        let Some(open) = &mut self.open else { return Err(self.dropped()) };
        let sent = open.send(request, deadline, &self.signals);
        let wire = Rc::clone(open.wire());
        sent.map_err(|error| failure(self.server(), &wire, wait, error))?
            .map_err(|error| self.unspoken(&error, Some(&wire)))
    }

    /// The whole of a response.
    fn take(
        &mut self,
        response: Response<Incoming>,
        wait: Duration,
    ) -> Result<(Head, Vec<u8>), ClientError> {
        let deadline = Instant::now() + wait;
        let head = head_of(&response);
        let mut incoming = response.into_body();
        let mut body = Vec::new();
        loop {
            let Some(open) = &mut self.open else { return Err(self.dropped()) };
            let frame = open.frame(&mut incoming, deadline, &self.signals);
            let wire = Rc::clone(open.wire());
            match frame.map_err(|error| failure(self.server(), &wire, wait, error))? {
                None => return Ok((head, body)),
                Some(Err(error)) => return Err(self.unspoken(&error, Some(&wire))),
                Some(Ok(bytes)) => body.extend_from_slice(&bytes),
            }
            if body.len() > BODY_BYTES_MAX {
                return Err(self.deviation(Deviation::TooMuch));
            }
        }
    }

    /// The answer, or the refusal that it is.
    fn checked(&self, head: Head, body: Vec<u8>) -> Result<Answer, ClientError> {
        let status = head.status;
        if (200..300).contains(&status) {
            return Ok(Answer { status, body });
        }
        let server = self.server().clone();
        Err(match &self.login {
            Some(Login { name, has_password, .. }) if status == 401 => {
                let (name, with_password) = (name.clone(), *has_password);
                ClientError::LoginRefused { server, name, with_password }
            }
            None if status == 401 => ClientError::NameMissing,
            _ => Refusal::new(server, head, &body).into(),
        })
    }

    fn deviation(&self, deviation: Deviation) -> ClientError {
        ClientError::deviation(self.server(), PROTOCOL, deviation)
    }

    fn failure(&self, wait: Duration, error: io::Error) -> ClientError {
        ClientError::connection(self.server(), wait, error)
    }

    fn dropped(&self) -> ClientError {
        ClientError::Dropped { server: self.server().clone() }
    }

    fn unspoken(&self, error: &hyper::Error, wire: Option<&Rc<RefCell<Wire>>>) -> ClientError {
        unspoken(self.server(), self.timeout, error, wire)
    }
}

fn head_of(response: &Response<Incoming>) -> Head {
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let retry_after = header(RETRY_AFTER).and_then(|seconds| seconds.parse().ok());
    let location = header(LOCATION).map(str::to_owned);
    Head { status: response.status().as_u16(), retry_after, location }
}
